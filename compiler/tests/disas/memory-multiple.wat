;; The second memory is reached through its entry; the first is fused all the same.
(module
  (memory 1) (memory $other 1)
  (func $copy_word (param i32)
    (i32.store (local.get 0) (i32.load $other (local.get 0))))
  (func $size (result i32) (memory.size $other)))

;;= wasm[0]::copy_word:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq %rsi, %r8
;;=   addq -0x68(%rsi), %r8
;;=   movl (%r8, %rdi), %r8d
;;=   movl %r8d, (%rsi, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::size:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -0x60(%rsi), %rdx
;;=   shrq $0x10, %rdx
;;=   movl %edx, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

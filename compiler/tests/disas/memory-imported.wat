;; An imported memory: its base is a distance from the context that never changes.
(module
  (import "env" "memory" (memory 1))
  (func $sum (param $at i32) (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=16 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func $size (result i32) (memory.size)))

;;= wasm[0]::sum:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r11
;;=   uninit  %rax
;;=   xorl %eax, %eax
;;=   addq -0x68(%r11), %r11
;;=   jmp     label1
;;= block1:
;;=   addl 0x10(%r11, %rdi), %eax
;;=   jmp     label2
;;= block2:
;;=   subl $0x1, %esi
;;=   leal 4(%rdi), %edi
;;=   testl %esi, %esi
;;=   jnz     label3; j label4
;;= block3:
;;=   jmp     label1
;;= block4:
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::size:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -0x60(%rsi), %rdi
;;=   movq 8(%rsi, %rdi), %rsi
;;=   shrq $0x10, %rsi
;;=   movl %esi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A call of an import sets the callee's context and restores the own.
(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory 1)
  (func $call (param i32) (result i32)
    (i32.store (local.get 0) (call $f (i32.load (local.get 0))))
    (call $f (local.get 0))))

;;= wasm[1]::call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;=   movq %r13, 8(%rsp)
;;= block0:
;;=   movq    %r15, %r12
;;=   movl (%r12, %rdi), %r10d
;;=   movq %rdi, %r13
;;=   movq %r12, %r11
;;=   addq -0x78(%r12), %r11
;;=   movq    %r11, %r15
;;=   movq -0x80(%r12), %r11
;;=   movq %r10, %rdi
;;=   call    *%r11
;;=   movq    %r12, %r15
;;=   movq    %r15, %r12
;;=   movq %r13, %rdi
;;=   movl %eax, (%r12, %rdi)
;;=   movq %r12, %rax
;;=   addq -0x78(%r12), %rax
;;=   movq    %rax, %r15
;;=   movq -0x80(%r12), %rax
;;=   call    *%rax
;;=   movq    %r12, %r15
;;=   movq (%rsp), %r12
;;=   movq 8(%rsp), %r13
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

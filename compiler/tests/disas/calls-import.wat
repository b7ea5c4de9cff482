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
;;=   subq $0x20, %rsp
;;=   movq %rbx, (%rsp)
;;=   movq %r12, 8(%rsp)
;;=   movq %r13, 0x10(%rsp)
;;=   movq %r14, 0x18(%rsp)
;;= block0:
;;=   movq    %r15, %r12
;;=   movl %edi, %r14d
;;=   movq %rdi, %rbx
;;=   movl (%r12, %r14), %edi
;;=   movq %r12, %r11
;;=   addq -0x78(%r12), %r11
;;=   movq    %r11, %r15
;;=   movq -0x80(%r12), %rax
;;=   call    *%rax
;;=   movq    %r12, %r15
;;=   movq    %r15, %r13
;;=   movl %eax, (%r13, %r14)
;;=   movq %r13, %rax
;;=   addq -0x78(%r13), %rax
;;=   movq    %rax, %r15
;;=   movq -0x80(%r13), %rax
;;=   movq %rbx, %rdi
;;=   call    *%rax
;;=   movq    %r13, %r15
;;=   movq (%rsp), %rbx
;;=   movq 8(%rsp), %r12
;;=   movq 0x10(%rsp), %r13
;;=   movq 0x18(%rsp), %r14
;;=   addq $0x20, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

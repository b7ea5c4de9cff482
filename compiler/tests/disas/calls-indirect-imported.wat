;; An imported table: the length is in its owner's entry.
(module
  (import "env" "t" (table 8 funcref))
  (type $t (func (param i32) (result i32)))
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[0]::call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;= block0:
;;=   movq    %r15, %rbx
;;=   movq -0x60(%rbx), %rax
;;=   movq 8(%rbx, %rax), %rcx
;;=   movq -0x68(%rbx), %r8
;;=   leaq -0x40(%rbx), %rdx
;;=   leaq (%rbx, %r8), %rax
;;=   leaq (%rax, %rsi, 4), %r8
;;=   cmpq %rcx, %rsi
;;=   cmovaeq %rdx, %r8
;;=   movl (%r8), %edx
;;=   movq -0x28(%rbx), %rax
;;=   leaq (%rbx, %rax), %r8
;;=   movl %edx, %r9d
;;=   shlq $0x4, %r9
;;=   movl 8(%r8, %r9), %r10d
;;=   movl -0x70(%rbx), %eax
;;=   cmpl %eax, %r10d
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%r8, %r9), %rcx
;;=   movslq 0xc(%r8, %r9), %rdx
;;=   movq %rbx, %rsi
;;=   addq -0x30(%rbx), %rsi
;;=   shlq $0xc, %rdx
;;=   leaq (%rsi, %rdx), %rax
;;=   movq    %rax, %r15
;;=   call    *%rcx
;;=   movq    %rbx, %r15
;;=   movq (%rsp), %rbx
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   cmpq %rcx, %rsi
;;=   jnb #trap=user4
;;=   testl %edx, %edx
;;=   jz #trap=user5
;;=   ud2

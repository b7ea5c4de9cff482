;; A call through a typed reference needs no check of the type; through one that has subtypes a mismatch is looked at again.
(module
  (type $t (func (param i32) (result i32)))
  (type $open (sub (func)))
  (table 2 10 funcref)
  (func $call_ref (param (ref null $t) i32) (result i32)
    (call_ref $t (local.get 1) (local.get 0)))
  (func $call_open (export "f") (param i32)
    (call_indirect (type $open) (local.get 0))))

;;= wasm[0]::call_ref:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;= block0:
;;=   testl %edi, %edi
;;=   jz #trap=user12
;;=   movq    %r15, %rbx
;;=   movq -0x28(%rbx), %rax
;;=   leaq (%rbx, %rax), %rdx
;;=   movl %edi, %edi
;;=   shlq $0x4, %rdi
;;=   movq (%rdx, %rdi), %rcx
;;=   movslq 0xc(%rdx, %rdi), %rdx
;;=   movq %rbx, %rdi
;;=   addq -0x30(%rbx), %rdi
;;=   shlq $0xc, %rdx
;;=   leaq (%rdi, %rdx), %rax
;;=   movq    %rax, %r15
;;=   movq %rsi, %rdi
;;=   call    *%rcx
;;=   movq    %rbx, %r15
;;=   movq (%rsp), %rbx
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::call_open:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;=   movq %r12, 8(%rsp)
;;= block0:
;;=   movq    %r15, %rcx
;;=   leaq -0x40(%rcx), %rax
;;=   leaq -0x80(%rcx, %rdi, 4), %rdx
;;=   cmpq $0x2, %rdi
;;=   cmovaeq %rax, %rdx
;;=   movl (%rdx), %edx
;;=   movq -0x28(%rcx), %rax
;;=   leaq (%rcx, %rax), %r12
;;=   movl %edx, %ebx
;;=   shlq $0x4, %rbx
;;=   movl 8(%r12, %rbx), %esi
;;=   movl -0x74(%rcx), %ecx
;;=   cmpl %ecx, %esi
;;=   jz      label1; j label2
;;= block1:
;;=   jmp     label3
;;= block3:
;;=   movq (%r12, %rbx), %rax
;;=   call    *%rax
;;=   movq (%rsp), %rbx
;;=   movq 8(%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block2:
;;=   cmpq $0x2, %rdi
;;=   jnb #trap=user4
;;=   testl %edx, %edx
;;=   jz #trap=user5
;;=   movl %esi, %edi
;;=   movl %ecx, %esi
;;=   call    User(userextname0)
;;=   testq %rax, %rax
;;=   jz #trap=user6
;;=   jmp     label3

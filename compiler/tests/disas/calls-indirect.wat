;; A table of fixed length lies in the context; the three traps share one branch on the hot path.
(module
  (type $t (func (param i32) (result i32)))
  (import "env" "f" (func $f))
  (table 8 funcref)
  (elem (i32.const 0) $f)
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[1]::call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;= block0:
;;=   movq    %r15, %rbx
;;=   leaq -0x40(%rbx), %rcx
;;=   leaq -0xc8(%rbx, %rsi, 4), %rdx
;;=   cmpq $0x8, %rsi
;;=   cmovaeq %rcx, %rdx
;;=   movl (%rdx), %ecx
;;=   movq -0x28(%rbx), %rax
;;=   leaq (%rbx, %rax), %rdx
;;=   movl %ecx, %r8d
;;=   shlq $0x4, %r8
;;=   movl 8(%rdx, %r8), %r9d
;;=   movl -0xa0(%rbx), %eax
;;=   cmpl %eax, %r9d
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%rdx, %r8), %rcx
;;=   movslq 0xc(%rdx, %r8), %rdx
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
;;=   cmpq $0x8, %rsi
;;=   jnb #trap=user4
;;=   testl %ecx, %ecx
;;=   jz #trap=user5
;;=   ud2

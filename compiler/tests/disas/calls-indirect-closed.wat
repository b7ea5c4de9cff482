;; A table that nobody else can reach and no code writes to holds own functions only: the context stays as it is.
(module
  (type $t (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 1) $own)
  (func $own (type $t) (local.get 0))
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1)))
  (func $tail (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[0]::own:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rcx
;;=   movl %esi, %eax
;;=   leaq -0x40(%rcx), %rdx
;;=   leaq -0x98(%rcx, %rax, 4), %rsi
;;=   cmpq $0x8, %rax
;;=   cmovaeq %rdx, %rsi
;;=   movl (%rsi), %edx
;;=   movq -0x28(%rcx), %rsi
;;=   leaq (%rcx, %rsi), %rsi
;;=   movl %edx, %r8d
;;=   shlq $0x4, %r8
;;=   movl 8(%rsi, %r8), %r9d
;;=   movl -0x70(%rcx), %ecx
;;=   cmpl %ecx, %r9d
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%rsi, %r8), %rax
;;=   call    *%rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   cmpq $0x8, %rax
;;=   jnb #trap=user4
;;=   testl %edx, %edx
;;=   jz #trap=user5
;;=   ud2
;;= wasm[2]::tail:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rcx
;;=   movl %esi, %eax
;;=   leaq -0x40(%rcx), %rdx
;;=   leaq -0x98(%rcx, %rax, 4), %rsi
;;=   cmpq $0x8, %rax
;;=   cmovaeq %rdx, %rsi
;;=   movl (%rsi), %edx
;;=   movq -0x28(%rcx), %rsi
;;=   leaq (%rcx, %rsi), %rsi
;;=   movl %edx, %r8d
;;=   shlq $0x4, %r8
;;=   movl 8(%rsi, %r8), %r9d
;;=   movl -0x70(%rcx), %ecx
;;=   cmpl %ecx, %r9d
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%rsi, %r8), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   cmpq $0x8, %rax
;;=   jnb #trap=user4
;;=   testl %edx, %edx
;;=   jz #trap=user5
;;=   ud2

;; Tail calls: of own functions always real ones, of others if their context is the own.
(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (type $t (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 0) $f)
  (func $own (param i32) (result i32)
    (return_call $own (i32.sub (local.get 0) (i32.const 1))))
  (func $import (param i32) (result i32)
    (return_call $f (local.get 0)))
  (func $indirect (param i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (local.get 0))))

;;= wasm[1]::own:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   subl $0x1, %edi
;;=   return_call_known User(userextname0) (0) tmp=%r11 %rdi=%rdi
;;= wasm[2]::import:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   movq    %r15, %r12
;;=   movq -0x88(%r12), %r8
;;=   testq %r8, %r8
;;=   jz      label2; j label1
;;= block2:
;;=   movq -0x90(%r12), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   leaq (%r12, %r8), %r10
;;=   movq    %r10, %r15
;;=   movq -0x90(%r12), %r11
;;=   call    *%r11
;;=   movq    %r12, %r15
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::indirect:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;= block0:
;;=   movq    %r15, %rbx
;;=   movl %edi, %ecx
;;=   leaq -0x40(%rbx), %rdx
;;=   leaq -0xc0(%rbx, %rcx, 4), %rsi
;;=   cmpq $0x8, %rcx
;;=   cmovaeq %rdx, %rsi
;;=   movl (%rsi), %edx
;;=   movq -0x28(%rbx), %rax
;;=   leaq (%rbx, %rax), %rsi
;;=   movl %edx, %r8d
;;=   shlq $0x4, %r8
;;=   movl 8(%rsi, %r8), %r9d
;;=   movl -0x98(%rbx), %eax
;;=   cmpl %eax, %r9d
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%rsi, %r8), %r10
;;=   movslq 0xc(%rsi, %r8), %rcx
;;=   movq -0x30(%rbx), %rax
;;=   leaq (%rbx, %rax), %rdx
;;=   shlq $0xc, %rcx
;;=   leaq (%rdx, %rcx), %rcx
;;=   cmpq %rbx, %rcx
;;=   jz      label4; j label3
;;= block4:
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   cmpq $0x8, %rcx
;;=   jnb #trap=user4
;;=   testl %edx, %edx
;;=   jz #trap=user5
;;=   ud2
;;= block3:
;;=   movq    %rcx, %r15
;;=   call    *%r10
;;=   movq    %rbx, %r15
;;=   movq (%rsp), %rbx
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

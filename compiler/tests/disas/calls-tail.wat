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
;;= block0:
;;=   movq    %r15, %r8
;;=   movq -0x88(%r8), %rsi
;;=   testq %rsi, %rsi
;;=   jz      label2; j label1
;;= block2:
;;=   movq -0x90(%r8), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   return_call_known User(userextname0) (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   movq    %r15, %r12
;;=   jmp     label1
;;= block1:
;;=   leaq (%r12, %rsi), %r8
;;=   movq    %r8, %r15
;;=   movq -0x90(%r12), %r8
;;=   call    *%r8
;;=   movq    %r12, %r15
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::indirect:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rax
;;=   leaq -0x40(%rax), %rcx
;;=   leaq -0xc0(%rax, %rdi, 4), %rdx
;;=   cmpq $0x8, %rdi
;;=   cmovaeq %rcx, %rdx
;;=   movl (%rdx), %ecx
;;=   movq -0x28(%rax), %rdx
;;=   leaq (%rax, %rdx), %rdx
;;=   movl %ecx, %r8d
;;=   shlq $0x4, %r8
;;=   movl 8(%rdx, %r8), %esi
;;=   movl -0x98(%rax), %r9d
;;=   cmpl %r9d, %esi
;;=   jz      label2; j label1
;;= block2:
;;=   movq (%rdx, %r8), %rsi
;;=   movslq 0xc(%rdx, %r8), %rcx
;;=   movq -0x30(%rax), %rdx
;;=   leaq (%rax, %rdx), %rdx
;;=   shlq $0xc, %rcx
;;=   leaq (%rdx, %rcx), %rdx
;;=   cmpq %rax, %rdx
;;=   jz      label4; j label3
;;= block4:
;;=   movq %rsi, %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   cmpq $0x8, %rdi
;;=   jnb #trap=user4
;;=   testl %ecx, %ecx
;;=   jz #trap=user5
;;=   ud2
;;= block3:
;;=   return_call_known User(userextname0) (0) tmp=%r11 %rdi=%rdi %rsi=%rsi %rdx=%rdx
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   movq    %r15, %r12
;;=   jmp     label1
;;= block1:
;;=   movq    %rdx, %r15
;;=   call    *%rsi
;;=   movq    %r12, %r15
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A structure is made at the heap's end; a field of null faults in the heap's first page.
(module
  (type $pair (struct (field i32) (field (mut i64))))
  (func $new (param i32 i64) (result (ref $pair))
    (struct.new $pair (local.get 0) (local.get 1)))
  (func $get (param (ref null $pair)) (result i64)
    (struct.get $pair 1 (local.get 0))))

;;= wasm[0]::new:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %rbx, (%rsp)
;;=   movq %r12, 8(%rsp)
;;= block0:
;;=   movq %rsi, %rbx
;;=   movq %rdi, %r12
;;=   movq    %r15, %rcx
;;=   movq -0x50(%rcx), %rsi
;;=   leaq (%rcx, %rsi), %rdx
;;=   movl 0x1000(%rcx, %rsi), %eax
;;=   movl 0x1004(%rcx, %rsi), %edi
;;=   leaq 0x18(%rax), %r8
;;=   cmpq %rdi, %r8
;;=   jbe     label2; j label1
;;= block2:
;;=   leaq 0x18(%rax), %rdi
;;=   movl %edi, 0x1000(%rcx, %rsi)
;;=   movl -0x68(%rcx), %ecx
;;=   movl %eax, %esi
;;=   movq %rcx, (%rdx, %rsi)
;;=   jmp     label3
;;= block3:
;;=   movq    %r15, %rcx
;;=   movq -0x50(%rcx), %rdx
;;=   leaq (%rcx, %rdx), %rcx
;;=   movl %eax, %edx
;;=   movq %r12, %rdi
;;=   movl %edi, 8(%rcx, %rdx)
;;=   movq %rbx, %rsi
;;=   movq %rsi, 0x10(%rcx, %rdx)
;;=   movq (%rsp), %rbx
;;=   movq 8(%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   movl -0x68(%rcx), %edi
;;=   movl $0x18, %esi
;;=   call    User(userextname0)
;;=   jmp     label3
;;= wasm[1]::get:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   addq -0x50(%rsi), %rsi
;;=   movl %edi, %edi
;;=   movq 0x10(%rsi, %rdi), %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

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
;;= block0:
;;=   movq    %r15, %rdx
;;=   movq -0x50(%rdx), %r8
;;=   leaq (%rdx, %r8), %rcx
;;=   movl 0x1000(%rdx, %r8), %eax
;;=   movl 0x1004(%rdx, %r8), %r9d
;;=   leaq 0x18(%rax), %r10
;;=   cmpq %r9, %r10
;;=   jbe     label2; j label1
;;= block2:
;;=   leaq 0x18(%rax), %r9
;;=   movl %r9d, 0x1000(%rdx, %r8)
;;=   movl -0x68(%rdx), %r8d
;;=   movl %eax, %edx
;;=   movq %r8, (%rcx, %rdx)
;;=   jmp     label3
;;= block3:
;;=   movl %edi, 8(%rcx, %rdx)
;;=   movq %rsi, 0x10(%rcx, %rdx)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   return_call_known User(userextname1) (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;=   movq %r14, 8(%rsp)
;;= block0:
;;=   movq %rsi, %r12
;;=   movq %rdi, %r14
;;=   movq    %r15, %r11
;;=   jmp     label1
;;= block2:
;;=   movq    %r15, %rcx
;;=   movq -0x50(%rcx), %rdx
;;=   leaq (%rcx, %rdx), %rcx
;;=   movl %eax, %edx
;;=   movq %r14, %rdi
;;=   movl %edi, 8(%rcx, %rdx)
;;=   movq %r12, %rsi
;;=   movq %rsi, 0x10(%rcx, %rdx)
;;=   movq (%rsp), %r12
;;=   movq 8(%rsp), %r14
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   movl -0x68(%r11), %eax
;;=   movl %eax, %edi
;;=   movl $0x18, %esi
;;=   call    User(userextname0)
;;=   jmp     label2
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

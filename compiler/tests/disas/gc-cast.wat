;; A final type is found by its number; another one in the row of supertypes of what the object is.
(module
  (type $open (sub (struct)))
  (type $closed (sub final $open (struct (field i32))))
  (func $final (param anyref) (result i32) (ref.test (ref $closed) (local.get 0)))
  (func $with_subtypes (param anyref) (result (ref $open)) (ref.cast (ref $open) (local.get 0))))

;;= wasm[0]::final:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   uninit  %rax
;;=   xorq %rax, %rax
;;=   testl %edi, %edi
;;=   jnz     label2; j label1
;;= block1:
;;=   jmp     label5
;;= block2:
;;=   uninit  %rax
;;=   xorq %rax, %rax
;;=   testl $0x3, %edi
;;=   jnz     label3; j label4
;;= block3:
;;=   jmp     label5
;;= block4:
;;=   movq    %r15, %rax
;;=   movq %rax, %rcx
;;=   addq -0x50(%rax), %rcx
;;=   movl %edi, %edx
;;=   movl $0xbfffffff, %esi
;;=   andl (%rcx, %rdx), %esi
;;=   cmpl -0x64(%rax), %esi
;;=   sete %al
;;=   movzbq %al, %rax
;;=   jmp     label5
;;= block5:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::with_subtypes:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   uninit  %rdx
;;=   xorl %edx, %edx
;;=   testl %edi, %edi
;;=   jnz     label2; j label1
;;= block1:
;;=   jmp     label7
;;= block2:
;;=   uninit  %rdx
;;=   xorl %edx, %edx
;;=   testl $0x3, %edi
;;=   jnz     label3; j label4
;;= block3:
;;=   jmp     label7
;;= block4:
;;=   movq    %r15, %rax
;;=   movq -0x50(%rax), %rcx
;;=   leaq (%rax, %rcx), %rcx
;;=   movl %edi, %edx
;;=   movl (%rcx, %rdx), %ecx
;;=   movq %rcx, %r8
;;=   andl $0xbfffffff, %r8d
;;=   movl -0x68(%rax), %esi
;;=   movl $0x1, %edx
;;=   cmpl %esi, %r8d
;;=   jz      label5; j label6
;;= block5:
;;=   jmp     label7
;;= block6:
;;=   addq -0x58(%rax), %rax
;;=   andl $0xbfffffff, %ecx
;;=   shlq $0x5, %rcx
;;=   movl (%rax, %rcx), %eax
;;=   cmpl %esi, %eax
;;=   sete %al
;;=   movzbl %al, %edx
;;=   jmp     label7
;;= block7:
;;=   testl %edx, %edx
;;=   jz #trap=user14
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A try costs what keeps the context over the call, and every live value is in the frame, as over any call.
(module
  (import "m" "g" (func $foreign (param i32) (result i32)))
  (tag $t (param i32 i64))
  (func $own (param i32) (result i32) (local.get 0))
  (func (export "one_clause") (param i32) (result i32)
    (block $caught (result i32 i64)
      (try_table (result i32) (catch $t $caught)
        (call $own (local.get 0)))
      (return))
    (drop)))

;;= wasm[1]::own:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::one_clause:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x30, %rsp
;;=   movq %rbx, 0x10(%rsp)
;;=   movq %r12, 0x18(%rsp)
;;=   movq %r13, 0x20(%rsp)
;;=   movq %r14, 0x28(%rsp)
;;= block0:
;;=   movq    %r15, %rcx
;;=   movq %rcx, <offset:1>+(%rsp)
;;=   call    User(userextname0); jmp MachLabel(1); catch [default: MachLabel(3)]
;;= block1:
;;=   movq %rax, %rsi
;;=   jmp     label2
;;= block2:
;;=   movq %rsi, %rax
;;=   movq 0x10(%rsp), %rbx
;;=   movq 0x18(%rsp), %r12
;;=   movq 0x20(%rsp), %r13
;;=   movq 0x28(%rsp), %r14
;;=   addq $0x30, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block6:
;;=   movl 8(%rax, %rdi), %ecx
;;=   movq 0x10(%rax, %rdi), %rax
;;=   jmp     label7
;;= block7:
;;=   movl %ecx, %eax
;;=   movq 0x10(%rsp), %rbx
;;=   movq 0x18(%rsp), %r12
;;=   movq 0x20(%rsp), %r13
;;=   movq 0x28(%rsp), %r14
;;=   addq $0x30, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block3:
;;=   movq <offset:1>+(%rsp), %rcx
;;=   movq %rax, %rsi
;;=   movq    %rcx, %r15
;;=   jmp     label4
;;= block4:
;;=   movq    %r15, %rcx
;;=   movq -0x50(%rcx), %rax
;;=   leaq (%rcx, %rax), %rax
;;=   movq %rsi, %rdx
;;=   movl %edx, %edi
;;=   movl (%rax, %rdi), %edx
;;=   movl $0x80000000, %esi
;;=   orl -0x98(%rcx), %esi
;;=   cmpl %esi, %edx
;;=   jz      label6; j label5
;;= block5:
;;=   call    User(userextname1)
;;=   ud2

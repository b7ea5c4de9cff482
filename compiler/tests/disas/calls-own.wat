;; A call of an own function passes nothing but its arguments.
(module
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add
        (call $fib (i32.sub (local.get 0) (i32.const 1)))
        (call $fib (i32.sub (local.get 0) (i32.const 2))))))))

;;= wasm[0]::fib:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   cmpl $0x2, %edi
;;=   jb      label2; j label1
;;= block1:
;;=   return_call_known User(userextname1) (0) tmp=%r11 %rdi=%rdi
;;= block2:
;;=   movq %rdi, %rax
;;=   jmp     label3
;;= block3:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   movq %rdi, %r12
;;=   jmp     label1
;;= block1:
;;=   movq %r12, %rax
;;=   movq %rax, %rdi
;;=   subl $0x1, %edi
;;=   call    User(userextname0)
;;=   movq %r12, %rdi
;;=   movq %rax, %r12
;;=   subl $0x2, %edi
;;=   call    User(userextname0)
;;=   jmp     label2
;;= block2:
;;=   movq %r12, %rcx
;;=   leal (%rcx, %rax), %eax
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

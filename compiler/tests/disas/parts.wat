;; What a function does without calls saves nothing; what it does from a call on is a part of it.
(module
  (memory 1)
  (func $slow (param i32) (result i32) (local.get 0))
  (func $fast (param i32 i32) (result i32)
    (if (i32.eqz (i32.load (local.get 0)))
      (then (return (i32.add (local.get 1) (i32.const 1)))))
    (i32.add (call $slow (local.get 1)) (i32.load offset=4 (local.get 0)))))

;;= wasm[0]::slow:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::fast:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   movl (%r8, %rdi), %r8d
;;=   testl %r8d, %r8d
;;=   jz      label2; j label1
;;= block1:
;;=   return_call_known User(userextname1) (0) tmp=%r11 %rdi=%rdi %rsi=%rsi
;;= block2:
;;=   leal 1(%rsi), %eax
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
;;=   jmp     label2
;;= block2:
;;=   movq %rsi, %rdi
;;=   call    User(userextname0)
;;=   movq    %r15, %rdi
;;=   movq %r12, %r10
;;=   addl 4(%rdi, %r10), %eax
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; More results than registers go through an area that the caller passes.
(module
  (func $swap (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func $many (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
    (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
    (i32.const 5) (i32.const 6) (i32.const 7) (i32.const 8) (i32.const 9))
  (func $use (result i32)
    (call $many) (drop) (drop) (drop) (drop) (drop) (drop) (drop) (drop) (drop)))

;;= wasm[0]::swap:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   movq %rdi, %rcx
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::many:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x20, %rsp
;;=   movq %rbx, (%rsp)
;;=   movq %r12, 8(%rsp)
;;=   movq %r13, 0x10(%rsp)
;;= block0:
;;=   movq %rdi, %r13
;;=   uninit  %rax
;;=   xorq %rax, %rax
;;=   movl $0x1, %ecx
;;=   movl $0x2, %edx
;;=   movl $0x3, %esi
;;=   movl $0x4, %edi
;;=   movl $0x5, %r8d
;;=   movl $0x6, %r9d
;;=   movl $0x7, %r10d
;;=   movl $0x8, %r11d
;;=   movl $0x9, %r12d
;;=   movq %r13, %rbx
;;=   movq %r11, (%rbx)
;;=   movq %r12, 8(%rbx)
;;=   movq (%rsp), %rbx
;;=   movq 8(%rsp), %r12
;;=   movq 0x10(%rsp), %r13
;;=   addq $0x20, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::use:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x20, %rsp
;;=   movq %r12, 0x10(%rsp)
;;=   movq %r13, 0x18(%rsp)
;;= block0:
;;=   leaq (%rsp), %rdi
;;=   call    User(userextname0)
;;=   movq 0x10(%rsp), %r12
;;=   movq 0x18(%rsp), %r13
;;=   addq $0x20, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

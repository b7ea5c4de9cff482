;; Small constant copies and fills are inline: all loads first, the last bytes' store before the others.
(module
  (memory 1)
  (func $copy_40 (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 40)))
  (func $copy_7 (param i32 i32) (memory.copy (local.get 0) (local.get 1) (i32.const 7)))
  (func $fill_24 (param i32 i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 24)))
  (func $fill_8 (param i32 i32) (memory.fill (local.get 0) (local.get 1) (i32.const 8)))
  (func $fill_none (param i32) (memory.fill (local.get 0) (i32.const 0) (i32.const 0))))

;;= wasm[0]::copy_40:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %r8
;;=   movq    %r15, %rsi
;;=   movdqu (%rsi, %r8), %xmm6
;;=   movdqu 0x10(%rsi, %r8), %xmm7
;;=   movdqu 0x18(%rsi, %r8), %xmm0
;;=   movdqu %xmm0, 0x18(%rsi, %rdi)
;;=   movdqu %xmm7, 0x10(%rsi, %rdi)
;;=   movdqu %xmm6, (%rsi, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::copy_7:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %r8
;;=   movq    %r15, %rsi
;;=   movq %r8, %r9
;;=   movl (%rsi, %r9), %r8d
;;=   movl 3(%rsi, %r9), %r9d
;;=   movl %r9d, 3(%rsi, %rdi)
;;=   movl %r8d, (%rsi, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::fill_24:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   uninit  %xmm4
;;=   pxor %xmm4, %xmm4
;;=   movdqu %xmm4, 8(%rsi, %rdi)
;;=   movdqu %xmm4, (%rsi, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::fill_8:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r9
;;=   movzbq %sil, %r8
;;=   imulq (%rip), %r8
;;=   movq %r8, (%r9, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[4]::fill_none:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   uninit  %rcx
;;=   xorq %rcx, %rcx
;;=   movq %rdi, %rsi
;;=   movq %rcx, %rdx
;;=   movq %rcx, %rdi
;;=   call    User(userextname0)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

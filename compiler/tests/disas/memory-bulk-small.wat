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
;;=   movq    %r15, %r8
;;=   movl %esi, %r9d
;;=   movdqu (%r8, %r9), %xmm0
;;=   movdqu 0x10(%r8, %r9), %xmm1
;;=   movdqu 0x18(%r8, %r9), %xmm2
;;=   movl %edi, %r9d
;;=   movdqu %xmm2, 0x18(%r8, %r9)
;;=   movdqu %xmm1, 0x10(%r8, %r9)
;;=   movdqu %xmm0, (%r8, %r9)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::copy_7:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq    %r15, %rdi
;;=   movl %esi, %r9d
;;=   movl (%rdi, %r9), %r8d
;;=   movl 3(%rdi, %r9), %r9d
;;=   movl %eax, %r10d
;;=   movl %r9d, 3(%rdi, %r10)
;;=   movl %r8d, (%rdi, %r10)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::fill_24:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   uninit  %xmm5
;;=   pxor %xmm5, %xmm5
;;=   movl %edi, %edi
;;=   movdqu %xmm5, 8(%rsi, %rdi)
;;=   movdqu %xmm5, (%rsi, %rdi)
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
;;=   movl %edi, %esi
;;=   movq %r8, (%r9, %rsi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[4]::fill_none:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   uninit  %rcx
;;=   xorq %rcx, %rcx
;;=   movl %edi, %esi
;;=   movq %rcx, %rdx
;;=   movq %rcx, %rdi
;;=   call    User(userextname0)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; Own 32-bit memory: an access is one instruction, of base, index and offset.
(module
  (memory 1)
  (func $widths (param i32) (result i64)
    (i64.store32 offset=8 (local.get 0) (i64.load8_s offset=1 (local.get 0)))
    (i64.store16 offset=16 (local.get 0) (i64.load16_u offset=2 (local.get 0)))
    (f64.store offset=24 (local.get 0) (f64.load offset=32 (local.get 0)))
    (i64.load (local.get 0)))
  (func $constant_index (result i32)
    (i32.load offset=4 (i32.const 1024)))
  (func $sum (param $at i32) (param $n i32) (result i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=16 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))

;;= wasm[0]::widths:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movsbq 1(%rsi, %rdi), %r8
;;=   movl %r8d, 8(%rsi, %rdi)
;;=   movzwq 2(%rsi, %rdi), %r8
;;=   movw %r8w, 0x10(%rsi, %rdi)
;;=   movsd 0x20(%rsi, %rdi), %xmm0
;;=   movsd %xmm0, 0x18(%rsi, %rdi)
;;=   movq (%rsi, %rdi), %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::constant_index:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rcx
;;=   movl 0x404(%rcx), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::sum:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rcx
;;=   uninit  %rax
;;=   xorl %eax, %eax
;;=   jmp     label1
;;= block1:
;;=   movl %edi, %edx
;;=   movl 0x10(%rcx, %rdx), %edx
;;=   subl $0x1, %esi
;;=   leal (%rax, %rdx), %eax
;;=   leal 4(%rdi), %edi
;;=   testl %esi, %esi
;;=   jnz     label2; j label3
;;= block2:
;;=   jmp     label1
;;= block3:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

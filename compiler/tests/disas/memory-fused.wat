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
    (local.get $sum))
  ;; Of several sums, each with its own load.
  (func $sums (param $at i32) (param $end i32) (result f64) (local $a f64) (local $b f64)
    (loop $next
      (local.set $a (f64.add (f64.load (local.get $at)) (local.get $a)))
      (local.set $b (f64.add (local.get $b) (f64.load offset=8 (local.get $at))))
      (br_if $next (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
    (f64.add (local.get $a) (local.get $b)))
  (func $differences (param i32 i32) (result f64)
    (f64.mul
      (f64.sub (f64.load (local.get 0)) (f64.load (local.get 1)))
      (f64.sub (f64.load offset=8 (local.get 0)) (f64.load offset=8 (local.get 1))))))

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
;;=   movq    %r15, %rax
;;=   uninit  %r11
;;=   xorl %r11d, %r11d
;;=   jmp     label1
;;= block1:
;;=   addl 0x10(%rax, %rdi), %r11d
;;=   jmp     label2
;;= block2:
;;=   subl $0x1, %esi
;;=   leal 4(%rdi), %edi
;;=   testl %esi, %esi
;;=   jnz     label3; j label4
;;= block3:
;;=   jmp     label1
;;= block4:
;;=   movl %r11d, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::sums:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rax
;;=   uninit  %xmm0
;;=   xorpd %xmm0, %xmm0
;;=   movdqa %xmm0, %xmm1
;;=   jmp     label1
;;= block1:
;;=   addsd (%rax, %rdi), %xmm0
;;=   addsd 8(%rax, %rdi), %xmm1
;;=   jmp     label2
;;= block2:
;;=   leal 0x10(%rdi), %edi
;;=   cmpl %esi, %edi
;;=   jb      label3; j label4
;;= block3:
;;=   jmp     label1
;;= block4:
;;=   addsd %xmm1, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[4]::differences:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   movsd (%r8, %rdi), %xmm0
;;=   subsd (%r8, %rsi), %xmm0
;;=   movsd 8(%r8, %rdi), %xmm7
;;=   subsd 8(%r8, %rsi), %xmm7
;;=   mulsd %xmm7, %xmm0
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A pointer that several places set is zero-extended where it is set; the sum of a pointer and a constant is made where
;; it is followed; what calls nothing reads the context pointer once.
(module
  (memory 1)
  (func $use (param i32))
  (func $last (param $list i32) (result i32) (local $next i32)
    (loop $on
      (if (local.tee $next (i32.load offset=4 (local.get $list)))
        (then
          (local.set $list (local.get $next))
          (br $on))))
    (local.get $list))
  (func $either (param $which i32) (param $one i32) (param $other i32) (result i32)
    (if (local.get $which)
      (then (i32.store (local.get $one) (i32.const 1)))
      (else (local.set $one (i32.add (local.get $other) (i32.const 8)))))
    (i32.load (local.get $one)))
  (func $sum (param $p i32) (param $n i32)
    (loop $on
      (call $use (local.get $n))
      (if (i32.load (i32.add (local.get $p) (i32.const -4)))
        (then (i32.store (i32.add (local.get $p) (i32.const -8)) (local.get $n))))
      (br_if $on (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

;;= wasm[0]::use:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::last:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq %rdi, %rax
;;=   jmp     label1
;;= block1:
;;=   movl 4(%rsi, %rax), %edi
;;=   testl %edi, %edi
;;=   jnz     label4; j label2
;;= block2:
;;=   jmp     label3
;;= block3:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block4:
;;=   movq %rdi, %rax
;;=   jmp     label1
;;= wasm[2]::either:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   testl %edi, %edi
;;=   jnz     label2; j label1
;;= block1:
;;=   leal 8(%rdx), %esi
;;=   jmp     label3
;;= block2:
;;=   movl $0x1, (%r8, %rsi)
;;=   jmp     label3
;;= block3:
;;=   movl (%r8, %rsi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::sum:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;=   movq %r13, 8(%rsp)
;;= block0:
;;=   movq %rdi, %r13
;;=   movq %rsi, %r12
;;=   jmp     label1
;;= block1:
;;=   movq %r12, %rdi
;;=   call    User(userextname0)
;;=   movq    %r15, %r10
;;=   movq %r13, %rdi
;;=   leal -4(%rdi), %r11d
;;=   movl (%r10, %r11), %r11d
;;=   testl %r11d, %r11d
;;=   jnz     label3; j label2
;;= block2:
;;=   jmp     label4
;;= block3:
;;=   leal -8(%rdi), %eax
;;=   movl %r12d, (%r10, %rax)
;;=   jmp     label4
;;= block4:
;;=   subl $0x1, %r12d
;;=   testl %r12d, %r12d
;;=   jnz     label5; j label6
;;= block5:
;;=   movq %rdi, %r13
;;=   jmp     label1
;;= block6:
;;=   movq (%rsp), %r12
;;=   movq 8(%rsp), %r13
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

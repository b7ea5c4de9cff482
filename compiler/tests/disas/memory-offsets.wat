;; What is added to a pointer that has been accessed is an offset: less than a page, up or down from another sum in its
;; block, also in what follows; not from what has only been accessed on one way, nor a page or more.
(module
  (memory 1)
  (func $vector (param $p i32) (result i32)
    (i32.add
      (i32.load (local.get $p))
      (i32.load offset=4 (i32.add (local.get $p) (i32.const 48)))))
  (func $before (param $p i32) (result i32)
    (i32.add
      (i32.load (i32.add (local.get $p) (i32.const -8)))
      (i32.load (i32.add (local.get $p) (i32.const -4)))))
  (func $behind (param $p i32) (param $q i32)
    (i32.store (local.get $p) (i32.const 1))
    (if (local.get $q)
      (then
        (i32.store (i32.add (local.get $p) (i32.const 8)) (i32.const 2))
        (i32.store (local.get $q) (i32.const 3))))
    (i32.store (i32.add (local.get $q) (i32.const 8)) (i32.const 4))
    (i32.store (i32.add (local.get $p) (i32.const 65536)) (i32.const 5))))

;;= wasm[0]::vector:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movl (%rsi, %rdi), %eax
;;=   addl 0x34(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::before:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   leal -8(%rdi), %edi
;;=   movl (%rsi, %rdi), %eax
;;=   addl 4(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::behind:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   movl $0x1, (%r8, %rdi)
;;=   testl %esi, %esi
;;=   jnz     label2; j label1
;;= block1:
;;=   jmp     label3
;;= block2:
;;=   movl $0x2, 8(%r8, %rdi)
;;=   movl $0x3, (%r8, %rsi)
;;=   jmp     label3
;;= block3:
;;=   leal 8(%rsi), %eax
;;=   movl $0x4, (%r8, %rax)
;;=   leal 0x10000(%rdi), %eax
;;=   movl $0x5, (%r8, %rax)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

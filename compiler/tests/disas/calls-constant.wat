;; An index that is a masked number from the first of a row of functions of the right type on needs no check.
(module
  (type $t (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 1) $a $b $a $b $odd)
  (func $a (type $t) (local.get 0))
  (func $b (type $t) (i32.const 7))
  (func $odd)
  (func $row (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0)
      (i32.add (i32.and (local.get 1) (i32.const 3)) (i32.const 1))))
  (func $beyond_the_row (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0)
      (i32.add (i32.and (local.get 1) (i32.const 3)) (i32.const 2)))))

;;= wasm[0]::a:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::b:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl $0x7, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::odd:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::row:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   load_ext_name userextname0+0, %r8
;;=   andl $0x3, %esi
;;=   leal 1(%rsi), %r9d
;;=   movslq (%r8, %r9, 8), %r9
;;=   leaq (%r8, %r9), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= wasm[4]::beyond_the_row:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   load_ext_name userextname0+0, %r10
;;=   andl $0x3, %esi
;;=   leal 2(%rsi), %r11d
;;=   movl 4(%r10, %r11, 8), %eax
;;=   testl %eax, %eax
;;=   jz      label2; j label1
;;= block2:
;;=   movslq (%r10, %r11, 8), %rax
;;=   leaq (%r10, %rax), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   cmpq $0x8, %r11
;;=   jnb #trap=user4
;;=   movl (%r10, %r11, 8), %eax
;;=   testl %eax, %eax
;;=   jz #trap=user5
;;=   ud2

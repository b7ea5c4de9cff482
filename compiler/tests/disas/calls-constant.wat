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
;;=   movslq 8(%r8, %rsi, 8), %r9
;;=   leaq (%r8, %r9), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= wasm[4]::beyond_the_row:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   load_ext_name userextname0+0, %rax
;;=   movq %rsi, %rcx
;;=   andl $0x3, %ecx
;;=   movl 0x14(%rax, %rcx, 8), %edx
;;=   testl %edx, %edx
;;=   jz      label2; j label1
;;= block2:
;;=   movslq 0x10(%rax, %rcx, 8), %rax
;;=   load_ext_name userextname0+0, %rcx
;;=   leaq (%rcx, %rax), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   andl $0x3, %esi
;;=   leal 2(%rsi), %edx
;;=   cmpq $0x8, %rdx
;;=   jnb #trap=user4
;;=   movl 0x10(%rax, %rcx, 8), %eax
;;=   testl %eax, %eax
;;=   jz #trap=user5
;;=   ud2

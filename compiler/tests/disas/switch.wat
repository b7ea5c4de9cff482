;; A `br_table` that goes to few ranges of indices is comparisons, by halves; entries that repeat the default are none.
(module
  (func $two (param i32) (result i32)
    (block $default (block $second (block $first
      (br_table $first $second $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30))
  (func $ranges (param i32) (result i32)
    (block $default (block $second (block $first
      (br_table $first $first $first $second $first $default $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30))
  (func $always (param i32) (result i32)
    (block $only (br_table $only $only (local.get 0)))
    (i32.const 10))
  (func $many (param i32) (result i32)
    (block $default (block $third (block $second (block $first
      (br_table $first $second $third $first $second $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
      (return (i32.const 25)))
    (i32.const 30)))

;;= wasm[0]::two:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl %edi, %edi
;;=   jz      label4; j label1
;;= block1:
;;=   cmpl $0x2, %edi
;;=   jb      label3; j label2
;;= block2:
;;=   movl $0x1e, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block3:
;;=   movl $0x14, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block4:
;;=   movl $0xa, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::ranges:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   cmpl $0x4, %edi
;;=   jb      label4; j label1
;;= block1:
;;=   cmpl $0x5, %edi
;;=   jb      label2; j label3
;;= block2:
;;=   jmp     label7
;;= block3:
;;=   movl $0x1e, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block4:
;;=   cmpl $0x3, %edi
;;=   jb      label5; j label6
;;= block5:
;;=   jmp     label7
;;= block6:
;;=   movl $0x14, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block7:
;;=   movl $0xa, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::always:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   jmp     label1
;;= block1:
;;=   movl $0xa, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::many:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl $0x5, %r8d
;;=   movl %edi, %r9d
;;=   cmpl %r8d, %r9d
;;=   cmovbl %r9d, %r8d
;;=   br_table %r8, %rcx, %rax
;;= block1:
;;=   jmp     label7
;;= block2:
;;=   jmp     label6
;;= block3:
;;=   jmp     label7
;;= block4:
;;=   jmp     label6
;;= block5:
;;=   movl $0x19, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block6:
;;=   movl $0x14, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block7:
;;=   movl $0xa, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block8:
;;=   movl $0x1e, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

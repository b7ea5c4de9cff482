;; A table that nobody else can reach and no code writes to holds own functions only: the context stays as it is.
(module
  (type $t (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 1) $own)
  (func $own (type $t) (local.get 0))
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1)))
  (func $tail (param i32 i32) (result i32)
    (return_call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[0]::own:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   load_ext_name userextname0+0, %r11
;;=   movl $0x2, %ecx
;;=   cmpq $0x2, %rsi
;;=   movq %rsi, %rax
;;=   cmovaeq %rcx, %rax
;;=   movl 4(%r11, %rax, 8), %ecx
;;=   testl %ecx, %ecx
;;=   jz      label2; j label1
;;= block2:
;;=   movslq (%r11, %rax, 8), %rax
;;=   load_ext_name userextname0+0, %rcx
;;=   leaq (%rcx, %rax), %rax
;;=   call    *%rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   cmpq $0x8, %rsi
;;=   jnb #trap=user4
;;=   movl (%r11, %rax, 8), %eax
;;=   testl %eax, %eax
;;=   jz #trap=user5
;;=   ud2
;;= wasm[2]::tail:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   load_ext_name userextname0+0, %r11
;;=   movl $0x2, %ecx
;;=   cmpq $0x2, %rsi
;;=   movq %rsi, %rax
;;=   cmovaeq %rcx, %rax
;;=   movl 4(%r11, %rax, 8), %ecx
;;=   testl %ecx, %ecx
;;=   jz      label2; j label1
;;= block2:
;;=   movslq (%r11, %rax, 8), %rax
;;=   load_ext_name userextname0+0, %rcx
;;=   leaq (%rcx, %rax), %r10
;;=   return_call_unknown %r10 (0) tmp=%r11 %rdi=%rdi
;;= block1:
;;=   cmpq $0x8, %rsi
;;=   jnb #trap=user4
;;=   movl (%r11, %rax, 8), %eax
;;=   testl %eax, %eax
;;=   jz #trap=user5
;;=   ud2

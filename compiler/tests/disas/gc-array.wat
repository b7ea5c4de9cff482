;; An index is checked against the length in the array, and not used speculatively beyond it.
(module
  (type $words (array (mut i32)))
  (func $get (param (ref $words) i32) (result i32)
    (array.get $words (local.get 0) (local.get 1))))

;;= wasm[0]::get:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rax
;;=   movq -0x50(%rax), %rcx
;;=   leaq (%rax, %rcx), %rcx
;;=   movl %edi, %edx
;;=   leaq (%rcx, %rdx), %rax
;;=   movl 8(%rcx, %rdx), %ecx
;;=   cmpl %ecx, %esi
;;=   jnb #trap=user15
;;=   uninit  %rdx
;;=   xorq %rdx, %rdx
;;=   cmpl %ecx, %esi
;;=   cmovaeq %rdx, %rsi
;;=   movl 0xc(%rax, %rsi, 4), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A static offset beyond the guard is checked against the length; one that ends at the guard's end is not.
(module
  (memory 1)
  (func $last_unchecked (param i32) (result i32)
    (i32.load offset=0x1fffffc (local.get 0)))
  (func $first_checked (param i32) (result i32)
    (i32.load offset=0x1fffffd (local.get 0)))
  (func $beyond_an_instruction (param i32) (result i32)
    (i32.load offset=0xffffffff (local.get 0))))

;;= wasm[0]::last_unchecked:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movl 0x1fffffc(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::first_checked:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   leaq 0x2000001(%rdi), %r8
;;=   cmpq -8(%rsi), %r8
;;=   jnbe #trap=user2
;;=   movl 0x1fffffd(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::beyond_an_instruction:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   movabsq $0x100000003, %r9
;;=   leaq (%rdi, %r9), %r9
;;=   cmpq -8(%r8), %r9
;;=   jnbe #trap=user2
;;=   leaq (%r8, %rdi), %r9
;;=   movl $0xffffffff, %r10d
;;=   movl (%r9, %r10), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

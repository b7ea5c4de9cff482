;; Traps of numeric operators: by the hardware where it can.
(module
  (func $unreachable (unreachable))
  (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func $remainder (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
  (func $truncate (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func $saturate (param f64) (result i32) (i32.trunc_sat_f64_s (local.get 0))))

;;= wasm[0]::unreachable:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   ud2
;;= wasm[1]::divide:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   cltd  ;; implicit: %edx, %eax
;;=   testl %esi, %esi
;;=   jz #trap=int_divz
;;=   idivl %esi ;; implicit: %eax, %edx, trap=252
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::remainder:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   uninit  %rdx
;;=   xorq %rdx, %rdx
;;=   movq %rdi, %rax
;;=   divq %rsi ;; implicit: %rax, %rdx, trap=254
;;=   movq %rdx, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::truncate:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   cvt_float64_to_sint32_seq %xmm0, %edi, %rsi, %xmm4
;;=   movl %edi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[4]::saturate:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   cvt_float64_to_sint32_sat_seq %xmm0, %edi, %rsi, %xmm4
;;=   movl %edi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

;; A reference that lives over a call is in the frame, where the collector finds and changes it.
(module
  (import "env" "f" (func $f))
  (func $over_a_call (param anyref) (result anyref)
    (call $f)
    (local.get 0)))

;;= wasm[1]::over_a_call:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x20, %rsp
;;=   movq %r12, 0x10(%rsp)
;;= block0:
;;=   movl %edi, <offset:1>+(%rsp)
;;=   movq    %r15, %r12
;;=   movq %r12, %rsi
;;=   addq -0x78(%r12), %rsi
;;=   movq    %rsi, %r15
;;=   movq -0x80(%r12), %rdi
;;=   call    *%rdi
;;=   ; UserStackMap { by_type: [(types::I32, CompoundBitSet {0})], sp_to_sized_stack_slots: None }
;;=   movq    %r12, %r15
;;=   movl <offset:1>+(%rsp), %eax
;;=   movq 0x10(%rsp), %r12
;;=   addq $0x20, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

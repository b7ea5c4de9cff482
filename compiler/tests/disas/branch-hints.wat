;; What is hinted to be unlikely lies behind the rest.
(module
  (func $work (import "h" "work"))
  (func (export "unlikely if") (param i32) (result i32)
    local.get 0
    (@metadata.code.branch_hint "\00") if
      call $work
    end
    i32.const 1)
  (func (export "likely if") (param i32) (result i32)
    local.get 0
    (@metadata.code.branch_hint "\01") if (result i32)
      i32.const 2
    else
      call $work
      i32.const 3
    end)
  (func (export "unlikely br_if") (param i32 i32) (result i32)
    block (result i32)
      local.get 0
      local.get 1
      (@metadata.code.branch_hint "\00") br_if 0
      drop
      i32.const 4
    end)
  (func (export "likely br_if") (param i32)
    block
      local.get 0
      (@metadata.code.branch_hint "\01") br_if 0
      call $work
    end
    call $work))

;;= wasm[1]::unlikely if:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl %edi, %edi
;;=   jnz     label3; j label1
;;= block1:
;;=   jmp     label2
;;= block2:
;;=   movl $0x1, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block3:
;;=   return_call_known User(userextname0) (0) tmp=%r11
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   jmp     label1
;;= block2:
;;=   movl $0x1, %eax
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   movq    %r15, %r12
;;=   movq %r12, %rsi
;;=   addq -0x78(%r12), %rsi
;;=   movq    %rsi, %r15
;;=   movq -0x80(%r12), %rsi
;;=   call    *%rsi
;;=   movq    %r12, %r15
;;=   jmp     label2
;;= wasm[2]::likely if:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl %edi, %edi
;;=   jnz     label2; j label1
;;= block2:
;;=   jmp     label3
;;= block3:
;;=   movl $0x2, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   return_call_known User(userextname0) (0) tmp=%r11
;;= part:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;= block0:
;;=   jmp     label1
;;= block2:
;;=   movl $0x3, %eax
;;=   movq (%rsp), %r12
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block1:
;;=   movq    %r15, %r12
;;=   movq %r12, %rsi
;;=   addq -0x78(%r12), %rsi
;;=   movq    %rsi, %r15
;;=   movq -0x80(%r12), %rsi
;;=   call    *%rsi
;;=   movq    %r12, %r15
;;=   jmp     label2
;;= wasm[3]::unlikely br_if:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testl %esi, %esi
;;=   jnz     label2; j label1
;;= block1:
;;=   movl $0x4, %eax
;;=   jmp     label3
;;= block3:
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block2:
;;=   movq %rdi, %rax
;;=   jmp     label3
;;= wasm[4]::likely br_if:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;=   subq $0x10, %rsp
;;=   movq %r12, (%rsp)
;;=   movq %r14, 8(%rsp)
;;= block0:
;;=   testl %edi, %edi
;;=   jnz     label1; j label2
;;= block1:
;;=   jmp     label3
;;= block3:
;;=   movq    %r15, %r14
;;=   movq %r14, %rax
;;=   addq -0x78(%r14), %rax
;;=   movq    %rax, %r15
;;=   movq -0x80(%r14), %rax
;;=   call    *%rax
;;=   movq    %r14, %r15
;;=   movq (%rsp), %r12
;;=   movq 8(%rsp), %r14
;;=   addq $0x10, %rsp
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= block2:
;;=   movq    %r15, %r12
;;=   movq %r12, %r10
;;=   addq -0x78(%r12), %r10
;;=   movq    %r10, %r15
;;=   movq -0x80(%r12), %r11
;;=   call    *%r11
;;=   movq    %r12, %r15
;;=   jmp     label3

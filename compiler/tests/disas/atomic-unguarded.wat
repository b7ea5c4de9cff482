;; Atomic accesses where no guard catches what is out of bounds: a 64-bit memory of the module's own, and an imported
;; shared one, whose length lies with the memory.
(module
  (import "env" "memory" (memory $shared i64 1 9 shared))
  (memory $own i64 1)
  (func $shared (param i64) (result i64) (i64.atomic.load $shared offset=8 (local.get 0)))
  (func $own (param i64) (result i32) (i32.atomic.rmw.or $own (local.get 0) (i32.const 7)))
  (func $notify (param i64) (result i32)
    (memory.atomic.notify $shared offset=8 (local.get 0) (i32.const 1))))

;;= wasm[0]::shared:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x7, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %rsi
;;=   movq -0x60(%rsi), %r9
;;=   movq 8(%rsi, %r9), %r9
;;=   movq %rdi, %r10
;;=   addq $0x10, %r10
;;=   jb #trap=user2
;;=   cmpq %r9, %r10
;;=   jnbe #trap=user2
;;=   addq -0x68(%rsi), %rsi
;;=   movq 8(%rsi, %rdi), %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::own:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   movq -0x70(%r8), %r11
;;=   movq %rdi, %rax
;;=   addq $0x4, %rax
;;=   jb #trap=user2
;;=   cmpq %r11, %rax
;;=   jnbe #trap=user2
;;=   addq -0x78(%r8), %r8
;;=   movl $0x7, %edx
;;=   atomically { 32_bits_at_[%r9] Or= %r10; %rax = old_value_at_[%r9]; %r11, %rflags = trash }
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::notify:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rsi
;;=   addq $0x8, %rsi
;;=   jb #trap=user2
;;=   uninit  %rdi
;;=   xorq %rdi, %rdi
;;=   movl $0x1, %edx
;;=   call    User(userextname0)
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

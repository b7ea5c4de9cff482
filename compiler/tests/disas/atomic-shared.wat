;; Each kind of atomic access to a shared memory of the module's own: a check of the alignment, then one instruction
;; or, where an instruction does not give the old value, a loop.
(module
  (memory 1 4 shared)
  (func $load (param i32) (result i32) (i32.atomic.load offset=8 (local.get 0)))
  (func $load_narrow (param i32) (result i64) (i64.atomic.load8_u (local.get 0)))
  (func $load_odd_offset (param i32) (result i32) (i32.atomic.load offset=2 (local.get 0)))
  (func $store (param i32 i64) (i64.atomic.store (local.get 0) (local.get 1)))
  (func $add (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func $add_only (param i32 i32) (drop (i32.atomic.rmw.add (local.get 0) (local.get 1))))
  (func $sub (param i32 i32) (result i32) (i32.atomic.rmw16.sub_u (local.get 0) (local.get 1)))
  (func $and (param i32 i64) (result i64) (i64.atomic.rmw.and (local.get 0) (local.get 1)))
  (func $xchg (param i32 i64) (result i64) (i64.atomic.rmw32.xchg_u (local.get 0) (local.get 1)))
  (func $cmpxchg (param i32 i32 i32) (result i32)
    (i32.atomic.rmw8.cmpxchg_u (local.get 0) (local.get 1) (local.get 2)))
  (func $fence (atomic.fence))
  (func $wait (param i32 i32 i64) (result i32)
    (memory.atomic.wait32 offset=16 (local.get 0) (local.get 1) (local.get 2)))
  (func $notify (param i32 i32) (result i32)
    (memory.atomic.notify (local.get 0) (local.get 1)))
  (func $size (result i32) (memory.size))
  (func $far (param i32) (result i32) (i32.load offset=0x7ffffff0 (local.get 0))))

;;= wasm[0]::load:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %rsi
;;=   addq -0x10(%rsi), %rsi
;;=   movl 8(%rsi, %rdi), %edi
;;=   movl %edi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::load_narrow:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   addq -0x10(%rsi), %rsi
;;=   movzbq (%rsi, %rdi), %rsi
;;=   movzbq %sil, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::load_odd_offset:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   leaq 2(%rdi), %rsi
;;=   testq $0x3, %rsi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   movl 2(%r8, %rdi), %r8d
;;=   movl %r8d, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::store:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x7, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   movq %rsi, (%r8, %rdi)
;;=   mfence
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[4]::add:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   lock xaddl %esi, (%r8, %rdi)
;;=   movl %esi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[5]::add_only:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   lock addl %esi, (%r8, %rdi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[6]::sub:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x1, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   negw %si
;;=   lock xaddw %si, (%r8, %rdi)
;;=   movzwq %si, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[7]::and:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x7, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   atomically { 64_bits_at_[%r9] And= %r10; %rax = old_value_at_[%r9]; %r11, %rflags = trash }
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[8]::xchg:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   xchgl %esi, (%r8, %rdi)
;;=   movl %esi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[9]::cmpxchg:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %r8
;;=   addq -0x10(%r8), %r8
;;=   movq %rsi, %rax
;;=   lock cmpxchgb %dl, (%r8, %rdi) ;; implicit: %al
;;=   movzbq %al, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[10]::fence:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   mfence
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[11]::wait:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %rax
;;=   movq %rsi, %rcx
;;=   uninit  %rdi
;;=   xorq %rdi, %rdi
;;=   leaq 0x10(%rax), %rsi
;;=   movq %rcx, %rax
;;=   movq %rdx, %rcx
;;=   movq %rax, %rdx
;;=   call    User(userextname0)
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[12]::notify:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rdi, %r9
;;=   uninit  %rdi
;;=   xorq %rdi, %rdi
;;=   movq %rsi, %rdx
;;=   movq %r9, %rsi
;;=   call    User(userextname0)
;;=   movl %eax, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[13]::size:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -8(%rsi), %rdi
;;=   movq 8(%rsi, %rdi), %rsi
;;=   shrq $0x10, %rsi
;;=   movl %esi, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[14]::far:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -8(%rsi), %r8
;;=   leaq 0x7ffffff4(%rdi), %r9
;;=   cmpq 8(%rsi, %r8), %r9
;;=   jnbe #trap=user2
;;=   addq -0x10(%rsi), %rsi
;;=   movl 0x7ffffff0(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

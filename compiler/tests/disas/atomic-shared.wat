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
;;=   movl %edi, %esi
;;=   testq $0x3, %rsi
;;=   jnz #trap=user13
;;=   movq    %r15, %rdi
;;=   addq -0x10(%rdi), %rdi
;;=   movl 8(%rdi, %rsi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::load_narrow:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   addq -0x10(%rsi), %rsi
;;=   movl %edi, %edi
;;=   movzbq (%rsi, %rdi), %rsi
;;=   movzbq %sil, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[2]::load_odd_offset:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl %edi, %esi
;;=   leaq 2(%rsi), %rdi
;;=   testq $0x3, %rdi
;;=   jnz #trap=user13
;;=   movq    %r15, %rdi
;;=   addq -0x10(%rdi), %rdi
;;=   movl 2(%rdi, %rsi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[3]::store:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl %edi, %edi
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
;;=   movq %rsi, %rax
;;=   movl %edi, %esi
;;=   testq $0x3, %rsi
;;=   jnz #trap=user13
;;=   movq    %r15, %rdi
;;=   addq -0x10(%rdi), %rdi
;;=   lock xaddl %eax, (%rdi, %rsi)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[5]::add_only:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl %edi, %edi
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
;;=   movl %edi, %r8d
;;=   testq $0x1, %r8
;;=   jnz #trap=user13
;;=   movq    %r15, %r9
;;=   addq -0x10(%r9), %r9
;;=   negw %si
;;=   lock xaddw %si, (%r9, %r8)
;;=   movzwl %si, %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[7]::and:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movl %edi, %edi
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
;;=   movl %edi, %edi
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
;;=   movq %rdi, %rax
;;=   movq    %r15, %rdi
;;=   addq -0x10(%rdi), %rdi
;;=   movl %eax, %r8d
;;=   movq %rsi, %rax
;;=   lock cmpxchgb %dl, (%rdi, %r8) ;; implicit: %al
;;=   movzbl %al, %eax
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
;;=   movq %rdx, %r8
;;=   uninit  %rdi
;;=   xorq %rdi, %rdi
;;=   movl %eax, %r9d
;;=   leaq 0x10(%r9), %rsi
;;=   movq %rcx, %rax
;;=   movl %eax, %edx
;;=   movq %r8, %rcx
;;=   call    User(userextname0)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[12]::notify:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq %rsi, %rax
;;=   movq %rdi, %r10
;;=   uninit  %rdi
;;=   xorq %rdi, %rdi
;;=   movl %r10d, %esi
;;=   movl %eax, %edx
;;=   call    User(userextname0)
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[13]::size:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -8(%rsi), %rdi
;;=   movq 8(%rsi, %rdi), %rax
;;=   shrq $0x10, %rax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[14]::far:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -8(%rsi), %r8
;;=   movl %edi, %edi
;;=   leaq 0x7ffffff4(%rdi), %r9
;;=   cmpq 8(%rsi, %r8), %r9
;;=   jnbe #trap=user2
;;=   addq -0x10(%rsi), %rsi
;;=   movl 0x7ffffff0(%rsi, %rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

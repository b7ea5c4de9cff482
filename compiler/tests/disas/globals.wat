;; Globals: own ones at a distance from the context, constants as immediates, imported ones behind a distance.
(module
  (import "env" "g" (global $imported (mut i64)))
  (import "env" "k" (global $imported_constant i32))
  (global $stack (mut i32) (i32.const 65536))
  (global $constant i32 (i32.const 42))
  (global $computed i32 (i32.add (global.get $imported_constant) (i32.const 1)))
  (func $frame (result i32)
    (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
    (i32.add (global.get $stack) (global.get $constant)))
  (func $others (result i32)
    (global.set $imported (i64.add (global.get $imported) (i64.const 1)))
    (i32.add (global.get $imported_constant) (global.get $computed))))

;;= wasm[0]::frame:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movl -0x60(%rsi), %edi
;;=   movq %rdi, %r8
;;=   subl $0x10, %r8d
;;=   movl %r8d, -0x60(%rsi)
;;=   leal 0x1a(%rdi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq
;;= wasm[1]::others:
;;=   pushq %rbp
;;=   movq %rsp, %rbp
;;= block0:
;;=   movq    %r15, %rsi
;;=   movq -0x78(%rsi), %rdi
;;=   addq $0x1, (%rsi, %rdi)
;;=   movq -0x80(%rsi), %rdi
;;=   movl (%rsi, %rdi), %eax
;;=   addl -0x70(%rsi), %eax
;;=   movq %rbp, %rsp
;;=   popq %rbp
;;=   retq

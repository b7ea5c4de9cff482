;; The same shapes on AArch64.
;;! target = aarch64-unknown-linux-gnu
(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory 1)
  (type $t (func (param i32) (result i32)))
  (table 8 funcref)
  (elem (i32.const 0) $f)
  (func $load (param i32) (result i32) (i32.load offset=16 (local.get 0)))
  (func $import (param i32) (result i32) (call $f (local.get 0)))
  (func $indirect (param i32) (result i32) (call_indirect (type $t) (local.get 0) (local.get 0)))
  (func $divide (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1))))

;;= wasm[1]::load:
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   mov x4, x21
;;=   add x4, x4, x2
;;=   ldr w2, [x4, #16]
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= wasm[2]::import:
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;=   str x19, [sp, #-16]!
;;= block0:
;;=   mov x19, x21
;;=   ldur x6, [x19, #-136]
;;=   add x6, x19, x6
;;=   mov x21, x6
;;=   ldur x7, [x19, #-144]
;;=   blr x7
;;=   mov x21, x19
;;=   ldr x19, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= wasm[3]::indirect:
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;=   str x20, [sp, #-16]!
;;= block0:
;;=   mov x6, x2
;;=   mov x20, x21
;;=   sub x0, x20, #64
;;=   sub x1, x20, #192
;;=   add x1, x1, x2, LSL 2
;;=   subs xzr, x2, #8
;;=   csel x0, x0, x1, hs
;;=   ldr w0, [x0]
;;=   ldur x1, [x20, #-40]
;;=   add x1, x20, x1
;;=   mov w4, w0
;;=   lsl x3, x4, #4
;;=   add x4, x1, x4, LSL 4
;;=   ldr w5, [x4, #8]
;;=   ldur w2, [x20, #-152]
;;=   subs wzr, w5, w2
;;=   b.eq label2 ; b label1
;;= block2:
;;=   ldr x0, [x1, x3]
;;=   ldrsw x1, [x4, #12]
;;=   ldur x2, [x20, #-48]
;;=   add x2, x20, x2
;;=   add x1, x2, x1, LSL 12
;;=   mov x21, x1
;;=   mov x2, x6
;;=   blr x0
;;=   mov x21, x20
;;=   ldr x20, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= block1:
;;=   mov x2, x6
;;=   subs xzr, x2, #8
;;=   b.hs #trap=user4
;;=   cbz w0, #trap=user5
;;=   udf #0xc11f
;;= wasm[4]::divide:
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   cbz w3, #trap=int_divz
;;=   adds wzr, w3, #1
;;=   ccmp w2, #1, #nzcv, eq
;;=   b.vs #trap=int_ovf
;;=   sdiv w8, w2, w3
;;=   mov w2, w8
;;=   ldp fp, lr, [sp], #16
;;=   ret

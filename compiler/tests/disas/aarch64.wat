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
;;=   add x4, x4, x2, UXTW
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
;;=   str x22, [sp, #-16]!
;;= block0:
;;=   mov x7, x2
;;=   mov x22, x21
;;=   mov w0, w2
;;=   sub x1, x22, #64
;;=   sub x2, x22, #192
;;=   add x3, x2, x0, LSL 2
;;=   subs xzr, x0, #8
;;=   csel x1, x1, x3, hs
;;=   ldr w1, [x1]
;;=   ldur x2, [x22, #-40]
;;=   add x3, x22, x2
;;=   mov w5, w1
;;=   lsl x4, x5, #4
;;=   add x5, x3, x5, LSL 4
;;=   ldr w6, [x5, #8]
;;=   ldur w2, [x22, #-152]
;;=   subs wzr, w6, w2
;;=   b.eq label2 ; b label1
;;= block2:
;;=   ldr x0, [x3, x4]
;;=   ldrsw x1, [x5, #12]
;;=   ldur x2, [x22, #-48]
;;=   add x2, x22, x2
;;=   add x1, x2, x1, LSL 12
;;=   mov x21, x1
;;=   mov x2, x7
;;=   blr x0
;;=   mov x21, x22
;;=   ldr x22, [sp], #16
;;=   ldp fp, lr, [sp], #16
;;=   ret
;;= block1:
;;=   subs xzr, x0, #8
;;=   b.hs #trap=user4
;;=   cbz w1, #trap=user5
;;=   udf #0xc11f
;;= wasm[4]::divide:
;;=   stp fp, lr, [sp, #-16]!
;;=   mov fp, sp
;;= block0:
;;=   cbz w3, #trap=int_divz
;;=   adds wzr, w3, #1
;;=   ccmp w2, #1, #nzcv, eq
;;=   b.vs #trap=int_ovf
;;=   sdiv w2, w2, w3
;;=   ldp fp, lr, [sp], #16
;;=   ret

;; Blocks, loops and branches: a block that nothing branches to leaves no trace; a table passes arguments once.
;;! emit = ir
(module
  (func $plain (param i32) (result i32) (block (result i32) (block) (loop) (local.get 0)))
  (func $if (param i32 i32) (result i32)
    (local.get 0) (local.get 1)
    (if (param i32) (result i32) (then (drop) (i32.const 5))))
  (func $table (param i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (i32.const 7)
        (br_table $a $b $a $b $a (local.get 0)))
      (drop) (i32.const 8)))
  (func $dead (param i32) (result i32)
    (block (result i32)
      (br 0 (local.get 0))
      (if (i32.const 1) (then (unreachable)) (else (nop)))
      (i32.const 9)))
  (func $return_if (param i32) (result i32)
    (br_if 0 (i32.const 1) (local.get 0))
    (drop)
    (i32.const 2)))

;;= wasm[0]::plain:
;;= function u0:0(i64) -> i64 tail {
;;= block0(v0: i64):
;;=     v1 = ireduce.i32 v0
;;=     jump block1
;;=
;;= block1:
;;=     return v0
;;= }
;;= wasm[1]::if:
;;= function u0:0(i64, i64) -> i64 tail {
;;= block0(v0: i64, v1: i64):
;;=     v2 = ireduce.i32 v0
;;=     v3 = ireduce.i32 v1
;;=     brif v3, block1, block2
;;=
;;= block1:
;;=     v4 = iconst.i32 5
;;=     jump block3(v4)  ; v4 = 5
;;=
;;= block2:
;;=     jump block3(v2)
;;=
;;= block3(v5: i32):
;;=     v6 = uextend.i64 v5
;;=     return v6
;;= }
;;= wasm[2]::table:
;;= function u0:0(i64) -> i64 tail {
;;= block0(v0: i64):
;;=     v1 = ireduce.i32 v0
;;=     v2 = iconst.i32 7
;;=     br_table v1, block2, [block2, block4, block2, block4]
;;=
;;= block2:
;;=     jump block1(v2)  ; v2 = 7
;;=
;;= block4:
;;=     jump block3(v2)  ; v2 = 7
;;=
;;= block3(v4: i32):
;;=     v5 = iconst.i32 8
;;=     jump block1(v5)  ; v5 = 8
;;=
;;= block1(v3: i32):
;;=     v6 = uextend.i64 v3
;;=     return v6
;;= }
;;= wasm[3]::dead:
;;= function u0:0(i64) -> i64 tail {
;;= block0(v0: i64):
;;=     v1 = ireduce.i32 v0
;;=     jump block1(v1)
;;=
;;= block1(v2: i32):
;;=     v3 = uextend.i64 v2
;;=     return v3
;;= }
;;= wasm[4]::return_if:
;;= function u0:0(i64) -> i64 tail {
;;= block0(v0: i64):
;;=     v1 = ireduce.i32 v0
;;=     v2 = iconst.i32 1
;;=     brif v1, block1(v2), block2  ; v2 = 1
;;=
;;= block2:
;;=     v4 = iconst.i32 2
;;=     v5 = uextend.i64 v4  ; v4 = 2
;;=     return v5
;;=
;;= block1(v3: i32):
;;=     v6 = uextend.i64 v3
;;=     return v6
;;= }

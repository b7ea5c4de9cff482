;; Tables: an index out of bounds traps, and reads null when it is executed speculatively.
;;! emit = optimized-ir
(module
  (table $fixed 8 externref)
  (table $grown 8 externref)
  (elem $e funcref (ref.func $set))
  (table $functions 4 funcref)
  (func $get (param i32) (result externref) (table.get $fixed (local.get 0)))
  (func $set (param i32 externref) (table.set $grown (local.get 0) (local.get 1)))
  (func $sizes (result i32) (i32.add (table.size $fixed) (table.size $grown)))
  (func $grow (param externref i32) (result i32) (table.grow $grown (local.get 0) (local.get 1)))
  (func $bulk (param i32 i32 i32 externref)
    (table.copy $fixed $grown (local.get 0) (local.get 1) (local.get 2))
    (table.fill $grown (local.get 0) (local.get 3) (local.get 2))
    (table.init $functions $e (local.get 0) (local.get 1) (local.get 2))
    (elem.drop $e)))

;;= wasm[0]::get:
;;= function u0:0(i64) -> i32 tail {
;;=     region0 = 1 "tables"
;;=
;;= block0(v0: i64):
;;=     v4 = get_pinned_reg.i64
;;=     v2 = iconst.i64 8
;;=     v3 = icmp uge v0, v2  ; v2 = 8
;;=     trapnz v3, user3
;;=     v10 = iconst.i64 -64
;;=     v11 = iadd v4, v10  ; v10 = -64
;;=     v5 = iconst.i64 -200
;;=     v6 = iadd v4, v5  ; v5 = -200
;;=     v7 = iconst.i64 2
;;=     v8 = ishl v0, v7  ; v7 = 2
;;=     v9 = iadd v6, v8
;;=     v12 = select_spectre_guard v3, v11, v9
;;=     v13 = load.i32 notrap aligned region0 v12
;;=     return v13
;;= }
;;= wasm[1]::set:
;;= function u0:0(i64, i32) tail {
;;=     region0 = 0 "context"
;;=     region1 = 1 "tables"
;;=
;;= block0(v0: i64, v1: i32):
;;=     v3 = get_pinned_reg.i64
;;=     v4 = load.i64 notrap aligned region0 v3-112
;;=     v6 = load.i64 notrap aligned region0 v3-120
;;=     v5 = icmp uge v0, v4
;;=     trapnz v5, user3
;;=     v11 = iconst.i64 -64
;;=     v12 = iadd v3, v11  ; v11 = -64
;;=     v7 = iadd v3, v6
;;=     v8 = iconst.i64 2
;;=     v9 = ishl v0, v8  ; v8 = 2
;;=     v10 = iadd v7, v9
;;=     v13 = select_spectre_guard v5, v12, v10
;;=     store notrap aligned region1 v1, v13
;;=     return
;;= }
;;= wasm[2]::sizes:
;;= function u0:0() -> i64 tail {
;;=     region0 = 0 "context"
;;=
;;= block0:
;;=     v2 = get_pinned_reg.i64
;;=     v3 = load.i64 notrap aligned region0 v2-112
;;=     v4 = ireduce.i32 v3
;;=     v7 = iconst.i32 8
;;=     v8 = iadd v4, v7  ; v7 = 8
;;=     v6 = uextend.i64 v8
;;=     return v6
;;= }
;;= wasm[3]::grow:
;;= function u0:0(i32, i64) -> i64 tail {
;;=     sig0 = (i64, i64, i64) -> i64 tail
;;=     fn0 = colocated u1:6 sig0
;;=
;;= block0(v0: i32, v1: i64):
;;=     v3 = iconst.i64 1
;;=     v4 = uextend.i64 v0
;;=     v5 = call fn0(v3, v4, v1)  ; v3 = 1
;;=     v6 = ireduce.i32 v5
;;=     v7 = uextend.i64 v6
;;=     return v7
;;= }
;;= wasm[4]::bulk:
;;= function u0:0(i64, i64, i64, i32) tail {
;;=     ss0 = explicit_slot 4, align = 4
;;=     sig0 = (i64, i64, i64, i64, i64) -> i64 tail
;;=     sig1 = (i64, i64, i64, i64) -> i64 tail
;;=     sig2 = (i64, i64, i64, i64, i64) -> i64 tail
;;=     sig3 = (i64) -> i64 tail
;;=     fn0 = colocated u1:8 sig0
;;=     fn1 = colocated u1:7 sig1
;;=     fn2 = colocated u1:9 sig2
;;=     fn3 = colocated u1:10 sig3
;;=
;;= block0(v0: i64, v1: i64, v2: i64, v3: i32):
;;=     v20 = stack_addr.i64 ss0
;;=     store notrap aligned v3, v20
;;=     v7 = iconst.i64 0
;;=     v8 = iconst.i64 1
;;=     v9 = call fn0(v7, v8, v0, v1, v2), stack_map=[i32 @ ss0+0]  ; v7 = 0, v8 = 1
;;=     v19 = load.i32 notrap aligned v20
;;=     v11 = uextend.i64 v19
;;=     v12 = call fn1(v8, v0, v11, v2)  ; v8 = 1
;;=     v13 = iconst.i64 2
;;=     v15 = call fn2(v13, v7, v0, v1, v2)  ; v13 = 2, v7 = 0
;;=     v17 = call fn3(v7)  ; v7 = 0
;;=     return
;;= }

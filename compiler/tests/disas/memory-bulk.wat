;; Bulk operations and growth are calls of builtins' stubs.
;;! emit = ir
(module
  (memory 1 4)
  (data $d "abc")
  (func $all (param i32 i32 i32) (result i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))
    (memory.fill (local.get 0) (local.get 1) (local.get 2))
    (memory.init $d (local.get 0) (local.get 1) (local.get 2))
    (data.drop $d)
    (memory.grow (memory.size))))

;;= wasm[0]::all:
;;= function u0:0(i64, i64, i64) -> i64 tail {
;;=     region0 = 0 "context"
;;=     sig0 = (i64, i64, i64, i64, i64) -> i64 tail
;;=     sig1 = (i64, i64, i64, i64) -> i64 tail
;;=     sig2 = (i64, i64, i64, i64, i64) -> i64 tail
;;=     sig3 = (i64) -> i64 tail
;;=     sig4 = (i64, i64) -> i64 tail
;;=     fn0 = colocated u1:2 sig0
;;=     fn1 = colocated u1:3 sig1
;;=     fn2 = colocated u1:4 sig2
;;=     fn3 = colocated u1:5 sig3
;;=     fn4 = colocated u1:1 sig4
;;=
;;= block0(v0: i64, v1: i64, v2: i64):
;;=     v3 = ireduce.i32 v0
;;=     v4 = ireduce.i32 v1
;;=     v5 = ireduce.i32 v2
;;=     v6 = iconst.i64 0
;;=     v7 = iconst.i64 0
;;=     v8 = call fn0(v6, v7, v0, v1, v2)  ; v6 = 0, v7 = 0
;;=     v9 = iconst.i64 0
;;=     v10 = call fn1(v9, v0, v1, v2)  ; v9 = 0
;;=     v11 = iconst.i64 0
;;=     v12 = iconst.i64 0
;;=     v13 = call fn2(v11, v12, v0, v1, v2)  ; v11 = 0, v12 = 0
;;=     v14 = iconst.i64 0
;;=     v15 = call fn3(v14)  ; v14 = 0
;;=     v16 = get_pinned_reg.i64
;;=     v17 = load.i64 notrap aligned region0 v16-8
;;=     v18 = iconst.i64 16
;;=     v19 = ushr v17, v18  ; v18 = 16
;;=     v20 = ireduce.i32 v19
;;=     v21 = uextend.i64 v20
;;=     v22 = iconst.i64 0
;;=     v23 = call fn4(v22, v21)  ; v22 = 0
;;=     v24 = ireduce.i32 v23
;;=     v25 = uextend.i64 v24
;;=     return v25
;;= }

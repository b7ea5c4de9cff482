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
;;= function u0:0(i32, i32, i32) -> i32 tail {
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
;;= block0(v0: i32, v1: i32, v2: i32):
;;=     v3 = iconst.i64 0
;;=     v4 = iconst.i64 0
;;=     v5 = uextend.i64 v0
;;=     v6 = uextend.i64 v1
;;=     v7 = uextend.i64 v2
;;=     v8 = call fn0(v3, v4, v5, v6, v7)  ; v3 = 0, v4 = 0
;;=     v9 = iconst.i64 0
;;=     v10 = uextend.i64 v0
;;=     v11 = uextend.i64 v1
;;=     v12 = uextend.i64 v2
;;=     v13 = call fn1(v9, v10, v11, v12)  ; v9 = 0
;;=     v14 = iconst.i64 0
;;=     v15 = iconst.i64 0
;;=     v16 = uextend.i64 v0
;;=     v17 = uextend.i64 v1
;;=     v18 = uextend.i64 v2
;;=     v19 = call fn2(v14, v15, v16, v17, v18)  ; v14 = 0, v15 = 0
;;=     v20 = iconst.i64 0
;;=     v21 = call fn3(v20)  ; v20 = 0
;;=     v22 = get_pinned_reg.i64
;;=     v23 = load.i64 notrap aligned region0 v22-8
;;=     v24 = iconst.i64 16
;;=     v25 = ushr v23, v24  ; v24 = 16
;;=     v26 = ireduce.i32 v25
;;=     v27 = uextend.i64 v26
;;=     v28 = iconst.i64 0
;;=     v29 = call fn4(v28, v27)  ; v28 = 0
;;=     v30 = ireduce.i32 v29
;;=     return v30
;;= }

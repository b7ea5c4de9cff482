;; A table that can grow is reached through its entry, with its length of the moment.
;;! emit = optimized-ir
(module
  (type $t (func (param i32) (result i32)))
  (table (export "t") 8 funcref)
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[0]::call:
;;= function u0:0(i64, i64) -> i64 tail {
;;=     region0 = 0 "context"
;;=     region1 = 1 "tables"
;;=     sig0 = (i64) -> i64 tail
;;=
;;= block0(v0: i64, v1: i64):
;;=     v4 = get_pinned_reg.i64
;;=     v5 = load.i64 notrap aligned region0 v4-96
;;=     v7 = load.i64 notrap aligned region0 v4-104
;;=     v6 = icmp uge v1, v5
;;=     v12 = iconst.i64 -64
;;=     v13 = iadd v4, v12  ; v12 = -64
;;=     v8 = iadd v4, v7
;;=     v9 = iconst.i64 2
;;=     v10 = ishl v1, v9  ; v9 = 2
;;=     v11 = iadd v8, v10
;;=     v14 = select_spectre_guard v6, v13, v11
;;=     v15 = load.i32 notrap aligned region1 v14
;;=     v16 = load.i64 notrap aligned readonly can_move v4-40
;;=     v17 = iadd v4, v16
;;=     v18 = uextend.i64 v15
;;=     v19 = iconst.i64 4
;;=     v20 = ishl v18, v19  ; v19 = 4
;;=     v21 = iadd v17, v20
;;=     v22 = load.i32 notrap aligned readonly v21+8
;;=     v23 = load.i32 notrap aligned readonly can_move v4-112
;;=     v24 = icmp eq v22, v23
;;=     brif v24, block2, block1
;;=
;;= block1 cold:
;;=     trapnz.i8 v6, user4
;;=     trapz.i32 v15, user5
;;=     trap user6
;;=
;;= block2:
;;=     v25 = load.i64 notrap aligned readonly v21
;;=     v26 = sload32.i64 notrap aligned readonly v21+12
;;=     v29 = load.i64 notrap aligned readonly can_move v4-48
;;=     v30 = iadd.i64 v4, v29
;;=     v27 = iconst.i64 12
;;=     v28 = ishl v26, v27  ; v27 = 12
;;=     v31 = iadd v30, v28
;;=     set_pinned_reg v31
;;=     v32 = call_indirect sig0, v25(v0)
;;=     set_pinned_reg.i64 v4
;;=     return v32
;;= }

;; A table that can grow is reached through its entry, with its length of the moment.
;;! emit = optimized-ir
(module
  (type $t (func (param i32) (result i32)))
  (table (export "t") 8 funcref)
  (func $call (param i32 i32) (result i32)
    (call_indirect (type $t) (local.get 0) (local.get 1))))

;;= wasm[0]::call:
;;= function u0:0(i32, i32) -> i32 tail {
;;=     region0 = 0 "context"
;;=     region1 = 1 "tables"
;;=     sig0 = (i32) -> i32 tail
;;=
;;= block0(v0: i32, v1: i32):
;;=     v3 = get_pinned_reg.i64
;;=     v4 = load.i64 notrap aligned region0 v3-96
;;=     v6 = load.i64 notrap aligned region0 v3-104
;;=     v2 = uextend.i64 v1
;;=     v5 = icmp uge v2, v4
;;=     v11 = iconst.i64 -64
;;=     v12 = iadd v3, v11  ; v11 = -64
;;=     v7 = iadd v3, v6
;;=     v8 = iconst.i64 2
;;=     v9 = ishl v2, v8  ; v8 = 2
;;=     v10 = iadd v7, v9
;;=     v13 = select_spectre_guard v5, v12, v10
;;=     v14 = load.i32 notrap aligned region1 v13
;;=     v15 = load.i64 notrap aligned readonly can_move v3-40
;;=     v16 = iadd v3, v15
;;=     v17 = uextend.i64 v14
;;=     v18 = iconst.i64 4
;;=     v19 = ishl v17, v18  ; v18 = 4
;;=     v20 = iadd v16, v19
;;=     v21 = load.i32 notrap aligned readonly v20+8
;;=     v22 = load.i32 notrap aligned readonly can_move v3-112
;;=     v23 = icmp eq v21, v22
;;=     brif v23, block2, block1
;;=
;;= block1 cold:
;;=     trapnz.i8 v5, user4
;;=     trapz.i32 v14, user5
;;=     trap user6
;;=
;;= block2:
;;=     v24 = load.i64 notrap aligned readonly v20
;;=     v25 = sload32.i64 notrap aligned readonly v20+12
;;=     v28 = load.i64 notrap aligned readonly can_move v3-48
;;=     v29 = iadd.i64 v3, v28
;;=     v26 = iconst.i64 12
;;=     v27 = ishl v25, v26  ; v26 = 12
;;=     v30 = iadd v29, v27
;;=     set_pinned_reg v30
;;=     v31 = call_indirect sig0, v24(v0)
;;=     set_pinned_reg.i64 v3
;;=     return v31
;;= }

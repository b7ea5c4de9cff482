;;! emit = ir
;; In the function of the `try_table` that encloses it a throw is a jump; a foreign call restores the context on both ways.
(module
  (import "m" "g" (func $foreign))
  (tag $t (param i32))
  (tag $u)
  (func (export "f") (param i32) (result exnref)
    (block $all (result exnref)
      (block $caught (result i32)
        (try_table (catch_all_ref $all)
          (try_table (catch $t $caught)
            (call $foreign)
            (if (local.get 0) (then (throw $t (local.get 0))))
            (throw $u)))
        (unreachable))
      (drop)
      (throw_ref (ref.null exn)))))

;;= wasm[1]::f:
;;= function u0:0(i64) -> i32 tail {
;;=     region0 = 5 "heap control"
;;=     region1 = 4 "objects"
;;=     sig0 = () tail
;;=     sig1 = (i64, i64) -> i64 tail
;;=     sig2 = (i64) -> i64 tail
;;=     fn0 = colocated u1:12 sig1
;;=     fn1 = colocated u1:22 sig2
;;=
;;= block0(v0: i64):
;;=     v1 = ireduce.i32 v0
;;=     v2 = get_pinned_reg.i64
;;=     v3 = load.i64 notrap aligned readonly can_move v2-128
;;=     v4 = load.i64 notrap aligned readonly can_move v2-120
;;=     v5 = iadd v2, v4
;;=     set_pinned_reg v5
;;=     try_call_indirect v3(), sig0, block3, [ default: block2(exn0, exn1) ]
;;=
;;= block3:
;;=     set_pinned_reg.i64 v2
;;=     brif.i32 v1, block4, block5
;;=
;;= block4:
;;=     v9 = get_pinned_reg.i64
;;=     v10 = load.i32 notrap aligned readonly can_move v9-152
;;=     v11 = iconst.i32 -2147483648
;;=     v12 = bor v10, v11  ; v11 = -2147483648
;;=     v13 = iconst.i64 16
;;=     v14 = uextend.i64 v12
;;=     v15 = load.i64 notrap aligned readonly can_move v9-80
;;=     v16 = iadd v9, v15
;;=     v17 = uload32 notrap aligned region0 v16+4096
;;=     v18 = uload32 notrap aligned region0 v16+4100
;;=     v19 = iadd v17, v13  ; v13 = 16
;;=     v20 = icmp ule v19, v18
;;=     brif v20, block6, block7
;;=
;;= block6:
;;=     istore32.i64 notrap aligned region0 v19, v16+4096
;;=     v22 = ireduce.i32 v17
;;=     v23 = load.i64 notrap aligned readonly can_move v9-80
;;=     v24 = iadd.i64 v9, v23
;;=     v25 = uextend.i64 v22
;;=     v26 = iadd v24, v25
;;=     store.i64 notrap region1 v14, v26
;;=     jump block8(v22)
;;=
;;= block7 cold:
;;=     v27 = call fn0(v14, v13)  ; v13 = 16
;;=     v28 = ireduce.i32 v27
;;=     jump block8(v28)
;;=
;;= block8(v21: i32):
;;=     v29 = get_pinned_reg.i64
;;=     v30 = load.i64 notrap aligned readonly can_move v29-80
;;=     v31 = iadd v29, v30
;;=     v32 = uextend.i64 v21
;;=     v33 = iadd v31, v32
;;=     store.i32 notrap region1 v1, v33+8
;;=     jump block1(v21)
;;=
;;= block5:
;;=     jump block9
;;=
;;= block9:
;;=     v34 = get_pinned_reg.i64
;;=     v35 = load.i32 notrap aligned readonly can_move v34-148
;;=     v36 = iconst.i32 -2147483648
;;=     v37 = bor v35, v36  ; v36 = -2147483648
;;=     v38 = iconst.i64 8
;;=     v39 = uextend.i64 v37
;;=     v40 = load.i64 notrap aligned readonly can_move v34-80
;;=     v41 = iadd v34, v40
;;=     v42 = uload32 notrap aligned region0 v41+4096
;;=     v43 = uload32 notrap aligned region0 v41+4100
;;=     v44 = iadd v42, v38  ; v38 = 8
;;=     v45 = icmp ule v44, v43
;;=     brif v45, block10, block11
;;=
;;= block10:
;;=     istore32.i64 notrap aligned region0 v44, v41+4096
;;=     v47 = ireduce.i32 v42
;;=     v48 = load.i64 notrap aligned readonly can_move v34-80
;;=     v49 = iadd.i64 v34, v48
;;=     v50 = uextend.i64 v47
;;=     v51 = iadd v49, v50
;;=     store.i64 notrap region1 v39, v51
;;=     jump block12(v47)
;;=
;;= block11 cold:
;;=     v52 = call fn0(v39, v38)  ; v38 = 8
;;=     v53 = ireduce.i32 v52
;;=     jump block12(v53)
;;=
;;= block12(v46: i32):
;;=     v54 = get_pinned_reg.i64
;;=     v55 = load.i64 notrap aligned readonly can_move v54-80
;;=     v56 = iadd v54, v55
;;=     v57 = uextend.i64 v46
;;=     v58 = iadd v56, v57
;;=     jump block1(v46)
;;=
;;= block2(v7: i64, v8: i64) cold:
;;=     set_pinned_reg.i64 v2
;;=     v59 = ireduce.i32 v7
;;=     jump block1(v59)
;;=
;;= block1(v6: i32) cold:
;;=     v60 = get_pinned_reg.i64
;;=     v61 = load.i32 notrap aligned readonly can_move v60-152
;;=     v62 = iconst.i32 -2147483648
;;=     v63 = bor v61, v62  ; v62 = -2147483648
;;=     v64 = load.i64 notrap aligned readonly can_move v60-80
;;=     v65 = iadd v60, v64
;;=     v66 = uextend.i64 v6
;;=     v67 = iadd v65, v66
;;=     v68 = load.i32 notrap region1 v67
;;=     v69 = icmp eq v68, v63
;;=     brif v69, block13, block14
;;=
;;= block13:
;;=     v70 = load.i32 notrap region1 v67+8
;;=     jump block15(v70)
;;=
;;= block14 cold:
;;=     jump block16(v6)
;;=
;;= block16(v72: i32) cold:
;;=     jump block17(v72)
;;=
;;= block15(v71: i32):
;;=     v74 = iconst.i32 0
;;=     trapz v74, user22  ; v74 = 0
;;=     v75 = uextend.i64 v74  ; v74 = 0
;;=     v76 = call fn1(v75)
;;=     trap user1
;;=
;;= block17(v73: i32):
;;=     return v73
;;= }

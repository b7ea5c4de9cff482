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
;;= function u0:0(i32) -> i32 tail {
;;=     region0 = 5 "heap control"
;;=     region1 = 4 "objects"
;;=     sig0 = () tail
;;=     sig1 = (i64, i64) -> i64 tail
;;=     sig2 = (i64) -> i64 tail
;;=     fn0 = colocated u1:12 sig1
;;=     fn1 = colocated u1:22 sig2
;;=
;;= block0(v0: i32):
;;=     v1 = get_pinned_reg.i64
;;=     v2 = load.i64 notrap aligned readonly can_move v1-128
;;=     v3 = load.i64 notrap aligned readonly can_move v1-120
;;=     v4 = iadd v1, v3
;;=     set_pinned_reg v4
;;=     try_call_indirect v2(), sig0, block3, [ default: block2(exn0, exn1) ]
;;=
;;= block3:
;;=     set_pinned_reg.i64 v1
;;=     brif.i32 v0, block4, block5
;;=
;;= block4:
;;=     v8 = get_pinned_reg.i64
;;=     v9 = load.i32 notrap aligned readonly can_move v8-152
;;=     v10 = iconst.i32 -2147483648
;;=     v11 = bor v9, v10  ; v10 = -2147483648
;;=     v12 = iconst.i64 16
;;=     v13 = uextend.i64 v11
;;=     v14 = load.i64 notrap aligned readonly can_move v8-80
;;=     v15 = iadd v8, v14
;;=     v16 = uload32 notrap aligned region0 v15+4096
;;=     v17 = uload32 notrap aligned region0 v15+4100
;;=     v18 = iadd v16, v12  ; v12 = 16
;;=     v19 = icmp ule v18, v17
;;=     brif v19, block6, block7
;;=
;;= block6:
;;=     istore32.i64 notrap aligned region0 v18, v15+4096
;;=     v21 = ireduce.i32 v16
;;=     v22 = load.i64 notrap aligned readonly can_move v8-80
;;=     v23 = iadd.i64 v8, v22
;;=     v24 = uextend.i64 v21
;;=     v25 = iadd v23, v24
;;=     store.i64 notrap region1 v13, v25
;;=     jump block8(v21)
;;=
;;= block7 cold:
;;=     v26 = call fn0(v13, v12)  ; v12 = 16
;;=     v27 = ireduce.i32 v26
;;=     jump block8(v27)
;;=
;;= block8(v20: i32):
;;=     v28 = get_pinned_reg.i64
;;=     v29 = load.i64 notrap aligned readonly can_move v28-80
;;=     v30 = iadd v28, v29
;;=     v31 = uextend.i64 v20
;;=     v32 = iadd v30, v31
;;=     store.i32 notrap region1 v0, v32+8
;;=     jump block1(v20)
;;=
;;= block5:
;;=     jump block9
;;=
;;= block9:
;;=     v33 = get_pinned_reg.i64
;;=     v34 = load.i32 notrap aligned readonly can_move v33-148
;;=     v35 = iconst.i32 -2147483648
;;=     v36 = bor v34, v35  ; v35 = -2147483648
;;=     v37 = iconst.i64 8
;;=     v38 = uextend.i64 v36
;;=     v39 = load.i64 notrap aligned readonly can_move v33-80
;;=     v40 = iadd v33, v39
;;=     v41 = uload32 notrap aligned region0 v40+4096
;;=     v42 = uload32 notrap aligned region0 v40+4100
;;=     v43 = iadd v41, v37  ; v37 = 8
;;=     v44 = icmp ule v43, v42
;;=     brif v44, block10, block11
;;=
;;= block10:
;;=     istore32.i64 notrap aligned region0 v43, v40+4096
;;=     v46 = ireduce.i32 v41
;;=     v47 = load.i64 notrap aligned readonly can_move v33-80
;;=     v48 = iadd.i64 v33, v47
;;=     v49 = uextend.i64 v46
;;=     v50 = iadd v48, v49
;;=     store.i64 notrap region1 v38, v50
;;=     jump block12(v46)
;;=
;;= block11 cold:
;;=     v51 = call fn0(v38, v37)  ; v37 = 8
;;=     v52 = ireduce.i32 v51
;;=     jump block12(v52)
;;=
;;= block12(v45: i32):
;;=     v53 = get_pinned_reg.i64
;;=     v54 = load.i64 notrap aligned readonly can_move v53-80
;;=     v55 = iadd v53, v54
;;=     v56 = uextend.i64 v45
;;=     v57 = iadd v55, v56
;;=     jump block1(v45)
;;=
;;= block2(v6: i64, v7: i64) cold:
;;=     set_pinned_reg.i64 v1
;;=     v58 = ireduce.i32 v6
;;=     jump block1(v58)
;;=
;;= block1(v5: i32) cold:
;;=     v59 = get_pinned_reg.i64
;;=     v60 = load.i32 notrap aligned readonly can_move v59-152
;;=     v61 = iconst.i32 -2147483648
;;=     v62 = bor v60, v61  ; v61 = -2147483648
;;=     v63 = load.i64 notrap aligned readonly can_move v59-80
;;=     v64 = iadd v59, v63
;;=     v65 = uextend.i64 v5
;;=     v66 = iadd v64, v65
;;=     v67 = load.i32 notrap region1 v66
;;=     v68 = icmp eq v67, v62
;;=     brif v68, block13, block14
;;=
;;= block13:
;;=     v69 = load.i32 notrap region1 v66+8
;;=     jump block15(v69)
;;=
;;= block14 cold:
;;=     jump block16(v5)
;;=
;;= block16(v71: i32) cold:
;;=     jump block17(v71)
;;=
;;= block15(v70: i32):
;;=     v73 = iconst.i32 0
;;=     trapz v73, user22  ; v73 = 0
;;=     v74 = uextend.i64 v73  ; v73 = 0
;;=     v75 = call fn1(v74)
;;=     trap user1
;;=
;;= block17(v72: i32):
;;=     return v72
;;= }

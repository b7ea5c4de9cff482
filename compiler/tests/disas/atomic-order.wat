;; Plain accesses are not merged over an atomic one: the second plain load is made, the third is the second's value.
;;! emit = optimized-ir
(module
  (import "env" "memory" (memory 1 1 shared))
  (func $read (param i32) (result i32) (local i32)
    (local.set 1 (i32.load (local.get 0)))
    (drop (i32.atomic.load offset=4 (local.get 0)))
    (local.set 1 (i32.add (local.get 1) (i32.load (local.get 0))))
    (i32.add (local.get 1) (i32.load (local.get 0))))
  (func $write (param i32)
    (i32.store (local.get 0) (i32.const 1))
    (atomic.fence)
    (i32.store (local.get 0) (i32.const 2))))

;;= wasm[0]::read:
;;= function u0:0(i64) -> i64 tail {
;;=     region0 = 2 "imported memories"
;;=
;;= block0(v0: i64):
;;=     v3 = get_pinned_reg.i64
;;=     v4 = load.i64 notrap aligned readonly can_move v3-104
;;=     v5 = iadd v3, v4
;;=     v6 = iadd v5, v0
;;=     v7 = load.i32 user2 little region0 v6
;;=     v8 = iconst.i64 3
;;=     v9 = band v0, v8  ; v8 = 3
;;=     trapnz v9, user13
;;=     v15 = iconst.i64 4
;;=     v16 = iadd v6, v15  ; v15 = 4
;;=     v17 = atomic_load.i32 user2 little region0 v16
;;=     v21 = load.i32 user2 little region0 v6
;;=     v22 = iadd v7, v21
;;=     v27 = iadd v22, v21
;;=     v28 = uextend.i64 v27
;;=     return v28
;;= }
;;= wasm[1]::write:
;;= function u0:0(i64) tail {
;;=     region0 = 2 "imported memories"
;;=
;;= block0(v0: i64):
;;=     v3 = get_pinned_reg.i64
;;=     v2 = iconst.i32 1
;;=     v4 = load.i64 notrap aligned readonly can_move v3-104
;;=     v5 = iadd v3, v4
;;=     v6 = iadd v5, v0
;;=     store user2 little region0 v2, v6  ; v2 = 1
;;=     fence
;;=     v7 = iconst.i32 2
;;=     store user2 little region0 v7, v6  ; v7 = 2
;;=     return
;;= }

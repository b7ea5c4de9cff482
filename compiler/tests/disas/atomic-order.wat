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
;;= function u0:0(i32) -> i32 tail {
;;=     region0 = 2 "imported memories"
;;=
;;= block0(v0: i32):
;;=     v3 = get_pinned_reg.i64
;;=     v4 = load.i64 notrap aligned readonly can_move v3-104
;;=     v5 = iadd v3, v4
;;=     v2 = uextend.i64 v0
;;=     v6 = iadd v5, v2
;;=     v7 = load.i32 user2 little region0 v6
;;=     v9 = iconst.i64 3
;;=     v10 = band v2, v9  ; v9 = 3
;;=     trapnz v10, user13
;;=     v16 = iconst.i64 4
;;=     v17 = iadd v6, v16  ; v16 = 4
;;=     v18 = atomic_load.i32 user2 little region0 v17
;;=     v23 = load.i32 user2 little region0 v6
;;=     v24 = iadd v7, v23
;;=     v30 = iadd v24, v23
;;=     return v30
;;= }
;;= wasm[1]::write:
;;= function u0:0(i32) tail {
;;=     region0 = 2 "imported memories"
;;=
;;= block0(v0: i32):
;;=     v3 = get_pinned_reg.i64
;;=     v1 = iconst.i32 1
;;=     v4 = load.i64 notrap aligned readonly can_move v3-104
;;=     v5 = iadd v3, v4
;;=     v2 = uextend.i64 v0
;;=     v6 = iadd v5, v2
;;=     store user2 little region0 v1, v6  ; v1 = 1
;;=     fence
;;=     v7 = iconst.i32 2
;;=     store user2 little region0 v7, v6  ; v7 = 2
;;=     return
;;= }

;; A 64-bit memory: each access is compared with the length, without overflow.
;;! emit = optimized-ir
(module
  (memory i64 1)
  (func $load (param i64) (result i32) (i32.load offset=8 (local.get 0)))
  (func $store_far (param i64 i64) (i64.store offset=0xffffffffffff (local.get 0) (local.get 1)))
  (func $size (result i64) (memory.size))
  (func $grow (param i64) (result i64) (memory.grow (local.get 0))))

;;= wasm[0]::load:
;;= function u0:0(i64) -> i64 tail {
;;=     region0 = 0 "context"
;;=     region1 = 6 "memory"
;;=
;;= block0(v0: i64):
;;=     v1 = get_pinned_reg.i64
;;=     v2 = load.i64 notrap aligned region0 v1-8
;;=     v3 = iconst.i64 12
;;=     v4 = uadd_overflow_trap v0, v3, user2  ; v3 = 12
;;=     v5 = icmp ugt v4, v2
;;=     trapnz v5, user2
;;=     v6 = load.i64 notrap aligned readonly can_move v1-16
;;=     v7 = iadd v1, v6
;;=     v8 = iadd v7, v0
;;=     v10 = uload32 user2 little region1 v8+8
;;=     return v10
;;= }
;;= wasm[1]::store_far:
;;= function u0:0(i64, i64) tail {
;;=     region0 = 0 "context"
;;=     region1 = 6 "memory"
;;=
;;= block0(v0: i64, v1: i64):
;;=     v2 = get_pinned_reg.i64
;;=     v3 = load.i64 notrap aligned region0 v2-8
;;=     v4 = iconst.i64 0x0001_0000_0000_0007
;;=     v5 = uadd_overflow_trap v0, v4, user2  ; v4 = 0x0001_0000_0000_0007
;;=     v6 = icmp ugt v5, v3
;;=     trapnz v6, user2
;;=     v7 = load.i64 notrap aligned readonly can_move v2-16
;;=     v8 = iadd v2, v7
;;=     v9 = iadd v8, v0
;;=     v10 = iconst.i64 0xffff_ffff_ffff
;;=     v11 = iadd v9, v10  ; v10 = 0xffff_ffff_ffff
;;=     store user2 little region1 v1, v11
;;=     return
;;= }
;;= wasm[2]::size:
;;= function u0:0() -> i64 tail {
;;=     region0 = 0 "context"
;;=
;;= block0:
;;=     v0 = get_pinned_reg.i64
;;=     v1 = load.i64 notrap aligned region0 v0-8
;;=     v2 = iconst.i64 16
;;=     v3 = ushr v1, v2  ; v2 = 16
;;=     return v3
;;= }
;;= wasm[3]::grow:
;;= function u0:0(i64) -> i64 tail {
;;=     sig0 = (i64, i64) -> i64 tail
;;=     fn0 = colocated u1:1 sig0
;;=
;;= block0(v0: i64):
;;=     v1 = iconst.i64 0
;;=     v2 = call fn0(v1, v0)  ; v1 = 0
;;=     return v2
;;= }

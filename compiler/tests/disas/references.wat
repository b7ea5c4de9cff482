;; References are 32 bits: those of own functions follow one another.
;;! emit = optimized-ir
(module
  (elem declare func $second)
  (func $first (export "first") (result funcref) (ref.func $second))
  (func $second (param funcref) (result i32) (ref.is_null (local.get 0)))
  (func $null (result externref) (ref.null extern)))

;;= wasm[0]::first:
;;= function u0:0() -> i32 tail {
;;= block0:
;;=     v0 = get_pinned_reg.i64
;;=     v1 = load.i32 notrap aligned readonly can_move v0-52
;;=     v2 = iconst.i32 1
;;=     v3 = iadd v1, v2  ; v2 = 1
;;=     return v3
;;= }
;;= wasm[1]::second:
;;= function u0:0(i32) -> i64 tail {
;;= block0(v0: i32):
;;=     v1 = iconst.i32 0
;;=     v2 = icmp eq v0, v1  ; v1 = 0
;;=     v5 = uextend.i64 v2
;;=     return v5
;;= }
;;= wasm[2]::null:
;;= function u0:0() -> i32 tail {
;;= block0:
;;=     v0 = iconst.i32 0
;;=     return v0  ; v0 = 0
;;= }

;; Accesses carry the trap code and the alias region of their memory: the second load is the first's value, and the
;; store to the global lies between them without harm.
;;! emit = optimized-ir
(module
  (memory 1)
  (global $g (mut i32) (i32.const 0))
  (func $twice (param i32) (result i32)
    (i32.load (local.get 0))
    (global.set $g (local.get 0))
    (i32.add (i32.load (local.get 0)))))

;;= wasm[0]::twice:
;;= function u0:0(i64) -> i64 tail {
;;=     region0 = 6 "memory"
;;=     region1 = 22 "global"
;;=
;;= block0(v0: i64):
;;=     v2 = get_pinned_reg.i64
;;=     v3 = iadd v2, v0
;;=     v4 = load.i32 user2 little region0 v3
;;=     v1 = ireduce.i32 v0
;;=     store notrap aligned region1 v1, v2-96
;;=     v7 = iadd v4, v4
;;=     v8 = uextend.i64 v7
;;=     return v8
;;= }

;; A pointer that several places set is zero-extended where it is set; the sum of a pointer and a constant is made where
;; it is followed; what calls nothing reads the context pointer once.
(module
  (memory 1)
  (func $use (param i32))
  (func $last (param $list i32) (result i32) (local $next i32)
    (loop $on
      (if (local.tee $next (i32.load offset=4 (local.get $list)))
        (then
          (local.set $list (local.get $next))
          (br $on))))
    (local.get $list))
  (func $either (param $which i32) (param $one i32) (param $other i32) (result i32)
    (if (local.get $which)
      (then (i32.store (local.get $one) (i32.const 1)))
      (else (local.set $one (i32.add (local.get $other) (i32.const 8)))))
    (i32.load (local.get $one)))
  (func $sum (param $p i32) (param $n i32)
    (loop $on
      (call $use (local.get $n))
      (if (i32.load (i32.add (local.get $p) (i32.const -4)))
        (then (i32.store (i32.add (local.get $p) (i32.const -8)) (local.get $n))))
      (br_if $on (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))

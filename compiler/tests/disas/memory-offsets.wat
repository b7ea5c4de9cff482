;; What is added to a pointer that has been accessed is an offset: less than a page, up or down from another sum in its
;; block, also in what follows; not from what has only been accessed on one way, nor a page or more.
(module
  (memory 1)
  (func $vector (param $p i32) (result i32)
    (i32.add
      (i32.load (local.get $p))
      (i32.load offset=4 (i32.add (local.get $p) (i32.const 48)))))
  (func $before (param $p i32) (result i32)
    (i32.add
      (i32.load (i32.add (local.get $p) (i32.const -8)))
      (i32.load (i32.add (local.get $p) (i32.const -4)))))
  (func $behind (param $p i32) (param $q i32)
    (i32.store (local.get $p) (i32.const 1))
    (if (local.get $q)
      (then
        (i32.store (i32.add (local.get $p) (i32.const 8)) (i32.const 2))
        (i32.store (local.get $q) (i32.const 3))))
    (i32.store (i32.add (local.get $q) (i32.const 8)) (i32.const 4))
    (i32.store (i32.add (local.get $p) (i32.const 65536)) (i32.const 5))))

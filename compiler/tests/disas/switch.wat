;; A `br_table` that goes to few ranges of indices is comparisons, by halves; entries that repeat the default are none.
(module
  (func $two (param i32) (result i32)
    (block $default (block $second (block $first
      (br_table $first $second $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30))
  (func $ranges (param i32) (result i32)
    (block $default (block $second (block $first
      (br_table $first $first $first $second $first $default $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
    (i32.const 30))
  (func $always (param i32) (result i32)
    (block $only (br_table $only $only (local.get 0)))
    (i32.const 10))
  (func $many (param i32) (result i32)
    (block $default (block $third (block $second (block $first
      (br_table $first $second $third $first $second $default (local.get 0)))
      (return (i32.const 10)))
      (return (i32.const 20)))
      (return (i32.const 25)))
    (i32.const 30)))

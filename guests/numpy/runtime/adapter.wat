;; What stands between PyPI's CPython and Faasm. CPython's door, `host.call`, takes a frame of bytes from Python
;; (`_host.call`) and answers one. A frame here has seven words: the number of a function and its arguments, of which one
;; of 64 bits is two, the low one first; the answer has 64 bits. All of them are what Python says: this is as much the guest's code as Python is, and the host checks what it is given.
;;
;; `link` makes this and CPython one module (`../link`).
(module
  (import "module" "memory" (memory 1))
  (import "module" "host_alloc" (func $alloc (param i32) (result i32)))
  (import "module" "turn" (func $turn (param i32 i32) (result i32)))
  (import "GOT.func" "chained" (global $chained i32))

  (import "env" "__faasm_read_input" (func $read_input (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $write_output (param i32 i32)))
  (import "env" "__faasm_chain_name" (func $chain_name (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_chain_ptr" (func $chain_ptr (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_await_call_output" (func $await (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_read_state" (func $read_state (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_read_state_ptr" (func $state_ptr (param i32 i32) (result i32)))
  (import "env" "__faasm_write_state" (func $write_state (param i32 i32 i32)))
  (import "env" "__faasm_append_state" (func $append (param i32 i32 i32)))
  (import "env" "__faasm_read_appended_state" (func $appended (param i32 i32 i32 i32)))
  (import "env" "__faasm_clear_appended_state" (func $clear_appended (param i32)))
  (import "env" "__faasm_flag_state_offset_dirty" (func $dirty (param i32 i32 i32 i32)))
  (import "env" "__faasm_push_state" (func $push (param i32)))
  (import "env" "__faasm_push_state_partial" (func $push_partial (param i32)))
  (import "env" "__faasm_pull_state" (func $pull (param i32 i32)))
  (import "env" "__faasm_lock_state_read" (func $lock_read (param i32)))
  (import "env" "__faasm_unlock_state_read" (func $unlock_read (param i32)))
  (import "env" "__faasm_lock_state_write" (func $lock_write (param i32)))
  (import "env" "__faasm_unlock_state_write" (func $unlock_write (param i32)))
  (import "env" "__faasm_state_map" (func $map (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_merge" (func $merge (param i32 i32 i32 i32 i32 i32) (result i64)))
  (import "env" "__faasm_state_version" (func $version (param i32) (result i64)))
  (import "env" "__faasm_state_write_if" (func $write_if (param i32 i32 i32 i64) (result i64)))
  (import "env" "__faasm_state_watch" (func $watch (param i32 i64 i32) (result i64)))
  (import "env" "__faasm_state_list" (func $list (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_delete" (func $delete (param i32) (result i32)))
  (import "env" "__faasm_state_append" (func $append_one (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_appended" (func $appended_size (param i32) (result i32)))
  (import "env" "__faasm_state_take" (func $take (param i32 i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_push_if" (func $push_if (param i32 i64) (result i64)))
  (import "env" "__faasm_state_lock" (func $lock (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_state_unlock" (func $unlock (param i32)))
  (import "env" "__faasm_state_token" (func $token (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "args_sizes_get"
    (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))

  ;; Python programs: the initialisation, a call, and a chained call.
  (data $load "@LOAD@")
  (data $run "import _faasm; _faasm._enter('_run')")
  (data $run_chained "import _faasm; _faasm._enter('_run_chained')")

  ;; What Python gives as the return code of the call.
  (global $code (mut i32) (i32.const 0))
  ;; What the last awaited call returned: its output was the answer.
  (global $awaited (mut i32) (i32.const 0))

  (func (export "host.call")
    (param $at i32) (param $len i32) (param $out i32) (param $out_len i32) (result i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32) (local $f i32)
    (local $word i32) (local $wide i64)
    (if (i32.ne (local.get $len) (i32.const 28)) (then (return (i32.const 1))))
    (local.set $a (i32.load offset=4 (local.get $at)))
    (local.set $b (i32.load offset=8 (local.get $at)))
    (local.set $c (i32.load offset=12 (local.get $at)))
    (local.set $d (i32.load offset=16 (local.get $at)))
    (local.set $e (i32.load offset=20 (local.get $at)))
    (local.set $f (i32.load offset=24 (local.get $at)))
    (block $answer (block $done
    (block $none
    (block $token_ (block $unlock_ (block $lock_ (block $push_if_
    (block $take_ (block $size_ (block $one_ (block $delete_ (block $list_ (block $watch_ (block $write_if_
    (block $version_ (block $merge_ (block $map_
    (block $args_ (block $args_sizes_ (block $set_code (block $unlock_w (block $lock_w (block $unlock_r (block $lock_r
    (block $pull_ (block $partial_ (block $push_ (block $dirty_ (block $clear_ (block $appended_
    (block $append_ (block $write_ (block $ptr_ (block $read_ (block $awaited_ (block $await_
    (block $here_ (block $name_ (block $output_ (block $input_
      (br_table $input_ $output_ $name_ $here_ $await_ $awaited_ $read_ $ptr_ $write_ $append_
        $appended_ $clear_ $dirty_ $push_ $partial_ $pull_ $lock_r $unlock_r $lock_w $unlock_w
        $set_code $args_sizes_ $args_ $map_ $merge_ $version_ $write_if_ $watch_ $list_ $delete_ $one_
        $size_ $take_ $push_if_ $lock_ $unlock_ $token_ $none (i32.load (local.get $at))))
      (local.set $word (call $read_input (local.get $a) (local.get $b))) (br $done))
      (call $write_output (local.get $a) (local.get $b)) (br $done))
      (local.set $word (call $chain_name (local.get $a) (local.get $b) (local.get $c))) (br $done))
      (local.set $word (call $chain_ptr (global.get $chained) (local.get $a) (local.get $b)))
      (br $done))
      (global.set $awaited (call $await (local.get $a) (local.get $out) (local.get $out_len)))
      (return (i32.const 0)))
      (local.set $word (global.get $awaited)) (br $done))
      (local.set $word (call $read_state (local.get $a) (local.get $b) (local.get $c))) (br $done))
      (local.set $word (call $state_ptr (local.get $a) (local.get $b))) (br $done))
      (call $write_state (local.get $a) (local.get $b) (local.get $c)) (br $done))
      (call $append (local.get $a) (local.get $b) (local.get $c)) (br $done))
      (call $appended (local.get $a) (local.get $b) (local.get $c) (local.get $d)) (br $done))
      (call $clear_appended (local.get $a)) (br $done))
      (call $dirty (local.get $a) (local.get $b) (local.get $c) (local.get $d)) (br $done))
      (call $push (local.get $a)) (br $done))
      (call $push_partial (local.get $a)) (br $done))
      (call $pull (local.get $a) (local.get $b)) (br $done))
      (call $lock_read (local.get $a)) (br $done))
      (call $unlock_read (local.get $a)) (br $done))
      (call $lock_write (local.get $a)) (br $done))
      (call $unlock_write (local.get $a)) (br $done))
      (global.set $code (local.get $a)) (br $done))
      (local.set $word (call $args_sizes (local.get $a) (local.get $b))) (br $done))
      (local.set $word (call $args (local.get $a) (local.get $b))) (br $done))
      (local.set $word
        (call $map (local.get $a) (local.get $b) (local.get $c) (local.get $d) (local.get $e)))
      (br $done))
      (local.set $wide (call $merge
        (local.get $a) (local.get $b) (local.get $c) (local.get $d) (local.get $e) (local.get $f)))
      (br $answer))
      (local.set $wide (call $version (local.get $a))) (br $answer))
      (local.set $wide (call $write_if (local.get $a) (local.get $b) (local.get $c)
        (call $join (local.get $d) (local.get $e))))
      (br $answer))
      (local.set $wide
        (call $watch (local.get $a) (call $join (local.get $b) (local.get $c)) (local.get $d)))
      (br $answer))
      (local.set $word (call $list
        (local.get $a) (local.get $b) (local.get $c) (local.get $d) (local.get $e) (local.get $f)))
      (br $done))
      (local.set $word (call $delete (local.get $a))) (br $done))
      (local.set $word (call $append_one (local.get $a) (local.get $b) (local.get $c))) (br $done))
      (local.set $word (call $appended_size (local.get $a))) (br $done))
      (local.set $word (call $take (local.get $a) (local.get $b) (local.get $c) (local.get $d)))
      (br $done))
      (local.set $wide (call $push_if (local.get $a) (call $join (local.get $b) (local.get $c))))
      (br $answer))
      (local.set $word (call $lock (local.get $a) (local.get $b) (local.get $c))) (br $done))
      (call $unlock (local.get $a)) (br $done))
      (local.set $wide (call $token (local.get $a))) (br $answer))
      (return (i32.const 1)))
      (local.set $wide (i64.extend_i32_u (local.get $word))))
    ;; The answer is in memory that Python frees.
    (local.tee $a (call $alloc (i32.const 8)))
    (if (i32.eqz) (then (return (i32.const 1))))
    (i64.store (local.get $a) (local.get $wide))
    (i32.store (local.get $out) (local.get $a))
    (i32.store (local.get $out_len) (i32.const 8))
    (i32.const 0))

  (func $join (param $low i32) (param $high i32) (result i64)
    (i64.or (i64.extend_i32_u (local.get $low))
      (i64.shl (i64.extend_i32_u (local.get $high)) (i64.const 32))))

  ;; A turn of Python: the return code that it has set, or what the turn itself says.
  (func $say (param $at i32) (param $len i32) (result i32) (local $said i32)
    (global.set $code (i32.const 1))
    (local.set $said (call $turn (local.get $at) (local.get $len)))
    (select (local.get $said) (global.get $code) (local.get $said)))

  (func (export "_faasm_zygote") (result i32) (local $at i32)
    (if (i32.eqz (local.tee $at (call $alloc (i32.const @LOAD_LEN@)))) (then (return (i32.const 1))))
    (memory.init $load (local.get $at) (i32.const 0) (i32.const @LOAD_LEN@))
    (call $say (local.get $at) (i32.const @LOAD_LEN@)))

  (func (export "main") (result i32) (local $at i32)
    (if (i32.eqz (local.tee $at (call $alloc (i32.const 36)))) (then (return (i32.const 1))))
    (memory.init $run (local.get $at) (i32.const 0) (i32.const 36))
    (call $say (local.get $at) (i32.const 36)))

  (func (export "chained") (result i32) (local $at i32)
    (if (i32.eqz (local.tee $at (call $alloc (i32.const 44)))) (then (return (i32.const 1))))
    (memory.init $run_chained (local.get $at) (i32.const 0) (i32.const 44))
    (call $say (local.get $at) (i32.const 44)))

  ;; Where the host puts a chained call's output.
  (func (export "malloc") (param i32) (result i32) (call $alloc (local.get 0))))

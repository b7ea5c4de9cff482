//! A hundred thousand Faaslets that wait on this machine, in several hosts, each with values of its own.
//!
//! Each host is a process of its own, with what `faasm serve` has behind its gateway. Its Faaslets wait for a lock of the
//! tenant's state.
//! Each Faaslet spreads its number over the frames of a recursion and over its memory, waits at the recursion's end, and
//! afterwards answers what it finds in both.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use faasm_benches::Bench;
use faasm_benches::child::{Arguments, Child, Report, arguments, say_right};
use faasm_benches::memory::Memory;
use faasm_runtime::ExecutorLimits;
use faasm_runtime::call::Finished;
use faasm_runtime::host::{Host, HostConfig};
use faasm_runtime::name::FunctionName;
use faasm_sfi::pending::Pending;

/// Without input: holds the lock until the value `go` has a byte. With one byte: gives it that. With four, a number:
/// waits for the lock, and answers the two sums of what it had on its stack and in its memory.
const GUEST: &str = r#"(module
  (import "env" "__faasm_read_input" (func $input (param i32 i32) (result i32)))
  (import "env" "__faasm_write_output" (func $output (param i32 i32)))
  (import "env" "__faasm_lock_state_read" (func $lock_read (param i32)))
  (import "env" "__faasm_unlock_state_read" (func $unlock_read (param i32)))
  (import "env" "__faasm_lock_state_write" (func $lock_write (param i32)))
  (import "env" "__faasm_unlock_state_write" (func $unlock_write (param i32)))
  (import "env" "__faasm_read_state" (func $read (param i32 i32 i32) (result i32)))
  (import "env" "__faasm_write_state" (func $write (param i32 i32 i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "lock\00")
  (data (i32.const 32) "go\00")
  ;; A subscription: the monotonic clock, in 20 ms.
  (data (i32.const 72) "\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\00\2d\31\01\00\00\00\00")

  (func $next (param $v i64) (result i64)
    (i64.add (i64.mul (local.get $v) (i64.const 6364136223846793005)) (i64.const 1442695040888963407)))

  (func $hold (param $depth i32) (param $v i64) (result i64)
    (if (result i64) (i32.eqz (local.get $depth))
      (then (call $lock_read (i32.const 16)) (local.get $v))
      (else (i64.add (local.get $v) (i64.rotl
        (call $hold (i32.sub (local.get $depth) (i32.const 1)) (call $next (local.get $v)))
        (i64.const 1))))))

  (func $gate
    (call $lock_write (i32.const 16))
    (loop $again
      (drop (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 160)))
      (drop (call $read (i32.const 32) (i32.const 168) (i32.const 1)))
      (br_if $again (i32.eqz (i32.load8_u (i32.const 168)))))
    (call $unlock_write (i32.const 16)))

  (func $one (param $v i64) (local $at i32) (local $next i64) (local $sum i64)
    (local.set $next (local.get $v))
    (loop $fill
      (local.set $next (call $next (local.get $next)))
      (i64.store offset=2048 (local.get $at) (local.get $next))
      (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1024))))
    (i64.store (i32.const 1024) (call $hold (i32.const 8) (local.get $v)))
    (call $unlock_read (i32.const 16))
    (local.set $at (i32.const 0))
    (loop $sum
      (local.set $sum (i64.add (i64.rotl (local.get $sum) (i64.const 1)) (i64.load offset=2048 (local.get $at))))
      (br_if $sum (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1024))))
    (i64.store (i32.const 1032) (local.get $sum))
    (call $output (i32.const 1024) (i32.const 16)))

  (func (export "main") (result i32) (local $len i32)
    (local.set $len (call $input (i32.const 1040) (i32.const 4)))
    (if (i32.eqz (local.get $len)) (then (call $gate) (return (i32.const 0))))
    (if (i32.eq (local.get $len) (i32.const 1))
      (then (call $write (i32.const 32) (i32.const 1040) (i32.const 1)) (return (i32.const 0))))
    (call $one (i64.load32_u (i32.const 1040)))
    (i32.const 0)))"#;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// Processes, and Faaslets of each.
const HOSTS: usize = 4;
const OF_HOST: usize = 25_000;
/// The paper's memory of a Faaslet that was born from a Proto-Faaslet (its table 3), and how many it says that there can
/// be on a machine with 16 GB.
const PAPER: (f64, usize) = (90_000.0, 100_000);

fn main() -> Result<()> {
    if let Some(arguments) = arguments()? {
        return host(&arguments);
    }
    let mut bench = Bench::new("fleet", "the paper");
    let mut hosts = (0..HOSTS)
        .map(|at| Child::start("host", OF_HOST, at * OF_HOST))
        .collect::<Result<Vec<_>>>()?;
    let processes: Vec<_> = hosts.iter().map(Child::process).collect();
    hosts.iter_mut().try_for_each(|host| host.report().map(drop))?;
    let before = Memory::of(&processes)?;
    hosts.iter_mut().try_for_each(Child::go_on)?;
    let mut live = 0;
    for host in &mut hosts {
        live += host.report()?.live;
    }
    let taken = Memory::of(&processes)? - before;
    println!("  {HOSTS} hosts: {live} wait, {}", taken.for_each(live));
    let mut right = 0;
    for host in hosts {
        right += host.finish()?;
    }
    println!("  {HOSTS} hosts: {right} of {live} answered with their own values");
    ensure!(right == live && live == HOSTS * OF_HOST, "{right} of {live} Faaslets were right");
    bench.push_bytes("waiting", taken.total() / live as f64, PAPER.0);
    bench.push_count("waiting_on_this_machine", live, PAPER.1);
    bench.finish()
}

/// Has so many Faaslets wait in a host of this process.
fn host(Arguments { count, first, .. }: &Arguments) -> Result<()> {
    let (count, first) = (*count, *first);
    let folder = tempfile::tempdir()?;
    let mut config = HostConfig::new(folder.path().join("data"));
    config.limits = ExecutorLimits { queued: count + 1, live: count + 2, ..config.limits };
    let host = Host::start(config)?;
    let name = FunctionName::new("bench", "wait")?;
    host.upload(&name, &wat::parse_str(GUEST)?)?;
    let call = |input: &[u8]| -> Result<Pending<Finished>> {
        let function = host.function(&name).context("the function")?;
        Ok(host.invoke(function, input.to_vec(), Some(PATIENCE)).finished)
    };
    let gate = call(b"")?;
    until(|| host.live() == 1 && host.queued() == 0);
    Report::default().say()?;

    let numbers = (first..first + count).map(u32::try_from).collect::<Result<Vec<_>, _>>()?;
    let calls =
        numbers.iter().map(|number| call(&number.to_le_bytes())).collect::<Result<Vec<_>>>()?;
    until(|| host.queued() == 0 && host.live() > count);
    Report { live: host.live() - 1, ..Report::default() }.say()?;

    ensure!(answer(call(b"!")?)?.is_empty() && answer(gate)?.is_empty(), "the gate");
    let mut right = 0;
    for (number, call) in numbers.into_iter().zip(calls) {
        right += usize::from(answer(call)? == expected(number.into()));
    }
    say_right(right)
}

/// Waits until it is so; what it asks tells nobody when it changes.
fn until(so: impl Fn() -> bool) {
    while !so() {
        thread::sleep(Duration::from_millis(5));
    }
}

fn answer(call: Pending<Finished>) -> Result<Vec<u8>> {
    let outcome = call.block(None)?.result?;
    ensure!(outcome.return_code == 0, "a Faaslet returned {}", outcome.return_code);
    Ok(outcome.output)
}

/// What the guest with this number answers.
fn expected(number: u64) -> Vec<u8> {
    let next = |v: u64| v.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    let chain = |len: usize| std::iter::successors(Some(number), move |v| Some(next(*v))).take(len);
    let stack: Vec<u64> = chain(9).collect();
    let stack = stack.into_iter().rev().reduce(|sum, v| v.wrapping_add(sum.rotate_left(1)));
    let memory = chain(129).skip(1).fold(0_u64, |sum, v| sum.rotate_left(1).wrapping_add(v));
    [stack.unwrap_or(0).to_le_bytes(), memory.to_le_bytes()].concat()
}

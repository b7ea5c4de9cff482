//! What a function in Rust can rely on of `std::thread` and `std::sync`, each with a name. Input: nothing, or `panic`,
//! `exit`: how a thread ends the call. Output: `ok NAME` for each; the return code is how many failed.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, OnceLock, RwLock};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

faasm::main!(all);

fn all() -> faasm::Result {
    match &faasm::input()[..] {
        b"panic" => ends_the_call(|| panic!("a thread panics")),
        b"exit" => ends_the_call(|| std::process::exit(9)),
        _ => {}
    }
    type Check = (&'static str, fn() -> bool);
    let checks: &[Check] = &[
        ("joined", joined),
        ("scoped", scoped),
        ("mutex", mutex),
        ("condvar", condvar),
        ("channels", channels),
        ("bounded", bounded),
        ("local", local),
        ("barrier", barrier),
        ("rwlock", rwlock),
        ("once", once),
        ("parked", parked),
        ("named", named),
        ("timed", timed),
        ("many", many),
    ];
    let (mut said, mut failed) = (String::new(), 0);
    for (name, check) in checks {
        let good = check();
        failed += u8::from(!good);
        said += &format!("{} {name}\n", if good { "ok" } else { "FAILED" });
    }
    faasm::output(said.as_bytes());
    match failed {
        0 => Ok(()),
        failed => Err(faasm::Error::with_code(failed.into(), said)),
    }
}

/// While the main thread waits for ever.
fn ends_the_call(how: fn()) {
    thread::spawn(how);
    loop {
        thread::park();
    }
}

fn joined() -> bool {
    let threads: Vec<_> = (0..8u64).map(|n| thread::spawn(move || (0..=n).sum::<u64>())).collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    sums == [0, 1, 3, 6, 10, 15, 21, 28]
}

/// Threads that borrow from the stack of the one that spawned them.
fn scoped() -> bool {
    let numbers: Vec<u64> = (0..10_000).collect();
    let mut squares = vec![0; numbers.len()];
    let sum: u64 = thread::scope(|scope| {
        let parts = numbers.chunks(2500).zip(squares.chunks_mut(2500));
        let threads: Vec<_> = parts
            .map(|(from, to)| {
                scope.spawn(move || {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = from * from);
                    from.iter().sum::<u64>()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    sum == 49_995_000 && squares[9_999] == 9_999 * 9_999
}

fn mutex() -> bool {
    let count = Arc::new(Mutex::new((0, String::new())));
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                for n in 0..2000 {
                    let mut count = count.lock().unwrap();
                    count.0 += 1;
                    if n % 100 == 0 {
                        // The allocator is everybody's, too.
                        count.1.push_str(&n.to_string());
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let count = count.lock().unwrap();
    count.0 == 12_000 && count.1.len() == 6 * (1 + 9 * 3 + 10 * 4)
}

fn condvar() -> bool {
    let shared = Arc::new((Mutex::new(0u32), Condvar::new()));
    let other = Arc::clone(&shared);
    let odd = thread::spawn(move || {
        let (turn, changed) = &*other;
        for _ in 0..100 {
            let mut turn = changed.wait_while(turn.lock().unwrap(), |turn| *turn % 2 == 0).unwrap();
            *turn += 1;
            changed.notify_one();
        }
    });
    let (turn, changed) = &*shared;
    for _ in 0..100 {
        let mut turn = changed.wait_while(turn.lock().unwrap(), |turn| *turn % 2 == 1).unwrap();
        *turn += 1;
        changed.notify_one();
    }
    odd.join().unwrap();
    *turn.lock().unwrap() == 200
}

fn channels() -> bool {
    let (to, from) = channel();
    for thread in 0..5u32 {
        let to = to.clone();
        thread::spawn(move || (0..100).for_each(|n| to.send(thread * 100 + n).unwrap()));
    }
    drop(to);
    let mut got: Vec<u32> = from.iter().collect();
    got.sort_unstable();
    got == (0..500).collect::<Vec<_>>()
}

fn bounded() -> bool {
    let (to, from) = sync_channel(1);
    let sender = thread::spawn(move || (0..50).take_while(|n| to.send(*n).is_ok()).count());
    let got: Vec<i32> = from.iter().take(20).collect();
    drop(from);
    got == (0..20).collect::<Vec<_>>() && sender.join().unwrap() < 50
}

static GONE: AtomicU32 = AtomicU32::new(0);

struct Own(Cell<u32>);

impl Drop for Own {
    fn drop(&mut self) {
        GONE.fetch_add(self.0.get(), Ordering::SeqCst);
    }
}

/// A thread's own value begins anew, and is dropped with the thread.
fn local() -> bool {
    thread_local!(static OWN: Own = const { Own(Cell::new(1)) });
    OWN.with(|own| own.0.set(1000));
    let threads: Vec<_> = (0..4)
        .map(|n| thread::spawn(move || OWN.with(|own| own.0.replace(own.0.get() + n))))
        .collect();
    let begun: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    begun == 4
        && GONE.load(Ordering::SeqCst) == 1 + 2 + 3 + 4
        && OWN.with(|own| own.0.get()) == 1000
}

fn barrier() -> bool {
    let (barrier, before) = (Barrier::new(5), AtomicU32::new(0));
    let leaders: u32 = thread::scope(|scope| {
        let run = || {
            let mut leader = 0;
            for round in 1..=20 {
                before.fetch_add(1, Ordering::SeqCst);
                leader += u32::from(barrier.wait().is_leader());
                assert_eq!(before.load(Ordering::SeqCst), round * 5);
                barrier.wait();
            }
            leader
        };
        let threads: Vec<_> = (0..5).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    leaders == 20
}

fn rwlock() -> bool {
    let pair = RwLock::new((0u32, 0u32));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let mut pair = pair.write().unwrap();
                    pair.0 += 1;
                    thread::yield_now();
                    pair.1 += 1;
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let pair = pair.read().unwrap();
                    assert_eq!(pair.0, pair.1);
                }
            });
        }
    });
    pair.into_inner().unwrap() == (1000, 1000)
}

fn once() -> bool {
    static MADE: AtomicU32 = AtomicU32::new(0);
    static LAZY: LazyLock<u32> = LazyLock::new(|| MADE.fetch_add(1, Ordering::SeqCst) + 41);
    let cell = OnceLock::new();
    let set: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|n| {
                scope.spawn({
                    let cell = &cell;
                    move || usize::from(cell.set(n).is_ok() && *LAZY == 41)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    set == 1 && *LAZY == 41 && MADE.load(Ordering::SeqCst) == 1
}

fn parked() -> bool {
    let ready = Arc::new(AtomicU32::new(0));
    let other = Arc::clone(&ready);
    let sleeper = thread::spawn(move || {
        while other.load(Ordering::SeqCst) == 0 {
            thread::park();
        }
        thread::current().id()
    });
    ready.store(1, Ordering::SeqCst);
    sleeper.thread().unpark();
    let id = sleeper.thread().id();
    sleeper.join().unwrap() == id && id != thread::current().id()
}

fn named() -> bool {
    let builder = thread::Builder::new().name("worker".to_owned()).stack_size(256 << 10);
    let thread = builder.spawn(|| {
        let frame = std::hint::black_box([7u8; 128 << 10]);
        (thread::current().name().map(str::to_owned), frame[100_000])
    });
    thread.unwrap().join().unwrap() == (Some("worker".to_owned()), 7)
}

fn timed() -> bool {
    let begun = Instant::now();
    let (lock, never) = (Mutex::new(()), Condvar::new());
    let wait = never.wait_timeout(lock.lock().unwrap(), Duration::from_millis(20)).unwrap();
    let (_to, from) = channel::<()>();
    let got = from.recv_timeout(Duration::from_millis(20));
    sleep(Duration::from_millis(20));
    wait.1.timed_out() && got.is_err() && begun.elapsed() >= Duration::from_millis(60)
}

/// More threads than a call has at one time, one after the other: each gives its place back.
fn many() -> bool {
    let mut sum = 0;
    for _ in 0..40 {
        let threads: Vec<_> = (0..10u32).map(|n| thread::spawn(move || n)).collect();
        sum += threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>();
    }
    sum == 40 * 45
}

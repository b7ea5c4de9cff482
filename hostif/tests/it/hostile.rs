//! Every function of the table with every kind of bad argument: none panics, hangs or reaches out of guest memory.

use std::fmt::Write;
use std::sync::Arc;

use faasm_hostif::{
    Access, FAASM, Files, Host, HostBuilder, HostError, HostFunction, Input, Network, NetworkHost,
    NetworkReach, NetworkRules, Preopen, Touches, signatures,
};
use faasm_vm::{Module, TrapCode, TrapKind, Val, ValType};

use crate::store::Store;
use crate::support::{Bench, FakeCalls, Guest, namespace};

/// Null, small numbers (descriptors 3 to 6 are a directory, a file and two sockets; 8 and 16 hold strings, 24 an
/// address), the last byte, just beyond, far beyond, wrapping, and the extremes of signed numbers.
const WORDS: [u32; 17] = [
    0,
    1,
    3,
    4,
    5,
    6,
    24,
    8,
    16,
    65_535,
    65_536,
    65_540,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_0000,
    0xffff_fffc,
    u32::MAX,
];

const LONGS: [u64; 6] = [0, 1, 0x1_0000_0000, u64::MAX >> 1, 1 << 63, u64::MAX];

/// Random combinations per function, besides the systematic ones.
const RANDOM: usize = 300;

/// A guest that passes its arguments on to one function, and opens a file as descriptor 4, and a stream and a datagram
/// socket that do not wait as 5 and 6, and two of a pair as 7 and 8.
fn text(function: &HostFunction) -> String {
    let name = |ty: &ValType| format!("{ty:?}").to_lowercase();
    let params: Vec<String> = function.params.iter().map(|(_, ty)| name(ty)).collect();
    let mut ty = format!("(param {})", params.join(" "));
    if let Some(result) = function.result {
        let _ = write!(ty, " (result {})", name(&result));
    }
    let args: String =
        (0..params.len()).fold(String::new(), |args, i| format!("{args} (local.get {i})"));
    format!(
        r#"(module
          (import "{}" "{}" (func $f {ty}))
          (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "sock_open" (func $socket (param i32 i32 i32) (result i32)))
          (import "env" "socketpair" (func $pair (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $flags (param i32 i32) (result i32)))
          (memory (export "memory") 1)
          (table 2 funcref)
          (elem (i32.const 1) $entry)
          (data (i32.const 8) "file\00")
          (data (i32.const 16) "echo\00")
          (data (i32.const 24) "\20\00\00\00\04\00\00\00\7f\00\00\01")
          (func $entry (result i32) (i32.const 0))
          (func (export "malloc") (param i32) (result i32) (i32.const 32))
          (func (export "open") (result i32)
            (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 4) (i32.const 1)
              (i64.const 0x1fffffff) (i64.const 0) (i32.const 0) (i32.const 128)))
          (func (export "sockets") (result i32)
            (i32.or
              (i32.or
                (i32.or (call $socket (i32.const 1) (i32.const 2) (i32.const 128))
                  (call $socket (i32.const 1) (i32.const 1) (i32.const 128)))
                (call $pair (i32.const 3) (i32.const 6) (i32.const 0) (i32.const 128)))
              (i32.or
                (i32.or (call $flags (i32.const 5) (i32.const 4)) (call $flags (i32.const 6) (i32.const 4)))
                (i32.or (call $flags (i32.const 7) (i32.const 4)) (call $flags (i32.const 8) (i32.const 4))))))
          (func (export "call") {ty} (call $f {args})))"#,
        function.module, function.name
    )
}

/// Functions that wait for what nobody does here, until the deadline.
const WAITS: [&str; 4] =
    ["poll_oneoff", "__faasm_state_watch", "__faasm_state_take", "__faasm_state_lock"];

struct Attack<'a> {
    bench: &'a Bench,
    host: &'a Host,
    module: Module,
    function: &'a HostFunction,
    guest: Guest,
}

impl<'a> Attack<'a> {
    fn new(bench: &'a Bench, host: &'a Host, function: &'a HostFunction) -> Self {
        let module = bench.module(&wat::parse_str(text(function)).unwrap());
        let guest = Self::fresh(bench, host, &module);
        Self { bench, host, module, function, guest }
    }

    fn fresh(bench: &Bench, host: &Host, module: &Module) -> Guest {
        let mut guest = bench.place(host, b"input", module);
        assert_eq!((guest.number("open", &[]), guest.number("sockets", &[])), (0, 0));
        guest
    }

    /// Makes one call and judges how it ended.
    fn attempt(&mut self, args: &[Val]) {
        let soon = std::time::Instant::now() + std::time::Duration::from_millis(200);
        self.guest.store.set_deadline(Some(soon));
        let Err(trap) = self.guest.call("call", args) else { return };
        let name = self.function.name;
        let fair = match trap.kind() {
            TrapKind::Host(error) => self.function.module == FAASM && error.is::<HostError>(),
            TrapKind::Exit(_) => matches!(name, "proc_exit" | "__faasm_thread_exit"),
            TrapKind::Code(TrapCode::Interrupted) => WAITS.contains(&name),
            TrapKind::Code(_) | TrapKind::Exception(_) => false,
        };
        assert!(fair, "{name}{args:?}: {trap}");
        if self.guest.store.is_poisoned() {
            self.guest = Self::fresh(self.bench, self.host, &self.module);
        }
    }

    /// Each parameter with each value, the others with each of a few that are good somewhere.
    fn systematically(&mut self) {
        for rest in [0, 3, 4, 8] {
            for at in 0..self.function.params.len() {
                let values = WORDS.len().max(LONGS.len());
                for value in 0..values {
                    let args: Vec<Val> = self
                        .function
                        .params
                        .iter()
                        .enumerate()
                        .map(
                            |(i, (_, ty))| {
                                if i == at { pick(*ty, value) } else { constant(*ty, rest) }
                            },
                        )
                        .collect();
                    self.attempt(&args);
                }
            }
        }
    }

    fn randomly(&mut self) {
        let mut seed = self
            .function
            .name
            .bytes()
            .fold(1, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
        for _ in 0..RANDOM {
            let args: Vec<Val> = self
                .function
                .params
                .iter()
                .map(|(_, ty)| {
                    // Knuth's multiplier of MMIX.
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    pick(*ty, usize::try_from(seed >> 40).unwrap())
                })
                .collect();
            self.attempt(&args);
        }
    }
}

fn pick(ty: ValType, n: usize) -> Val {
    match ty {
        ValType::I64 => Val::from(LONGS[n % LONGS.len()]),
        _ => Val::from(WORDS[n % WORDS.len()]),
    }
}

fn constant(ty: ValType, n: u32) -> Val {
    match ty {
        ValType::I64 => Val::from(u64::from(n)),
        _ => Val::from(n),
    }
}

/// The same for what works on files, with the tenant's shared ones as directory 3.
#[test]
fn no_argument_breaks_the_host_of_shared_files() {
    let bench = Bench::new();
    let network = network();
    let on_files = |function: &&HostFunction| {
        matches!(
            function.touches,
            Touches::Descriptors | Touches::File | Touches::Paths | Touches::Objects
        )
    };
    for function in signatures().filter(on_files) {
        let store = Store::with(&[("file", b"shared"), ("echo/x", b"more")]);
        let before = store.all();
        let host = HostBuilder::new().files(Arc::clone(&store) as Arc<dyn Files>);
        let host = host.network(network.clone()).build().unwrap();
        let mut attack = Attack::new(&bench, &host, function);
        attack.systematically();
        attack.randomly();
        if function.touches != Touches::Objects {
            assert_eq!(store.all(), before, "{}", function.name);
        }
    }
}

/// A network where everything on this host may be talked to, but listened to only by those that ask for any port.
fn network() -> Network {
    let rules = NetworkRules {
        allow: vec!["127.0.0.0/8:*".parse().unwrap()],
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..NetworkRules::default()
    };
    NetworkHost::new(4096).unwrap().reach(NetworkReach::All).network(rules)
}

#[test]
fn no_argument_breaks_the_host() {
    let bench = Bench::new();
    let network = network();
    for function in signatures() {
        let dir = tempfile::tempdir().unwrap();
        let host = HostBuilder::new()
            .arg("program")
            .env("NAME", "value")
            .stdin(Input::Bytes((*b"standard input").into()))
            .preopen(Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap())
            .calls(Arc::new(FakeCalls::default()))
            .state(namespace())
            .network(network.clone())
            .build()
            .unwrap();
        let mut attack = Attack::new(&bench, &host, function);
        attack.systematically();
        attack.randomly();
    }
}

/// What WASI calls answer when a pointer that they need is bad: `EFAULT`, before anything was done.
#[test]
fn bad_pointers_are_efault() {
    const FAULT: i32 = 21;
    let bench = Bench::new();
    let dir = tempfile::tempdir().unwrap();
    let preopen = Preopen::open(dir.path(), "/data", Access::ReadWrite).unwrap();
    let host = HostBuilder::new().arg("x").env("A", "b").preopen(preopen).network(network());
    let host = host.build().unwrap();
    let beyond = 65_533;
    let cases: [(&str, &[u64]); 24] = [
        ("args_get", &[beyond, 0]),
        ("args_get", &[0, 65_535]),
        ("args_sizes_get", &[0, beyond]),
        ("environ_get", &[beyond, 0]),
        ("clock_time_get", &[0, 0, beyond]),
        ("random_get", &[0, 65_537]),
        ("random_get", &[0xffff_fff0, 0x20]),
        ("fd_write", &[1, beyond, 1, 0]),
        ("fd_write", &[1, 0, 1, beyond]),
        ("fd_read", &[0, 0, 1, beyond]),
        ("fd_seek", &[4, 0, 0, beyond]),
        ("path_open", &[3, 0, 65_535, 2, 1, 0, 0, 0, 0]),
        ("path_open", &[3, 0, 8, 4, 1, 0, 0, 0, beyond]),
        ("fd_readdir", &[3, beyond, 64, 0, 0]),
        ("sock_open", &[1, 2, beyond]),
        ("sock_connect", &[5, beyond, 80]),
        ("sock_connect", &[5, 16, 80]),
        ("sock_recv", &[5, 0, 0, 0, beyond, 0]),
        ("sock_recv", &[5, 0, 0, 0, 0, 65_535]),
        ("sock_recv_from", &[6, 0, 0, beyond, 0, 0, 0, 0]),
        ("sock_send_to", &[6, 0, 0, 24, 80, 0, beyond]),
        ("sock_getlocaladdr", &[5, 24, beyond, 0]),
        ("sock_setsockopt", &[5, 0, 0, beyond, 4]),
        ("sock_getaddrinfo", &[0, 0, 0, 0, beyond, 0, 0, 0]),
    ];
    for (name, args) in cases {
        let function = signatures().find(|function| function.name == name).unwrap();
        let mut attack = Attack::new(&bench, &host, function);
        let args: Vec<Val> = function
            .params
            .iter()
            .zip(args)
            .map(|((_, ty), arg)| match ty {
                ValType::I64 => Val::from(*arg),
                _ => Val::from(u32::try_from(*arg).unwrap()),
            })
            .collect();
        assert_eq!(attack.guest.number("call", &args), FAULT, "{name}{args:?}");
    }
}

//! The kernels as compiled by the system's C compiler (see `build.rs`), with the amount of work of each.

/// One kernel.
pub(crate) struct Kernel {
    /// Its file's name.
    pub(crate) name: &'static str,
    /// How much work a run does: some milliseconds.
    pub(crate) n: i32,
    /// The native build: returns the checksum.
    pub(crate) run: fn(i32) -> i64,
}

macro_rules! kernels {
    ($($name:literal, $symbol:ident, $n:literal;)*) => {
        mod symbols {
            unsafe extern "C" {
                $(pub(super) safe fn $symbol(n: i32) -> i64;)*
            }
        }

        /// All of them.
        pub(crate) const KERNELS: &[Kernel] = &[
            $(Kernel { name: $name, n: $n, run: |n| symbols::$symbol(n) },)*
        ];
    };
}

kernels! {
    "base64", native_base64, 10;
    "blake2b", native_blake2b, 1000;
    "crc32", native_crc32, 1000;
    "dispatch", native_dispatch, 1_000_000;
    "fft", native_fft, 4;
    "fib", native_fib, 27;
    "interpreter", native_interpreter, 100_000;
    "jacobi", native_jacobi, 20;
    "json", native_json, 10;
    "keccak", native_keccak, 5000;
    "lz", native_lz, 4;
    "mandelbrot", native_mandelbrot, 120;
    "matmul", native_matmul, 128;
    "nbody", native_nbody, 20_000;
    "quicksort", native_quicksort, 50_000;
    "sha256", native_sha256, 1000;
    "sieve", native_sieve, 1_000_000;
    "strings", native_strings, 50_000;
    "two-mm", native_two_mm, 96;
}

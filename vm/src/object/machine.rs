//! Whether this machine can run an object's code.

use faasm_abi::object::ObjectInfo;

use crate::module::LoadError;

pub(super) fn check(info: &ObjectInfo) -> Result<(), LoadError> {
    let mut parts = info.target.split('-');
    let arch = parts.next() == Some(std::env::consts::ARCH);
    if !arch || !parts.any(|part| part == std::env::consts::OS) {
        let expected = std::env::consts::ARCH;
        return Err(LoadError::Target { found: info.target.clone(), expected });
    }
    let missing: Vec<_> =
        info.features.iter().filter(|feature| !has_feature(feature)).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(LoadError::Features { missing }) }
}

/// Whether this processor has a feature that the compiler may use; unknown ones it has not.
#[cfg(target_arch = "x86_64")]
fn has_feature(name: &str) -> bool {
    macro_rules! detect {
        ($($feature:tt),*) => {
            match name {
                $($feature => std::is_x86_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    detect!(
        "sse",
        "sse2",
        "sse3",
        "ssse3",
        "sse4.1",
        "sse4.2",
        "popcnt",
        "avx",
        "avx2",
        "avxvnni",
        "fma",
        "bmi1",
        "bmi2",
        "lzcnt",
        "cmpxchg16b",
        "avx512bitalg",
        "avx512bw",
        "avx512cd",
        "avx512dq",
        "avx512f",
        "avx512vbmi",
        "avx512vl",
        "avx512vnni"
    )
}

/// Whether this processor has a feature that the compiler may use; unknown ones it has not.
#[cfg(target_arch = "aarch64")]
fn has_feature(name: &str) -> bool {
    macro_rules! detect {
        ($($feature:tt),*) => {
            match name {
                $($feature => std::arch::is_aarch64_feature_detected!($feature),)*
                _ => false,
            }
        };
    }
    detect!("neon", "lse", "paca", "pacg", "fp16", "dotprod", "bti")
}

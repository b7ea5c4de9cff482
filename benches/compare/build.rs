//! Compiles the kernels with the system's C compiler at `-O3`, for the comparison with native code.
//!
//! Each kernel's `run` becomes `native_KERNEL`.

use std::path::Path;

fn main() {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guests/kernels");
    println!("cargo:rerun-if-changed={}", kernels.display());
    let mut sources: Vec<_> = std::fs::read_dir(&kernels)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .filter(|path| !path.ends_with("native-main.c"))
        .collect();
    sources.sort();
    for source in sources {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let symbol = format!("native_{}", name.replace('-', "_"));
        cc::Build::new()
            .file(&source)
            .define("run", symbol.as_str())
            .opt_level(3)
            .flag("-march=native")
            .flag("-std=gnu2x")
            .flag("-ffp-contract=off")
            .warnings(false)
            .compile(&format!("kernel_{name}"));
    }
}

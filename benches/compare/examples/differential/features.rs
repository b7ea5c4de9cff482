//! The parts of WebAssembly that random modules use, in a list: a part takes part as soon as our compiler accepts it.

use wasm_smith::Config;

/// A part of WebAssembly.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    /// A module that needs it.
    probe: &'static str,
    /// Whether the interpreter has it.
    pub(crate) interpreted: bool,
    /// Lets modules use it.
    pub(crate) enable: fn(&mut Config),
}

/// All parts that can be switched; what is not here is always on.
const FEATURES: &[Feature] = &[
    Feature {
        name: "simd",
        probe: "(module (func (result v128) (v128.const i64x2 0 0)))",
        interpreted: true,
        enable: |config| config.simd_enabled = true,
    },
    Feature {
        name: "relaxed-simd",
        probe: "(module (func (param v128) (result v128)
            (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
        // It makes other choices than the deterministic profile.
        interpreted: false,
        enable: |config| {
            config.simd_enabled = true;
            config.relaxed_simd_enabled = true;
        },
    },
    Feature {
        name: "extended-const",
        probe: "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
        interpreted: true,
        enable: |config| config.extended_const_enabled = true,
    },
    Feature {
        name: "tail-call",
        probe: "(module (func (return_call 0)))",
        interpreted: true,
        enable: |config| config.tail_call_enabled = true,
    },
    Feature {
        name: "multi-memory",
        probe: "(module (memory 1) (memory 1))",
        interpreted: true,
        enable: |config| config.max_memories = 4,
    },
    Feature {
        name: "memory64",
        probe: "(module (memory i64 1) (table i64 1 funcref))",
        interpreted: true,
        enable: |config| config.memory64_enabled = true,
    },
    Feature {
        name: "custom-page-sizes",
        probe: "(module (memory 1 (pagesize 1)))",
        interpreted: true,
        enable: |config| config.custom_page_sizes_enabled = true,
    },
    Feature {
        name: "wide-arithmetic",
        probe: "(module (func (param i64 i64) (result i64 i64)
            (i64.mul_wide_u (local.get 0) (local.get 1))))",
        interpreted: true,
        enable: |config| config.wide_arithmetic_enabled = true,
    },
    Feature {
        name: "exceptions",
        probe: "(module (tag) (func (block (try_table (catch_all 0)))))",
        interpreted: false,
        enable: |config| config.exceptions_enabled = true,
    },
    Feature {
        name: "gc",
        probe: "(module (type (struct (field i32))) (func (drop (struct.new_default 0))
            (drop (ref.i31 (i32.const 1)))))",
        interpreted: false,
        enable: |config| config.gc_enabled = true,
    },
    Feature {
        name: "threads",
        probe: "(module (memory 1 1 shared)
            (func (drop (i32.atomic.load (i32.const 0)))))",
        interpreted: false,
        enable: |config| config.threads_enabled = true,
    },
];

/// The parts that our compiler accepts today.
pub(crate) fn accepted() -> Vec<&'static Feature> {
    FEATURES.iter().filter(|feature| refusal(feature).is_none()).collect()
}

/// The others, and why not.
pub(crate) fn refused() -> Vec<(&'static str, String)> {
    FEATURES.iter().filter_map(|feature| Some((feature.name, refusal(feature)?))).collect()
}

fn refusal(feature: &Feature) -> Option<String> {
    let wasm = match wat::parse_str(feature.probe) {
        Ok(wasm) => wasm,
        Err(error) => return Some(format!("its probe is no module: {error}")),
    };
    let module = match faasm_compiler::validate(&wasm) {
        Ok(module) => module,
        Err(error) => return Some(error.to_string()),
    };
    faasm_compiler::compile(&module, &faasm_compiler::CompileOptions::default())
        .err()
        .map(|error| error.to_string())
}

/// What every module may use: WebAssembly 2.0 without vectors, everything exported, floats that are the same
/// everywhere, and sizes that every engine grants.
pub(crate) fn base() -> Config {
    Config {
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        compact_imports_enabled: false,
        exceptions_enabled: false,
        export_everything: true,
        extended_const_enabled: false,
        gc_enabled: false,
        limit_arrays_in_const_exprs: true,
        max_data_segments: 8,
        max_element_segments: 8,
        max_funcs: 12,
        max_globals: 12,
        max_imports: 0,
        max_instructions: 400,
        max_memories: 1,
        max_memory32_bytes: 4 << 20,
        max_memory64_bytes: 4 << 20,
        max_nesting_depth: 12,
        max_table_elements: 5000,
        max_tables: 4,
        max_tags: 6,
        max_types: 24,
        memory64_enabled: false,
        memory_max_size_required: true,
        min_funcs: 1,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        table_max_size_required: true,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

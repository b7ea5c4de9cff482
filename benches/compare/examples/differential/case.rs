//! A case: a module, how it is run, and with what.

use faasm_compiler::OptLevel;
use faasm_vm::{ExportItem, FuncType, HeapType, ModuleInfo, RefType, ValType};
use wasm_smith::{Config, MemoryOffsetChoices};

use crate::features::{Feature, base};
use crate::outcome::Value;
use crate::random::Random;

/// What modules may import: it is instantiated first, in the same store, by every engine.
pub(crate) const SUPPORT: &str = r#"(module
  (memory (export "memory") 1 3)
  (table (export "table") 6 20 funcref)
  (global $count (export "count") (mut i32) (i32.const 0))
  (global (export "wide") i64 (i64.const 0x123456789abcdef))
  (global (export "float") (mut f64) (f64.const 2.5))
  (elem (i32.const 1) $note $mix)
  (func $note (export "note") (param i32)
    (global.set $count (i32.add (global.get $count) (local.get 0)))
    (i32.store (i32.and (local.get 0) (i32.const 0xfff)) (global.get $count)))
  (func $mix (export "mix") (param i32 i64 f64) (result i64)
    (i64.add (i64.extend_i32_s (local.get 0))
      (i64.xor (local.get 1) (i64.reinterpret_f64 (local.get 2)))))
  (func (export "pair") (param f32 i32) (result i32 f32) (local.get 1) (local.get 0))
  (func (export "fail") (param i32) (result i32)
    (i32.div_u (i32.const 100) (i32.and (local.get 0) (i32.const 3)))))"#;

/// [`SUPPORT`]'s exports as imports.
const IMPORTS: &str = r#"(module
  (import "support" "memory" (memory 1 3))
  (import "support" "table" (table 6 20 funcref))
  (import "support" "count" (global (mut i32)))
  (import "support" "wide" (global i64))
  (import "support" "float" (global (mut f64)))
  (import "support" "note" (func (param i32)))
  (import "support" "mix" (func (param i32 i64 f64) (result i64)))
  (import "support" "pair" (func (param f32 i32) (result i32 f32)))
  (import "support" "fail" (func (param i32) (result i32))))"#;

/// Which store of ours runs the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The one in which it was instantiated.
    Fresh,
    /// One born from a capture after instantiation.
    Born,
    /// One born in a slot that ran all calls and was reset.
    Recycled,
}

/// A module and how to run it.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) wasm: Vec<u8>,
    /// Whether the interpreter has all that it may use.
    pub(crate) interpreted: bool,
    pub(crate) opt: OptLevel,
    pub(crate) life: Life,
    features: Vec<&'static str>,
}

/// A call to make.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) export: String,
    pub(crate) args: Vec<(ValType, Value)>,
    /// How many values it gives.
    pub(crate) n_results: usize,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, opt, life, features, .. } = self;
        let bytes = self.wasm.len();
        write!(f, "seed {seed}: {bytes} bytes, {opt:?}, {life:?}, features {features:?}")
    }
}

impl Case {
    /// The case of a seed; `None` when its numbers give no module.
    pub(crate) fn of_seed(seed: u64, accepted: &[&'static Feature]) -> Option<Self> {
        let mut random = Random::new(seed, "bytes");
        let length = 512 << random.below(6);
        Self::of_bytes(seed, &random.bytes(length), accepted)
    }

    /// The case of a seed whose module is made of these bytes.
    pub(crate) fn of_bytes(seed: u64, bytes: &[u8], accepted: &[&'static Feature]) -> Option<Self> {
        let mut random = Random::new(seed, "module");
        let mut config = base();
        let mut chosen: Vec<&'static Feature> = Vec::new();
        let every = random.one_in(4);
        for feature in accepted {
            // Each is drawn for by its name, so that a new one changes no other's part in a seed.
            if Random::new(seed, feature.name).one_in(3) || every {
                (feature.enable)(&mut config);
                chosen.push(feature);
            }
        }
        shape(&mut config, &mut random);
        let mut input = arbitrary::Unstructured::new(bytes);
        let mut module = wasm_smith::Module::new(config, &mut input).ok()?;
        module.ensure_termination(random.pick(&[200, 2000, 20_000])).ok()?;
        let mut case = Self::of_module(seed, module.to_bytes());
        case.interpreted = chosen.iter().all(|feature| feature.interpreted);
        case.features = chosen.iter().map(|feature| feature.name).collect();
        Some(case)
    }

    /// A given module, run as the seed says.
    pub(crate) fn of_module(seed: u64, wasm: Vec<u8>) -> Self {
        let mut random = Random::new(seed, "run");
        let opt = if random.one_in(4) { OptLevel::None } else { OptLevel::Speed };
        let life = random.pick(&[Life::Fresh, Life::Born, Life::Recycled]);
        Self { seed, wasm, interpreted: true, opt, life, features: Vec::new() }
    }

    /// Whether the module may wait for a notification, which nobody would send. May say yes too often.
    pub(crate) fn may_wait(&self) -> bool {
        let waits = |pair: &[u8]| pair[0] == 0xfe && (pair[1] == 1 || pair[1] == 2);
        self.features.contains(&"threads") && self.wasm.windows(2).any(waits)
    }

    /// The calls to make: each exported function a few times, in the module's order.
    pub(crate) fn calls(&self, info: &ModuleInfo) -> Vec<Call> {
        let mut calls = Vec::new();
        for export in &info.exports {
            let ExportItem::Function(index) = export.item else { continue };
            let Some(ty) = info.function_type(index) else { continue };
            // By name, so that a module that was made smaller is called as before.
            let mut random = Random::new(self.seed, &export.name);
            for _ in 0..3 {
                let Some(args) = arguments(info, ty, &mut random) else { continue };
                let (export, n_results) = (export.name.clone(), ty.results.len());
                calls.push(Call { export, args, n_results });
            }
        }
        calls.truncate(40);
        calls
    }
}

/// What else varies from module to module.
fn shape(config: &mut Config, random: &mut Random) {
    if random.one_in(3) {
        config.available_imports = wat::parse_str(IMPORTS).ok();
        config.max_imports = 9;
        config.max_memories = config.max_memories.max(2);
    }
    // Without it most modules end at their first segment or access; with it nothing ever traps.
    config.disallow_traps = random.one_in(2);
    config.max_funcs = random.pick(&[1, 4, 12]);
    config.max_instructions = random.pick(&[30, 150, 600]);
    config.max_nesting_depth = random.pick(&[3, 12, 40]);
    config.max_type_size = random.pick(&[10, 100]);
    // Accesses that hit, that miss by a little, and that miss by far.
    let (hit, near, far) = random.pick(&[(90, 9, 1), (60, 20, 20), (100, 0, 0)]);
    config.memory_offset_choices = MemoryOffsetChoices(hit, near, far);
}

/// Arguments of these types; `None` when one must be a reference that is not null.
fn arguments(
    info: &ModuleInfo,
    ty: &FuncType,
    random: &mut Random,
) -> Option<Vec<(ValType, Value)>> {
    let params = ty.params.iter().map(|&ty| hierarchy(info, ty));
    params.map(|ty| Some((ty, argument(ty, random)?))).collect()
}

/// A type without indices of the module's: which null it has is all that is asked of it.
fn hierarchy(info: &ModuleInfo, ty: ValType) -> ValType {
    let ValType::Ref(RefType { nullable, heap: heap @ HeapType::Concrete(_) }) = ty else {
        return ty;
    };
    let heap = if info.is_collected(heap) { HeapType::Any } else { HeapType::Func };
    ValType::Ref(RefType { nullable, heap })
}

/// A value of this type, near an edge as often as not.
#[expect(clippy::cast_possible_truncation, reason = "any bits are a value")]
fn argument(ty: ValType, random: &mut Random) -> Option<Value> {
    const EDGES: &[u64] = &[
        0,
        1,
        2,
        7,
        8,
        31,
        32,
        63,
        64,
        0xff,
        0xffff,
        0x1_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
        // Floats: one, minus zero, infinity, a NaN with a payload; for 32 and for 64 bits.
        0x3f80_0000,
        0x7f80_0000,
        0x7fa0_0001,
        0x4f00_0000,
        0x3ff0_0000_0000_0000,
        0x7ff0_0000_0000_0000,
        0x7ff4_0000_0000_0001,
        0x43e0_0000_0000_0000,
    ];
    let edge = random.pick(EDGES);
    let bits = if random.one_in(2) { edge } else { random.next() >> random.below(64) };
    Some(match ty {
        ValType::I32 => Value::I32((bits as u32).cast_signed()),
        ValType::I64 => Value::I64(bits.cast_signed()),
        ValType::F32 => Value::F32(bits as u32),
        ValType::F64 => Value::F64(bits),
        ValType::V128 => Value::V128(u128::from(bits) << 64 | u128::from(random.next())),
        ValType::Ref(ty) if ty.nullable => Value::Null,
        ValType::Ref(_) => return None,
    })
}

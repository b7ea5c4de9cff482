//! Every vector operator compiles for both targets: one exported function per operator.
//!
//! What the operators compute is the specification suite's business (`spec-tests/`).

use std::fmt::Write as _;

use faasm_compiler::{CompileOptions, Cpu, OptLevel, RelaxedSimd, Target, compile, validate};

/// An operator as the text format spells it, its proposal, and the number of operands that wasmparser states
/// (`None` when it only says that there is an address).
struct Operator {
    proposal: &'static str,
    text: String,
    operands: Option<usize>,
}

macro_rules! operands {
    (arity memarg $($rest:tt)*) => {
        None
    };
    (arity $count:literal $($rest:tt)*) => {
        Some($count)
    };
}

macro_rules! list_operators {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
        vec![$(Operator {
            proposal: stringify!($proposal),
            text: spelling(stringify!($visit)),
            operands: operands!($($arity)*),
        }),*]
    };
}

/// `visit_i8x16_add_sat_s` is `i8x16.add_sat_s`.
fn spelling(visit: &str) -> String {
    visit.trim_start_matches("visit_").replacen('_', ".", 1)
}

fn operators() -> Vec<Operator> {
    wasmparser::for_each_visit_simd_operator!(list_operators)
}

impl Operator {
    fn shape(&self) -> &str {
        self.text.split('.').next().expect("a shape comes first")
    }

    fn name(&self) -> &str {
        self.text.split('.').nth(1).expect("a name comes second")
    }

    /// The type of one lane on the operand stack.
    fn lane(&self) -> &str {
        match self.shape() {
            "i64x2" => "i64",
            "f32x4" => "f32",
            "f64x2" => "f64",
            _ => "i32",
        }
    }

    fn params(&self) -> Vec<&str> {
        let name = self.name();
        match self.operands {
            None if name.starts_with("store") || name.ends_with("_lane") => vec!["i32", "v128"],
            None => vec!["i32"],
            _ if name == "splat" => vec![self.lane()],
            _ if name == "replace_lane" => vec!["v128", self.lane()],
            _ if matches!(name, "shl" | "shr_s" | "shr_u") => vec!["v128", "i32"],
            Some(count) => vec!["v128"; count],
        }
    }

    fn result(&self) -> &str {
        match self.name() {
            name if name.starts_with("store") => "",
            name if name.starts_with("extract_lane") => self.lane(),
            "any_true" | "all_true" | "bitmask" => "i32",
            _ => "v128",
        }
    }

    fn immediates(&self) -> &str {
        match self.name() {
            "const" => " i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15",
            "shuffle" => " 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31",
            name if self.operands.is_none() && name.ends_with("_lane") => " offset=3 1",
            name if name.starts_with("extract_lane") || name == "replace_lane" => " 1",
            _ => "",
        }
    }

    fn write_function(&self, wat: &mut String) {
        let params = self.params();
        write!(wat, "(func (export \"{}\") (param {})", self.text, params.join(" ")).unwrap();
        write!(wat, " (result {})", self.result()).unwrap();
        for at in 0..params.len() {
            write!(wat, " local.get {at}").unwrap();
        }
        writeln!(wat, " {}{})", self.text, self.immediates()).unwrap();
    }
}

fn module_of(operators: &[Operator]) -> Vec<u8> {
    let mut wat = String::from("(module (memory 1)\n");
    for operator in operators {
        operator.write_function(&mut wat);
    }
    wat.push(')');
    wat::parse_str(&wat).expect("the generated text is well-formed")
}

fn compiles(target: Target, cpu: Cpu, opt: OptLevel) {
    let operators = operators();
    let wasm = module_of(&operators);
    let module = validate(&wasm).expect("the generated module is valid");
    assert_eq!(module.info().functions.len(), operators.len());
    let options = CompileOptions { target, cpu, opt, ..CompileOptions::default() };
    let object = compile(&module, &options).expect("every operator compiles");
    assert_eq!(&object[..4], b"\x7fELF");
}

#[test]
fn the_table_is_complete() {
    let count = |proposal| operators().iter().filter(|op| op.proposal == proposal).count();
    assert_eq!(count("simd"), 236);
    assert_eq!(count("relaxed_simd"), 20);
}

#[test]
fn every_operator_compiles_for_x86_64() {
    compiles(Target::Triple("x86_64-unknown-linux-gnu".into()), Cpu::Baseline, OptLevel::Speed);
    compiles(Target::Triple("x86_64-unknown-linux-gnu".into()), Cpu::Baseline, OptLevel::None);
}

#[test]
fn every_operator_compiles_for_this_machine() {
    compiles(Target::Host, Cpu::Native, OptLevel::Speed);
}

#[test]
fn relaxed_operators_compile_as_the_machine_likes() {
    let relaxed: Vec<_> =
        operators().into_iter().filter(|op| op.proposal == "relaxed_simd").collect();
    let wasm = module_of(&relaxed);
    let module = validate(&wasm).expect("the generated module is valid");
    for (target, cpu) in [
        (Target::Host, Cpu::Native),
        (Target::Triple("x86_64-unknown-linux-gnu".into()), Cpu::Baseline),
        (Target::Triple("aarch64-unknown-linux-gnu".into()), Cpu::Baseline),
    ] {
        let options = |relaxed_simd| CompileOptions {
            target: target.clone(),
            cpu,
            relaxed_simd,
            ..CompileOptions::default()
        };
        let object = |choice| compile(&module, &options(choice)).expect("all of them compile");
        assert_ne!(object(RelaxedSimd::Machine), object(RelaxedSimd::Deterministic), "{target:?}");
    }
}

#[test]
fn every_operator_compiles_for_aarch64() {
    compiles(Target::Triple("aarch64-unknown-linux-gnu".into()), Cpu::Baseline, OptLevel::Speed);
    compiles(Target::Triple("aarch64-unknown-linux-gnu".into()), Cpu::Baseline, OptLevel::None);
}

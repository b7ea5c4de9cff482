//! Looking at modules, objects and running guests: `faasm inspect`, backtraces with source lines, debuggers, profilers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::process::{binary, code, faasm, guest, text};

const LINES: [&str; 2] = ["source-lines-dwarf4", "source-lines-dwarf5"];
const SOURCE: &str = "guests/c/debug/source-lines.c";

fn json(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn compiled(data: &Path, name: &str) -> String {
    let object = data.join(format!("{name}.o")).to_string_lossy().into_owned();
    let output = faasm(data, &["compile", &guest(name), "-o", &object]);
    assert_eq!(code(&output), 0, "{output:?}");
    object
}

#[test]
fn a_backtrace_names_source_lines_of_modules_and_objects() {
    let data = tempfile::tempdir().unwrap();
    for name in LINES {
        for file in [guest(name), compiled(data.path(), name)] {
            let trapped = faasm(data.path(), &["run", &file]);
            assert_eq!(code(&trapped), 134);
            let talk = text(&trapped.stderr);
            assert!(talk.contains(&format!("checked (inlined) at {SOURCE}:9:")), "{talk}");
            assert!(talk.contains(&format!(" at {SOURCE}:19:")), "{talk}");
            assert!(talk.contains(&format!(" at {SOURCE}:37:")), "{talk}");
        }
    }
}

#[test]
fn compile_keeps_to_the_limits_that_it_is_given() {
    let data = tempfile::tempdir().unwrap();
    let object = data.path().join("w.o").to_string_lossy().into_owned();
    let wasm = guest("wordcount");
    let compile = |limit| faasm(data.path(), &["compile", &wasm, "-o", &object, "--limit", limit]);
    for (limit, what) in [
        ("functions=3", "has more than 3 functions"),
        ("values=5", "has more than 5 values"),
        ("time=0", "takes more than 0 seconds"),
    ] {
        let refused = compile(limit);
        let talk = text(&refused.stderr);
        let hint = format!("`--limit {}=N` sets it", limit.split('=').next().unwrap());
        assert!(code(&refused) == 2 && talk.contains(what) && talk.contains(&hint), "{talk}");
        assert!(!Path::new(&object).exists());
    }
    for wrong in ["function=3", "functions", "functions=many"] {
        assert_eq!(code(&compile(wrong)), 2, "{wrong}");
    }
    assert_eq!(code(&compile("functions=5000")), 0);
}

#[test]
fn inspect_shows_a_module_and_its_object_alike() {
    let data = tempfile::tempdir().unwrap();
    let object = compiled(data.path(), "wordcount");
    let module = json(&faasm(data.path(), &["inspect", "--json", &guest("wordcount")]));
    let object_report = json(&faasm(data.path(), &["inspect", &object, "--json"]));
    assert_eq!(module["kind"], "module");
    assert_eq!(object_report["kind"], "object");
    for field in [
        "name",
        "shape",
        "functions",
        "start",
        "imports",
        "exports",
        "memories",
        "tables",
        "globals",
    ] {
        assert_eq!(module[field], object_report[field], "{field}");
    }
    assert!(module["proposals"].as_array().unwrap().contains(&"bulk-memory".into()), "{module}");
    assert_eq!(module["shape"], "fused");
    let names = |report: &Value| -> Vec<String> {
        let sections = report["sections"].as_array().unwrap();
        sections.iter().map(|section| section["name"].as_str().unwrap().to_owned()).collect()
    };
    assert!(names(&module).contains(&"code".to_owned()));
    assert!(names(&object_report).contains(&".faasm.lines".to_owned()));
    assert!(object_report["object"]["target"].as_str().unwrap().contains("linux"));

    let shown = faasm(data.path(), &["inspect", &object]);
    let shown = text(&shown.stdout);
    for line in ["kind        object", "imports", "exports", "  .text"] {
        assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
    }
}

#[test]
fn inspect_lists_the_proposals_that_a_module_needs() {
    let data = tempfile::tempdir().unwrap();
    let needs = |body: &str| {
        let path = data.path().join("m.wasm");
        fs::write(&path, wat::parse_str(format!("(module {body})")).unwrap()).unwrap();
        let report = json(&faasm(data.path(), &["inspect", "--json", path.to_str().unwrap()]));
        let names = report["proposals"].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(needs("(func)"), "");
    assert_eq!(needs("(memory 1) (memory 1)"), "multi-memory");
    assert_eq!(needs("(memory i64 1)"), "memory64");
    assert_eq!(needs("(func (result i32 i32) (i32.const 1) (i32.const 2))"), "multi-value");
    assert_eq!(needs("(func (param i32) (local.get 0) (drop (i32.extend8_s)))"), "sign-extension");
    assert_eq!(needs("(func $f (return_call $f))"), "tail-call");
    assert_eq!(needs("(func (param v128))"), "simd");
}

#[test]
fn inspect_disassembles_a_function_beside_its_operators() {
    let data = tempfile::tempdir().unwrap();
    let (module, object) = (guest(LINES[0]), compiled(data.path(), LINES[0]));
    let shown = faasm(data.path(), &["inspect", &module, "--disassemble", "sum"]);
    let shown = text(&shown.stdout);
    assert!(shown.starts_with("wasm[") && shown.contains("]::sum\n"), "{shown}");
    for part in ["! unreachable", "| 0x", "i32.load", "\n> 0x"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // The object alone knows where, with its module also what.
    let alone = json(&faasm(data.path(), &["inspect", &object, "--disassemble", "sum", "--json"]));
    let options = ["inspect", &object, "--disassemble", "sum", "--json", "--wasm", &module];
    let both = json(&faasm(data.path(), &options));
    let rows = |report: &Value| report["instructions"].as_array().unwrap().clone();
    assert_eq!(rows(&alone).len(), rows(&both).len());
    for (alone, both) in rows(&alone).iter().zip(&rows(&both)) {
        assert_eq!(alone["wasm_offset"], both["wasm_offset"]);
        assert!(alone["operator"].is_null());
        assert_eq!(both["operator"].is_null(), both["wasm_offset"].is_null());
    }
    let loads = |row: &Value| row["operator"].as_str().is_some_and(|op| op.starts_with("i32.load"));
    let load = rows(&both).into_iter().find(loads).unwrap();
    assert_eq!(load["trap"], "out of bounds memory access");

    let foreign = guest("wordcount");
    let wrong =
        faasm(data.path(), &["inspect", &object, "--disassemble", "sum", "--wasm", &foreign]);
    assert_eq!(code(&wrong), 2);
    assert!(text(&wrong.stderr).contains("not the one"), "{wrong:?}");
}

#[test]
fn unknown_and_ambiguous_functions_list_candidates() {
    let data = tempfile::tempdir().unwrap();
    let module = guest(LINES[0]);
    for (wanted, expected) in [
        ("sun", "Did you mean `sum`?"),
        ("__wasi", "Name one by its index: "),
        ("0", "imported"),
        ("99999", "defines functions"),
    ] {
        let refused = faasm(data.path(), &["inspect", &module, "--disassemble", wanted]);
        assert_eq!(code(&refused), 3, "{wanted}: {refused:?}");
        assert!(text(&refused.stderr).contains(expected), "{wanted}: {refused:?}");
    }
}

#[test]
fn inspect_says_what_to_do_about_files_that_it_refuses() {
    let data = tempfile::tempdir().unwrap();
    let object = compiled(data.path(), "hello");
    let sealed = fs::read(&object).unwrap();
    let refused = |bytes: &[u8], expected: &str| {
        let path = data.path().join("refused");
        fs::write(&path, bytes).unwrap();
        let output = faasm(data.path(), &["inspect", path.to_str().unwrap()]);
        assert_eq!(code(&output), 2, "{output:?}");
        let talk = text(&output.stderr);
        assert!(talk.contains(expected) && talk.contains("hint: "), "{talk}");
    };
    refused(&sealed[..sealed.len() - 40], "no seal");
    let mut changed = sealed.clone();
    changed[5000] ^= 1;
    refused(&changed, "seal does not hold");
    refused(b"\0asm\x01\0\0\0\x0a\xff", "not valid WebAssembly");
    refused(b"#!/bin/sh", "not valid WebAssembly");
}

#[test]
fn gdb_shows_guests_with_source_lines() {
    if Command::new("gdb").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("NOT TESTED: there is no gdb here; `cargo xtask test` installs it");
        return;
    }
    let data = tempfile::tempdir().unwrap();
    for name in LINES {
        let output = Command::new("gdb")
            .args(["-nx", "-batch", "-ex", "set pagination off", "-ex", "run", "-ex", "backtrace"])
            .arg("--args")
            .arg(binary())
            .args(["run", "--debug", "gdb", &guest(name)])
            .env("FAASM_DATA", data.path())
            .output()
            .unwrap();
        let shown = text(&output.stdout);
        assert!(shown.contains("received signal SIGILL"), "{output:?}");
        for part in [
            format!("in checked () at {SOURCE}:9"),
            format!("sum () at {SOURCE}:19"),
            format!("{SOURCE}:37"),
            "wasm[4]::_start".to_owned(),
            "entry[".to_owned(),
        ] {
            assert!(shown.replace("./", "").contains(&part), "{part}: {shown}");
        }
    }
}

#[test]
fn perf_is_told_of_guests() {
    let data = tempfile::tempdir().unwrap();
    let run = |kind: &str| {
        Command::new(binary())
            .args(["run", "--profile", kind, &guest(LINES[0])])
            .current_dir(data.path())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut child = run("perf-map");
    let map = format!("/tmp/perf-{}.map", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(134));
    let names = fs::read_to_string(&map).unwrap();
    fs::remove_file(&map).unwrap();
    let sum = names.lines().find(|line| line.ends_with("::sum")).unwrap();
    let mut fields = sum.split(' ').map(|field| u64::from_str_radix(field, 16));
    assert!(
        fields.next().unwrap().unwrap() > 4096 && fields.next().unwrap().unwrap() > 16,
        "{sum}"
    );

    let mut child = run("jitdump");
    let dump = data.path().join(format!("jit-{}.dump", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(134));
    let dump = fs::read(dump).unwrap();
    assert_eq!(dump[..4], *b"DTiJ");
    let has = |text: &str| dump.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has("]::sum\0") && has("source-lines.c\0"));
}

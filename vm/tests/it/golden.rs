//! The object that the compiler's golden test keeps is opened and run; with any field damaged it is refused, and the
//! error says what is wrong.
//!
//! The fields are those of `docs/object-format.md`, in its order.
#![cfg(target_arch = "x86_64")]

use std::ops::Range;
use std::path::Path;

use faasm_abi::module::{ExportItem, SegmentMode};
use faasm_abi::object::ObjectInfo;
use faasm_vm::{
    Caller, CodeCache, Engine, EngineConfig, Extern, FuncType, Global, GlobalType, Linker,
    LoadError, Module, ModuleInfo, SealKey, Store, StoreLimits, TrapCode, Val, ValType,
};
use object::{Object as _, ObjectSection as _};

use crate::support::Folder;

fn key() -> SealKey {
    SealKey::derive(b"golden")
}

fn engine() -> Engine {
    let mut config = EngineConfig::new(key());
    config.arena_bytes = 64 << 30;
    Engine::new(config).unwrap()
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../compiler/tests/golden/small.o")
}

/// The golden object without its seal.
struct Golden(Vec<u8>);

impl Golden {
    fn new() -> Self {
        Self(key().open(&std::fs::read(path()).unwrap()).unwrap().to_vec())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Where a section's header and its contents are.
    fn section(&self, name: &str) -> (usize, Range<usize>) {
        let file = object::File::parse(&*self.0).unwrap();
        let section = file.section_by_name(name).unwrap_or_else(|| panic!("no {name}"));
        let (start, size) = section.file_range().unwrap();
        let headers = u64::from_le_bytes(self.0[40..48].try_into().unwrap());
        let [headers, start, size] = [headers, start, size].map(|n| usize::try_from(n).unwrap());
        (headers + section.index().0 * 64, start..start + size)
    }

    fn read(&self, section: &str, at: usize) -> u32 {
        let (_, contents) = self.section(section);
        let word = &self.0[contents.start + at..][..4];
        u32::from_le_bytes(word.try_into().unwrap())
    }

    /// Writes a word of a section.
    fn word(&mut self, section: &str, at: usize, word: u32) {
        let (_, contents) = self.section(section);
        self.put(contents.start + at, &word.to_le_bytes());
    }

    /// Gives a section other contents, which may have another length.
    fn replace(&mut self, section: &str, contents: &[u8]) {
        let (header, _) = self.section(section);
        let at = self.0.len();
        self.0.extend_from_slice(contents);
        self.put(header + 24, &(at as u64).to_le_bytes());
        self.put(header + 32, &(contents.len() as u64).to_le_bytes());
    }

    fn describe(&mut self, change: impl FnOnce(&mut ObjectInfo)) {
        let (_, contents) = self.section(".faasm.info");
        let mut info = ObjectInfo::decode(&self.0[contents]).unwrap();
        change(&mut info);
        self.replace(".faasm.info", &info.encode().unwrap());
    }

    fn module(&mut self, change: impl FnOnce(&mut ModuleInfo)) {
        self.describe(|info| change(&mut info.module));
    }

    fn load(self) -> Result<Module, LoadError> {
        Module::load(&engine(), &key().seal(self.0))
    }
}

/// What is damaged, how, and what the error says of it.
type Damage = (&'static str, fn(&mut Golden), &'static str);

fn refuse(damages: &[Damage]) {
    assert!(Golden::new().load().is_ok());
    for (what, damage, words) in damages {
        let mut golden = Golden::new();
        damage(&mut golden);
        let error = match golden.load() {
            Ok(_) => panic!("{what}: loaded"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(words), "{what}: {error}");
    }
}

#[test]
fn the_golden_object_is_opened_and_run() {
    let (folder, engine) = (Folder::new(), engine());
    let cache = CodeCache::open(folder.path()).unwrap();
    let module = cache.insert(&engine, "golden", &std::fs::read(path()).unwrap()).unwrap();
    let names: Vec<_> = (0..8).map(|index| module.function_name(index)).collect();
    let expected = [Some("log"), Some("vector"), Some("count"), Some("sum"), Some("call"), None];
    assert_eq!(names[..6], expected);
    assert_eq!(names[6..], [Some("unreachable"), None]);
    let mut store = Store::new(&engine, StoreLimits::default(), ()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("env", "log", |_: Caller<'_, ()>, _: i32, _: i64| {}).unwrap();
    let vector = FuncType { params: [ValType::V128].into(), results: [ValType::V128].into() };
    linker.func_new("env", "vector", vector, |_, _, _| Ok(())).unwrap();
    let limit = GlobalType { value: ValType::I32, mutable: false };
    let limit = Global::new(&mut store, limit, Val::I32(8)).unwrap();
    linker.define("env", "limit", Extern::Global(limit));
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let count = instance.func(&store, "count").unwrap();
    assert_eq!(count.call(&mut store, &[]).unwrap()[..], [Val::I64(41)]);
    let call = instance.func(&store, "call").unwrap();
    let trap = call.call(&mut store, &[Val::I32(12), Val::I32(0)]).unwrap_err();
    assert_eq!(trap.trap_code(), Some(TrapCode::IntegerDivideByZero));
}

#[test]
fn the_elf_header_is_checked() {
    let unlike = "it is not an ELF file of 64 bits";
    refuse(&[
        ("magic", |o| o.put(0, b"\x7fELG"), unlike),
        ("class", |o| o.put(4, &[1]), unlike),
        ("byte order", |o| o.put(5, &[2]), unlike),
        ("version", |o| o.put(6, &[2]), unlike),
        ("type", |o| o.put(16, &[3]), "another kind of ELF file"),
        ("machine", |o| o.put(18, &[183, 0]), "an ELF file of another machine"),
        ("section headers", |o| o.put(40, &u64::MAX.to_le_bytes()), "the table of sections"),
        ("size of a section header", |o| o.put(58, &[63]), "the table of sections"),
        ("number of sections", |o| o.put(60, &[1, 0]), "the table of sections"),
        ("section of names", |o| o.put(62, &[200, 0]), "the table of sections"),
    ]);
}

#[test]
fn every_section_is_there_and_in_the_file() {
    for name in [
        ".text",
        ".faasm.info",
        ".faasm.functions",
        ".faasm.stubs",
        ".faasm.entries",
        ".faasm.names",
        ".faasm.segments",
        ".faasm.data",
        ".faasm.traps",
        ".faasm.stackmaps",
    ] {
        let no_bits = 8_u32;
        for (field, value, words) in [
            (0, u64::from(u32::MAX).to_le_bytes(), "is missing"),
            (4, u64::from(no_bits).to_le_bytes(), "is outside of the file"),
            (24, (1_u64 << 40).to_le_bytes(), "is outside of the file"),
            (32, u64::MAX.to_le_bytes(), "is outside of the file"),
        ] {
            let mut golden = Golden::new();
            let (header, _) = golden.section(name);
            let length = if field < 8 { 4 } else { 8 };
            golden.put(header + field, &value[..length]);
            let error = golden.load().unwrap_err().to_string();
            let words = format!("its section {name} {words}");
            assert!(error.contains(&words), "{name}, field {field}: {error}");
        }
    }
}

#[test]
fn text_is_whole_pages() {
    let header = |o: &Golden| o.section(".text").0;
    let words = ".text is not whole pages";
    let at = |o: &mut Golden, field: usize, value: u64| {
        let header = o.section(".text").0;
        o.put(header + field, &value.to_le_bytes());
    };
    for (field, value) in [(24, 4095), (24, 4097), (32, 4095), (32, 0)] {
        let mut golden = Golden::new();
        assert!(header(&golden) > 0);
        at(&mut golden, field, value);
        let error = golden.load().unwrap_err().to_string();
        assert!(error.contains(words), "{field} {value}: {error}");
    }
}

#[test]
fn the_description_is_checked() {
    refuse(&[
        ("format", |o| o.word(".faasm.info", 0, 1), "the object has format 1"),
        ("encoding", |o| o.replace(".faasm.info", &[4, 0, 0, 0, 200]), "cannot be decoded"),
        ("no format", |o| o.replace(".faasm.info", &[2]), "cannot be decoded"),
        (
            "target",
            |o| o.describe(|info| info.target = "aarch64-unknown-linux-gnu".into()),
            "compiled for aarch64-unknown-linux-gnu",
        ),
        (
            "features",
            |o| o.describe(|info| info.features.push("amx".into())),
            "features that this machine lacks: amx",
        ),
        ("type of a function", |o| o.module(|m| m.functions[2] = 99), "a function of no type"),
        ("globals", |o| o.module(|m| drop(m.global_inits.pop())), "globals without values"),
        ("tables", |o| o.module(|m| m.table_inits.clear()), "tables without elements"),
        ("imports", |o| o.module(|m| m.imported.memories = 9), "more imports than entries"),
        ("escaping", |o| o.module(|m| m.escaping.reverse()), "a function that is not there"),
        ("start", |o| o.module(|m| m.start = Some(77)), "a function that is not there"),
        (
            "export",
            |o| o.module(|m| m.exports[0].item = ExportItem::Memory(3)),
            "an export that is not there",
        ),
        ("segments", |o| o.module(|m| m.data_segments = 3), ".faasm.segments has not one row"),
        (
            "elements",
            |o| {
                o.module(|m| match &mut m.elements[0].mode {
                    SegmentMode::Active { index, .. } => *index = 5,
                    _ => panic!("the first segment is active"),
                });
            },
            "an element segment of no table",
        ),
    ]);
}

#[test]
fn every_row_of_the_tables_is_checked() {
    refuse(&[
        ("fewer functions", |o| o.replace(".faasm.functions", &[]), "not one row for each"),
        ("half a row", |o| o.replace(".faasm.functions", &[0; 86]), "not one row for each"),
        ("fewer stubs", |o| o.replace(".faasm.stubs", &[0; 16]), "not one row for each"),
        ("more entries", |o| o.replace(".faasm.entries", &[0; 80]), "not one row for each"),
        ("code of an import", |o| o.word(".faasm.functions", 0, 1), "for an imported function"),
        ("no code", |o| o.word(".faasm.functions", 28, 0), "code outside of the text"),
        ("code outside", |o| o.word(".faasm.functions", 24, 4096), "code outside of the text"),
        ("long code", |o| o.word(".faasm.functions", 28, 4097), "code outside of the text"),
        ("code before", |o| o.word(".faasm.functions", 36, 0), "code that does not ascend"),
        ("name", |o| o.word(".faasm.functions", 32, 4096), "lacks a function's name"),
        ("length of a name", |o| o.word(".faasm.names", 0, 4096), "lacks a function's name"),
        ("letters of a name", |o| o.word(".faasm.names", 4, u32::MAX), "lacks a function's name"),
        ("array stub", |o| o.word(".faasm.stubs", 0, 4096), "a stub outside of the text"),
        ("length of a stub", |o| o.word(".faasm.stubs", 4, 0), "a stub outside of the text"),
        ("native stub", |o| o.word(".faasm.stubs", 8, 5000), "a stub outside of the text"),
        ("no native stub", |o| o.word(".faasm.stubs", 12, 0), "a stub outside of the text"),
        ("native vector", |o| o.word(".faasm.stubs", 28, 1), "a stub outside of the text"),
        ("entry", |o| o.word(".faasm.entries", 0, 9999), "an entry outside of the text"),
        ("no entry", |o| o.word(".faasm.entries", 4, 0), "lacks the entry of a type"),
    ]);
}

#[test]
fn every_trap_site_is_checked() {
    refuse(&[
        ("count", |o| o.word(".faasm.traps", 0, 31), ".faasm.traps has another length"),
        ("no count", |o| o.replace(".faasm.traps", &[0; 3]), ".faasm.traps has another length"),
        ("order", |o| o.word(".faasm.traps", 8, 1), "a site that cannot be"),
        (
            "twice",
            |o| o.word(".faasm.traps", 8, o.read(".faasm.traps", 4)),
            "a site that cannot be",
        ),
        ("outside", |o| o.replace(".faasm.traps", b"\x01\0\0\0\0\x10\0\0\x01"), "a site that"),
        ("code", |o| o.replace(".faasm.traps", b"\x01\0\0\0\0\0\0\0\xff"), "a site that"),
        ("code 0", |o| o.replace(".faasm.traps", b"\x01\0\0\0\0\0\0\0\0"), "a site that"),
    ]);
}

#[test]
fn stack_maps_are_all_there() {
    let words = ".faasm.stackmaps has another length";
    refuse(&[
        ("count", |o| o.word(".faasm.stackmaps", 0, u32::MAX), words),
        ("half a word", |o| o.replace(".faasm.stackmaps", &[0; 7]), words),
        ("no count", |o| o.replace(".faasm.stackmaps", &[]), words),
    ]);
}

#[test]
fn every_landing_is_checked() {
    fn site(ret: u32, landing: u32) -> Vec<u8> {
        [1, ret, landing, 32].iter().flat_map(|word| word.to_le_bytes()).collect()
    }
    let words = "a landing that cannot be";
    refuse(&[
        ("count", |o| o.word(".faasm.handlers", 0, 1), ".faasm.handlers has another length"),
        ("ret", |o| o.replace(".faasm.handlers", &site(u32::MAX, 5)), words),
        ("landing", |o| o.replace(".faasm.handlers", &site(5, u32::MAX)), words),
    ]);
}

#[test]
fn every_data_segment_is_checked() {
    let words = "a segment that cannot be";
    refuse(&[
        ("kind", |o| o.word(".faasm.segments", 0, 3), words),
        ("memory", |o| o.word(".faasm.segments", 4, 1), words),
        ("expression", |o| o.word(".faasm.segments", 0, 2), words),
        ("data", |o| o.word(".faasm.segments", 16, 4), words),
        ("length", |o| o.word(".faasm.segments", 20, u32::MAX), words),
        ("fewer data", |o| o.replace(".faasm.data", b"golden"), words),
    ]);
}

#[test]
fn every_field_of_the_seal_is_checked() {
    let sealed = std::fs::read(path()).unwrap();
    let seal = sealed.len() - 80;
    for (field, at) in [("magic", 0), ("length", 8), ("digest", 16), ("code", 48)] {
        let mut changed = sealed.clone();
        changed[seal + at] ^= 1;
        let error = Module::load(&engine(), &changed).unwrap_err();
        assert!(matches!(error, LoadError::Seal(_)), "{field}: {error}");
    }
}

//! What every object must hold.

use faasm_abi::handler::Handlers;
use faasm_abi::module::ModuleInfo;
use faasm_abi::object::{
    CodeRange, DATA_SECTION, ENTRIES_SECTION, FUNCTIONS_SECTION, HANDLERS_SECTION, INFO_SECTION,
    NAMES_SECTION, ObjectInfo, SEGMENTS_SECTION, STUBS_SECTION, TEXT_PAGE, TEXT_SECTION,
    TRAPS_SECTION,
};
use faasm_abi::tables::{EntryRow, FunctionRow, NO_NAME, SegmentRow, StubsRow, Table, name_at};
use faasm_abi::trap::{TrapSite, TrapTable};
use object::{Object, ObjectSection, ObjectSymbol};

pub(crate) fn section<'a>(file: &object::File<'a>, name: &str) -> &'a [u8] {
    let section = file.section_by_name(name).unwrap_or_else(|| panic!("no section {name}"));
    section.data().unwrap()
}

pub(crate) fn info(file: &object::File<'_>) -> ObjectInfo {
    ObjectInfo::decode(section(file, INFO_SECTION)).unwrap()
}

pub(crate) fn functions(file: &object::File<'_>) -> Vec<FunctionRow> {
    let table = Table::<{ FunctionRow::WORDS }>::of(section(file, FUNCTIONS_SECTION)).unwrap();
    table.rows().map(FunctionRow::of).collect()
}

pub(crate) fn stubs(file: &object::File<'_>) -> Vec<StubsRow> {
    let table = Table::<{ StubsRow::WORDS }>::of(section(file, STUBS_SECTION)).unwrap();
    table.rows().map(StubsRow::of).collect()
}

pub(crate) fn entries(file: &object::File<'_>) -> Vec<EntryRow> {
    let table = Table::<{ EntryRow::WORDS }>::of(section(file, ENTRIES_SECTION)).unwrap();
    table.rows().map(EntryRow::of).collect()
}

pub(crate) fn segments(file: &object::File<'_>) -> Vec<SegmentRow> {
    let table = Table::<{ SegmentRow::WORDS }>::of(section(file, SEGMENTS_SECTION)).unwrap();
    table.rows().map(|row| SegmentRow::of(row).expect("a known kind")).collect()
}

pub(crate) fn trap_sites(file: &object::File<'_>) -> Vec<TrapSite> {
    let table = TrapTable::of(section(file, TRAPS_SECTION)).unwrap();
    table.sites().map(|site| site.expect("a known code")).collect()
}

/// Checks an object of `module` as far as that needs no execution.
pub(crate) fn check(bytes: &[u8], module: &ModuleInfo) {
    let file = object::File::parse(bytes).unwrap();
    assert_eq!(&info(&file).module, module);
    let segments = segments(&file);
    assert_eq!(segments.len(), module.data_segments as usize);
    let data: u32 = segments.iter().map(|segment| segment.length).sum();
    assert_eq!(section(&file, DATA_SECTION).len(), data as usize);

    let text = file.section_by_name(TEXT_SECTION).unwrap();
    assert_eq!(text.relocations().count(), 0, "text is position-independent and complete");
    let (at, size) = text.file_range().unwrap();
    let pages = [at, size].map(|number| number % u64::from(TEXT_PAGE));
    assert_eq!(pages, [0, 0], "text is whole pages of the file");
    let units: Vec<CodeRange> = file
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text)
        .map(|symbol| CodeRange {
            offset: symbol.address().try_into().unwrap(),
            length: symbol.size().try_into().unwrap(),
        })
        .collect();
    check_ranges(&units, text.size());
    check_tables(&file, module, &units);
    let sites = trap_sites(&file);
    assert!(sites.is_sorted_by(|a, b| a.offset < b.offset));
    for site in sites {
        let inside =
            |unit: &CodeRange| (unit.offset..unit.offset + unit.length).contains(&site.offset);
        assert!(units.iter().any(inside), "a trap site outside of all code: {site:?}");
    }
    check_handlers(section(&file, HANDLERS_SECTION), &units);
    let unwind = file.section_by_name(".eh_frame").unwrap();
    let unwound: Vec<i64> = unwind.relocations().map(|(_, code)| code.addend()).collect();
    for unit in &units {
        assert!(unwound.contains(&unit.offset.into()), "all code can be unwound: {unit:?}");
    }
    // A function's parts have entries of their own.
    for code in unwound {
        let inside = |unit: &CodeRange| {
            (i64::from(unit.offset)..i64::from(unit.offset + unit.length)).contains(&code)
        };
        assert!(units.iter().any(inside), "an entry outside of all code: {code:#x}");
    }
}

/// Each landing pad is in the function whose call it covers.
fn check_handlers(bytes: &[u8], functions: &[CodeRange]) {
    let handlers = Handlers::open(bytes).expect("the handler table is well-formed");
    let count = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    for ret in bytes[4..][..4 * count].as_chunks::<4>().0 {
        let site = handlers.at(u32::from_le_bytes(*ret)).expect("return offsets ascend");
        let holds = |function: &CodeRange, at: u32| {
            (function.offset..function.offset + function.length).contains(&at)
        };
        let inside =
            |function: &CodeRange| holds(function, site.ret) && holds(function, site.landing);
        assert!(functions.iter().any(inside), "a landing outside of its function: {site:?}");
        assert!(site.frame > 0, "the kept context is in the frame");
    }
}

fn check_ranges(units: &[CodeRange], text: u64) {
    let mut end = 0;
    for unit in units {
        assert!(unit.offset >= end && unit.offset % 16 == 0 && unit.length > 0, "{unit:?}");
        end = unit.offset + unit.length;
    }
    assert!(u64::from(end) <= text);
}

/// Every function, import and escaping type has its row, and the row its code.
fn check_tables(file: &object::File<'_>, module: &ModuleInfo, units: &[CodeRange]) {
    let (functions, stubs, entries) = (functions(file), stubs(file), entries(file));
    let imported = module.imported.functions as usize;
    assert_eq!(functions.len(), module.functions.len());
    let (of_imports, of_code) = functions.split_at(imported);
    assert!(of_imports.iter().all(|row| row.code == CodeRange::default()));
    assert!(of_code.iter().map(|row| &row.code).eq(&units[..of_code.len()]));
    assert_eq!(stubs.len(), imported);
    for (stubs, &ty) in stubs.iter().zip(&module.functions) {
        assert!(units.contains(&stubs.array));
        let native = module.func_type(ty).unwrap().is_native();
        assert_eq!(units.contains(&stubs.native), native);
        assert!(native || stubs.native == CodeRange::default());
    }
    assert_eq!(entries.len(), module.types.len());
    for &function in &module.escaping {
        let ty = module.functions[function as usize];
        assert!(units.contains(&entries[ty as usize].0), "an escaping function without an entry");
    }
    let names = section(file, NAMES_SECTION);
    for row in functions.iter().filter(|row| row.name != NO_NAME) {
        assert!(name_at(names, row.name).is_some());
    }
}

#[test]
fn each_covered_call_has_its_landing() {
    let wasm = wat::parse_str(
        r#"(module (import "m" "f" (func $f)) (tag $t) (func $g)
            (func (call $g) (block $b (try_table (catch_all $b) (call $f) (call $g) (throw $t))))
            (func (block $b (try_table (catch $t $b) (nop)))))"#,
    )
    .unwrap();
    let module = faasm_compiler::validate(&wasm).unwrap();
    let bytes = faasm_compiler::compile(&module, &Default::default()).unwrap();
    check(&bytes, module.info());
    let file = object::File::parse(&*bytes).unwrap();
    assert_eq!(section(&file, HANDLERS_SECTION)[..4], 2_u32.to_le_bytes());
}

#[test]
fn symbols_carry_the_names_of_the_module() {
    let wasm = wat::parse_str(
        r#"(module (import "env" "log" (func (param i32)))
            (func $named) (func (export "out")) (func))"#,
    )
    .unwrap();
    let module = faasm_compiler::validate(&wasm).unwrap();
    let bytes = faasm_compiler::compile(&module, &Default::default()).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let names: Vec<_> = file.symbols().filter_map(|symbol| symbol.name().ok()).collect();
    for name in [
        "wasm[1]::named",
        "wasm[2]::out",
        "wasm[3]::function",
        "import[0]::env::log::array",
        "import[0]::env::log::native",
        "entry[1]",
        "builtin::MemoryGrow",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
}

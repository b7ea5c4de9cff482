//! What every object must hold.

use faasm_abi::module::ModuleInfo;
use faasm_abi::object::{
    CodeRange, DATA_SECTION, FORMAT, INFO_SECTION, ObjectInfo, TEXT_SECTION, TRAPS_SECTION,
};
use faasm_abi::trap::{TrapSite, decode_sites};
use object::{Object, ObjectSection, ObjectSymbol};

fn section<'a>(file: &object::File<'a>, name: &str) -> &'a [u8] {
    let section = file.section_by_name(name).unwrap_or_else(|| panic!("no section {name}"));
    section.data().unwrap()
}

fn trap_sites(file: &object::File<'_>) -> Vec<TrapSite> {
    decode_sites(section(file, TRAPS_SECTION)).expect("the trap table is well-formed")
}

/// Checks an object of `module` as far as that needs no execution.
pub(crate) fn check(bytes: &[u8], module: &ModuleInfo) {
    let file = object::File::parse(bytes).unwrap();
    let info: ObjectInfo = postcard::from_bytes(section(&file, INFO_SECTION)).unwrap();
    assert_eq!(info.format, FORMAT);
    assert_eq!(&info.module, module);
    let data: u32 = module.data.iter().map(|segment| segment.length).sum();
    assert_eq!(section(&file, DATA_SECTION).len(), data as usize);

    let text = file.section_by_name(TEXT_SECTION).unwrap();
    assert_eq!(text.relocations().count(), 0, "text is position-independent and complete");
    let units: Vec<CodeRange> = file
        .symbols()
        .filter(|symbol| symbol.kind() == object::SymbolKind::Text)
        .map(|symbol| CodeRange {
            offset: symbol.address().try_into().unwrap(),
            length: symbol.size().try_into().unwrap(),
        })
        .collect();
    check_ranges(&units, text.size());
    let imported = module.imported.functions as usize;
    assert_eq!(info.code.functions, units[..module.functions.len() - imported]);
    assert_eq!(info.code.host_stubs.len(), imported);
    for (stubs, &ty) in info.code.host_stubs.iter().zip(&module.functions) {
        assert_eq!(stubs.native.is_some(), module.func_type(ty).unwrap().is_native());
    }
    for &function in &module.escaping {
        let ty = module.function_type(function).unwrap();
        let mut entries = info.code.entries.iter();
        assert!(entries.any(|(index, _)| module.func_type(*index).unwrap() == ty));
    }
    for site in trap_sites(&file) {
        let inside =
            |unit: &CodeRange| (unit.offset..unit.offset + unit.length).contains(&site.offset);
        assert!(units.iter().any(inside), "a trap site outside of all code: {site:?}");
    }
    let unwind = file.section_by_name(".eh_frame").unwrap();
    assert_eq!(unwind.relocations().count(), units.len(), "all code can be unwound");
}

fn check_ranges(units: &[CodeRange], text: u64) {
    let mut end = 0;
    for unit in units {
        assert!(unit.offset >= end && unit.offset % 16 == 0 && unit.length > 0, "{unit:?}");
        end = unit.offset + unit.length;
    }
    assert!(u64::from(end) <= text);
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

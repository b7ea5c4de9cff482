//! The rows: which function of this crate is behind which import. One file for each family of functions.

use faasm_vm::ValType;

use super::HostFunction;

/// A Rust result type as a WebAssembly one.
trait ResultType {
    const TYPE: Option<ValType>;
}

impl ResultType for () {
    const TYPE: Option<ValType> = None;
}

impl ResultType for u32 {
    const TYPE: Option<ValType> = Some(ValType::I32);
}

impl ResultType for i64 {
    const TYPE: Option<ValType> = Some(ValType::I64);
}

impl ResultType for i32 {
    const TYPE: Option<ValType> = Some(ValType::I32);
}

/// A parameter's name; one that is not looked at has an underscore in the row.
const fn parameter(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'_', ..] => name.split_at(1).1,
        _ => name,
    }
}

/// Rows: `/// doc`, then `"name" = function(arguments): (parameter: type, …) -> result, touches;`, where the arguments
/// are made of the parameters.
macro_rules! functions {
    ($table:ident, $module:expr, $answer:path, {
        $(
            #[doc = $doc:literal]
            $name:literal = $($function:ident)::+($($arg:expr),*):
                ($($param:ident: $ty:ty),*) -> $result:ty, $touches:ident;
        )*
    }) => {
        pub(in crate::table) const $table: &[HostFunction] = &[$(
            HostFunction {
                module: $module,
                name: $name,
                params: &[$((parameter(stringify!($param)), <$ty as Scalar>::TYPE)),*],
                result: <$result as ResultType>::TYPE,
                touches: Touches::$touches,
                room: ROOM,
                doc: $doc.trim_ascii(),
                register: |linker| {
                    linker.func_wrap_with_room(
                        $module,
                        $name,
                        |caller: faasm_vm::Caller<'_, HostState>, $($param: $ty),*| -> Result<$result, faasm_vm::Trap> {
                            let mut guest = Guest::new(caller, Touches::$touches.phase());
                            $answer($name, $($function)::+(&mut guest, $($arg),*))
                        },
                        ROOM,
                    )?;
                    Ok(())
                },
            },
        )*];
    };
}

mod dynlink;
mod faasm;
mod files;
mod memory;
mod net;
mod objects;
mod state;
mod threads;
mod wasi;

/// All rows, family after family.
pub(super) const TABLES: &[&[HostFunction]] = &[
    wasi::WASI_FUNCTIONS,
    wasi::WASI_ENDS,
    net::NET_FUNCTIONS,
    net::POSIX_FUNCTIONS,
    faasm::FAASM_FUNCTIONS,
    state::STATE_FUNCTIONS,
    dynlink::DYNLINK_FUNCTIONS,
    memory::MEMORY_FUNCTIONS,
    threads::THREAD_FUNCTIONS,
    threads::THREAD_FACTS,
    files::FILE_FUNCTIONS,
    files::DUP,
    objects::OBJECT_FUNCTIONS,
];

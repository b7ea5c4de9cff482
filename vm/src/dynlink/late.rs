//! Functions that are looked for when they are called.

use faasm_abi::types::{FuncType, ValType};

use super::scope::{Definition, library_of};
use super::{DynlinkError, From, Program, lookup};
use crate::caller::Caller;
use crate::func::Func;
use crate::host::HostFunc;
use crate::store::AsStore as _;
use crate::trap::Trap;
use crate::value::Val;

/// A host function of this type that calls what has this name then; `None` for types that only one module knows.
pub(crate) fn late<T: 'static>(ty: &FuncType, name: &str) -> Option<HostFunc> {
    let known = |ty: &ValType| !matches!(ty, ValType::Ref(_));
    if !ty.params.iter().chain(&ty.results).all(known) {
        return None;
    }
    let (wanted, name) = (ty.clone(), name.to_owned());
    let call = move |mut caller: Caller<'_, T>, args: &[Val], results: &mut [Val]| {
        let func = target(&caller, &wanted, &name).map_err(Trap::host)?;
        results.copy_from_slice(&func.call(&mut caller, args)?);
        Ok(())
    };
    Some(HostFunc::array(ty.clone(), Box::new(call)))
}

/// The function that the calling library means.
fn target<T: 'static>(
    caller: &Caller<'_, T>,
    wanted: &FuncType,
    name: &str,
) -> Result<Func, DynlinkError> {
    let core = caller.core_ptr().core();
    let program = Program::of(core)?;
    let own = library_of(&core.contents, caller.instance().index);
    let found = lookup(core, program, From::Everything, name)
        .or_else(|| own.and_then(|library| lookup(core, program, From::Library(library), name)));
    let library = own.and_then(|own| core.contents.libraries.get(own.0 as usize));
    let library = library.map_or_else(|| "a library".to_owned(), |record| record.name.clone());
    let symbol = name.to_owned();
    match found {
        Some(Definition::Func(index)) => {
            let func = Func { store: core.id, index };
            if func.ty(caller) == wanted {
                Ok(func)
            } else {
                Err(DynlinkError::Type { library, symbol })
            }
        }
        _ => Err(DynlinkError::Undefined { library, symbol }),
    }
}

//! Trap codes of WebAssembly as the code generator's.

use cranelift_codegen::ir::TrapCode as IrTrap;
use faasm_abi::trap::TrapCode;

/// The code generator's code for one of ours.
pub(crate) const fn user_trap(code: TrapCode) -> IrTrap {
    IrTrap::unwrap_user(code as u8)
}

/// Our code for one of the code generator's; `None` if it is none that the translation uses.
pub(crate) fn from_ir(code: IrTrap) -> Option<TrapCode> {
    Some(match code {
        IrTrap::STACK_OVERFLOW => TrapCode::StackOverflow,
        IrTrap::HEAP_OUT_OF_BOUNDS => TrapCode::MemoryOutOfBounds,
        IrTrap::INTEGER_OVERFLOW => TrapCode::IntegerOverflow,
        IrTrap::INTEGER_DIVISION_BY_ZERO => TrapCode::IntegerDivideByZero,
        IrTrap::BAD_CONVERSION_TO_INTEGER => TrapCode::InvalidConversion,
        other => return TrapCode::from_u8(other.as_raw().get()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives() {
        for code in (1..=u8::MAX).filter_map(TrapCode::from_u8) {
            assert_eq!(from_ir(user_trap(code)), Some(code));
        }
        for code in IrTrap::non_user_traps() {
            assert!(from_ir(*code).is_some(), "{code}");
        }
        assert_eq!(from_ir(IrTrap::unwrap_user(200)), None);
    }
}

//! Types in the notation of the text format (WebAssembly specification, section 6.4), for people.

use std::fmt;

use crate::types::{
    FuncType, GlobalType, HeapType, Limits, MemoryType, RefType, TableType, ValType,
};

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32 => f.write_str("i32"),
            Self::I64 => f.write_str("i64"),
            Self::F32 => f.write_str("f32"),
            Self::F64 => f.write_str("f64"),
            Self::V128 => f.write_str("v128"),
            Self::Ref(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, heap @ (HeapType::Func | HeapType::Extern)) => write!(f, "{heap}ref"),
            (true, heap) => write!(f, "(ref null {heap})"),
            (false, heap) => write!(f, "(ref {heap})"),
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concrete(index) => index.fmt(f),
            // The others are called as in the text format, but for their capitals.
            named => f.write_str(&format!("{named:?}").to_lowercase()),
        }
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |types: &[ValType]| {
            let names: Vec<_> = types.iter().map(ToString::to_string).collect();
            format!("({})", names.join(", "))
        };
        write!(f, "{} -> {}", list(&self.params), list(&self.results))
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max {
            Some(max) => write!(f, "{}..{max}", self.min),
            None => write!(f, "{}..", self.min),
        }
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.limits)?;
        if self.page_size_log2 != 16 {
            write!(f, " of {} bytes", 1_u64 << self.page_size_log2)?;
        }
        f.write_str(if self.memory64 { ", 64-bit" } else { "" })?;
        f.write_str(if self.shared { ", shared" } else { "" })
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.limits, self.element, if self.table64 { ", 64-bit" } else { "" })
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, mutable } = self;
        if *mutable { write!(f, "mut {value}") } else { value.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_read_as_in_the_text_format() {
        let concrete = RefType { nullable: false, heap: HeapType::Concrete(3) };
        let ty = FuncType {
            params: [ValType::I32, ValType::FUNCREF, ValType::Ref(concrete)].into(),
            results: [].into(),
        };
        assert_eq!(ty.to_string(), "(i32, funcref, (ref 3)) -> ()");
        let limits = Limits { min: 1, max: Some(4) };
        let memory = MemoryType { limits, memory64: true, shared: false, page_size_log2: 0 };
        assert_eq!(memory.to_string(), "1..4 pages of 1 bytes, 64-bit");
        let any = RefType { nullable: true, heap: HeapType::NoExtern };
        let table =
            TableType { element: any, limits: Limits { min: 2, max: None }, table64: false };
        assert_eq!(table.to_string(), "2.. (ref null noextern)");
    }
}

//! The VM's functions that compiled code calls for what is too large to be inline.
//!
//! The context holds the address of a table of function pointers, indexed by [`Builtin`].
//! Every entry but [`Builtin::Raise`] and [`Builtin::Catch`] has the system's C convention
//! `fn(context, u64, …) -> HostReturn` (see [`crate::host::HostReturn`]), with [`Builtin::arity`] words after
//! the context; integers are zero-extended.
//! A non-zero status means that the VM has recorded a trap or an exception. The stub then calls [`Builtin::Raise`] with
//! the address of [`Builtin::Catch`] and its context; it does not return.

macro_rules! builtins {
    ($($(#[$doc:meta])* $name:ident = $index:literal, $arity:literal;)*) => {
        /// A function of the VM, by its index in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Builtin {
            $($(#[$doc])* $name = $index,)*
        }

        impl Builtin {
            /// All of them, in the table's order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// How many words it takes after the context.
            #[must_use]
            pub const fn arity(self) -> usize {
                match self {
                    $(Self::$name => $arity,)*
                }
            }
        }
    };
}

builtins! {
    /// `fn(catch, context)`: abandons the guest's frames up to the landing that `catch` finds from the stub's frame on,
    /// or, if it finds none, up to the innermost entry.
    Raise = 0, 0;
    /// `(memory, delta pages) -> old pages, or u64::MAX`.
    MemoryGrow = 1, 2;
    /// `(memory to, memory from, to, from, bytes)`.
    MemoryCopy = 2, 5;
    /// `(memory, to, byte, bytes)`.
    MemoryFill = 3, 4;
    /// `(memory, segment, to, from, bytes)`.
    MemoryInit = 4, 5;
    /// `(segment)`.
    DataDrop = 5, 1;
    /// `(table, element, delta) -> old length, or u64::MAX`.
    TableGrow = 6, 3;
    /// `(table, to, element, length)`.
    TableFill = 7, 4;
    /// `(table to, table from, to, from, length)`.
    TableCopy = 8, 5;
    /// `(table, segment, to, from, length)`.
    TableInit = 9, 5;
    /// `(segment)`.
    ElemDrop = 10, 1;
    /// `(actual, expected) -> 0 or 1`: whether a type is a subtype of another, by the store's numbers.
    IsSubtype = 11, 2;
    /// `(type, bytes) -> object`: makes room for an object, header included, when there is none at the heap's end, and
    /// writes its header (see [`crate::gc`]).
    GcAllocate = 12, 2;
    /// `(array, from, value's low bits, high bits, length, bytes of an element)`.
    ArrayFill = 13, 6;
    /// `(array to, to, array from, from, length, bytes of an element)`.
    ArrayCopy = 14, 6;
    /// `(type, data segment, from, length) -> array`.
    ArrayNewData = 15, 4;
    /// `(type, element segment, from, length) -> array`.
    ArrayNewElem = 16, 4;
    /// `(type, data segment, array, to, from, length)`.
    ArrayInitData = 17, 6;
    /// `(type, element segment, array, to, from, length)`.
    ArrayInitElem = 18, 6;
    /// `(memory, address, expected, nanoseconds) -> 0 woken, 1 not the expected value, 2 timed out`; a negative time
    /// has no end.
    AtomicWait32 = 19, 4;
    /// As [`Self::AtomicWait32`], for a value of 64 bits.
    AtomicWait64 = 20, 4;
    /// `(memory, address, count) -> how many were woken`.
    AtomicNotify = 21, 3;
    /// `(exception)`: throws it; the status is never zero.
    Throw = 22, 1;
    /// `fn(context, frame pointer) -> landing or null`: looks for the frame, from this one outwards, that catches the
    /// exception which was recorded; null when what was recorded is not an exception or nobody catches it.
    Catch = 23, 0;
}

#[cfg(test)]
mod tests {
    use super::Builtin;

    #[test]
    fn indices_are_positions() {
        for (position, builtin) in Builtin::ALL.iter().enumerate() {
            assert_eq!(*builtin as usize, position);
        }
    }
}

//! The context pointer, the fields behind it, and which memory operations can touch the same bytes.
//!
//! # Invariants
//!
//! * Two regions never share a byte in one activation: imports of one kind share a region, since a module may import
//!   the same thing twice.
//! * A field is loaded as read-only if nothing changes it from instantiation on.

use std::borrow::Cow;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, InstBuilder, MemFlagsData, Type, Value, types,
};

use super::FuncTranslator;

/// Memory that is disjoint from all other regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Fields of contexts that change: lengths, and bases of tables that grow.
    Context,
    /// Elements of tables.
    Tables,
    /// Objects of the garbage-collected heap.
    Objects,
    /// Where the heap's room begins and ends.
    HeapControl,
    /// Memories that other instances share.
    ImportedMemories,
    /// Globals that other instances share.
    ImportedGlobals,
    /// An own memory.
    Memory(u32),
    /// An own global.
    Global(u32),
}

/// From here on memories share a region, so that there are few.
const LAST_MEMORY: u32 = 15;
/// From here on globals share a region: flags of memory operations are counted in 16 bits per function.
const LAST_GLOBAL: u32 = 1023;

impl Region {
    fn data(self) -> AliasRegionData {
        let (user_id, description) = match self {
            Self::Context => (0, Cow::Borrowed("context")),
            Self::Tables => (1, "tables".into()),
            Self::ImportedMemories => (2, "imported memories".into()),
            Self::ImportedGlobals => (3, "imported globals".into()),
            Self::Objects => (4, "objects".into()),
            Self::HeapControl => (5, "heap control".into()),
            Self::Memory(index) => (6 + index.min(LAST_MEMORY), "memory".into()),
            Self::Global(index) => (7 + LAST_MEMORY + index.min(LAST_GLOBAL), "global".into()),
        };
        AliasRegionData { user_id, description }
    }
}

impl FuncTranslator<'_, '_> {
    /// The context pointer, read at most once in each call-free region.
    pub(crate) fn context(&mut self) -> Value {
        if let Some(context) = self.context {
            return context;
        }
        let context = match self.region {
            Some((_, Some(context))) => context,
            Some((before, None)) => {
                let mut cursor = FuncCursor::new(self.builder.func).at_inst(before);
                let context = cursor.ins().get_pinned_reg(types::I64);
                self.region = Some((before, Some(context)));
                context
            }
            None => self.builder.ins().get_pinned_reg(types::I64),
        };
        self.context = Some(context);
        context
    }

    /// Must be called after each call: the context pointer is not kept over it.
    pub(super) fn forget_context(&mut self) {
        self.context = None;
    }

    pub(super) fn region(&mut self, region: Region) -> AliasRegion {
        self.builder.func.dfg.alias_regions.insert(region.data())
    }

    /// Flags of an access that cannot fault to a field that can change.
    pub(super) fn field_flags(&mut self, region: Region) -> MemFlagsData {
        let region = self.region(region);
        MemFlagsData::trusted().with_alias_region(Some(region))
    }

    /// Loads a field of the context that never changes while an instance lives.
    pub(super) fn fixed_field(&mut self, ty: Type, offset: i32) -> Value {
        let context = self.context();
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.builder.ins().load(ty, flags, context, offset)
    }

    /// The address that a field of the context that never changes is the distance to.
    pub(super) fn place_at(&mut self, offset: i32) -> Value {
        let delta = self.fixed_field(types::I64, offset);
        let context = self.context();
        self.builder.ins().iadd(context, delta)
    }
}

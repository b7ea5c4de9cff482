//! The references from which a collection starts.
//!
//! They are in globals, tables, element segments that were evaluated, and frames of compiled code; all of those are
//! 32-bit cells in the slot. The host's own are in a list, and its handles are positions in it.
//!
//! # Protocol
//!
//! 1. A stub that calls the host leaves its frame pointer in the caller's context. A builtin, and a host function that
//!    uses the store in any way that can make objects or enter the guest, tells the store which context that is. So the
//!    innermost guest frames are found from there at any time.
//! 2. Before a host function enters the guest again, the frame pointer is put into [`StoreCore::exits`], and taken out
//!    after: what lies below it is found from there meanwhile.

use faasm_abi::layout::header;
use faasm_abi::types::ValType;

use crate::backtrace::saved_pair;
use crate::store::core::StoreCore;

/// References that the host holds. A position is good until it is given back; its stamp tells it from later ones.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    list: Vec<(u32, u32)>,
    stamp: u32,
}

impl Roots {
    /// Adds a reference; returns its position and stamp.
    pub(crate) fn add(&mut self, reference: u32) -> (u32, u32) {
        self.stamp = self.stamp.wrapping_add(1);
        self.list.push((reference, self.stamp));
        // Each takes memory of the host's: far fewer.
        (u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX), self.stamp)
    }

    /// The reference at a position, if the stamp is still its.
    pub(crate) fn get(&self, position: u32, stamp: u32) -> Option<u32> {
        let (reference, known) = self.list.get(position as usize)?;
        (*known == stamp).then_some(*reference)
    }

    /// Gives the last one back, if it is the one at this position with this stamp.
    pub(crate) fn remove_last(&mut self, position: u32, stamp: u32) {
        let is_last = position as usize + 1 == self.list.len();
        if is_last && self.get(position, stamp).is_some() {
            self.list.pop();
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Gives back all from a position on.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.list.truncate(len);
    }

    pub(super) fn references(&self) -> impl Iterator<Item = u32> + '_ {
        self.list.iter().map(|(reference, _)| *reference)
    }

    pub(super) fn update(&mut self, new: impl Fn(u32) -> u32) {
        for (reference, _) in &mut self.list {
            *reference = new(*reference);
        }
    }
}

/// The offsets in the slot of all references of 32 bits, but the objects' own and the host's.
pub(super) fn cells(core: &StoreCore) -> Vec<usize> {
    let contents = &core.contents;
    let collected =
        |ty: ValType| matches!(ty, ValType::Ref(ty) if contents.types.is_collected(ty.heap));
    let globals = contents.globals.iter().filter(|global| collected(global.ty.value));
    let mut cells: Vec<usize> = globals.map(|global| global.value).collect();
    let tables = contents.tables.iter().filter(|table| collected(ValType::Ref(table.ty.element)));
    for table in tables {
        cells.extend(
            (0..core.table_len(table)).map(|at| crate::store::core::element_offset(table, at)),
        );
    }
    for frame in core.exits.iter().copied().chain(innermost(core)) {
        frame_cells(core, frame, &mut cells);
    }
    cells
}

/// The frame pointer of the stub through which the guest called the host last, if it is in a call.
pub(crate) fn innermost(core: &StoreCore) -> Option<usize> {
    let context = core.host_context.get().checked_sub(core.slot.address())?;
    let at = context - header::EXIT_FRAME.unsigned_abs() as usize;
    usize::try_from(core.get::<u64>(at)).ok()
}

/// Before a host function enters the guest again (protocol, 2): what [`return_to_frames`] takes.
pub(crate) fn leave_frames(core: &mut StoreCore) -> OuterFrames {
    let frame = innermost(core);
    core.exits.extend(frame);
    OuterFrames { context: core.host_context.get(), frame }
}

/// After it has entered the guest again, however that ended.
pub(crate) fn return_to_frames(core: &mut StoreCore, outer: OuterFrames) {
    core.host_context.set(outer.context);
    let Some(frame) = outer.frame else { return };
    core.exits.pop();
    // The guest may have called the host with the same context meanwhile.
    let at = outer.context - core.slot.address() - header::EXIT_FRAME.unsigned_abs() as usize;
    core.put(at, frame as u64);
}

/// Where the frames of a host function's caller are.
pub(crate) struct OuterFrames {
    context: usize,
    frame: Option<usize>,
}

/// Adds the references in the frames from that of a stub outwards, as far as compiled code's go.
fn frame_cells(core: &StoreCore, stub: usize, cells: &mut Vec<usize>) {
    let mut frame = stub;
    while let Some((caller, ret)) = saved_pair(frame, &core.walls.stack) {
        let Some(module) = core.contents.module_at(ret) else { break };
        let below = module.inner.roots_at(ret).map(|distance| caller - distance as usize);
        cells.extend(below.map(|address| address - core.slot.address()));
        frame = caller;
    }
}

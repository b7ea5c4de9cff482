//! The collector: it marks what can be reached and moves it together, in place.
//!
//! # Protocol
//!
//! 1. Mark: from the roots, every object that is reached gets a mark in its header.
//! 2. Plan: walking all objects, each marked one gets its new place, which is never behind the old one.
//! 3. Update: every reference in roots and marked objects becomes the new place.
//! 4. Move: walking all objects again, the marked ones go there, lowest first, and lose their marks.
//!
//! Nothing is written but roots and the pages of the heap that have objects, so a reset has little more to undo than the
//! guest wrote.
//!
//! A collection for a guest looks at its deadline and interrupt every [`PIECE`] references. One that is given up leaves
//! the heap half done, and the store poisoned: no reference of it is good for anything any more.

use std::sync::Arc;

use faasm_abi::gc::{self, MARK, NEXT, OBJECTS};
use faasm_abi::trap::TrapCode;

use super::{ObjectLayout, array_length, base, layout_of, object, roots, type_word};
use crate::store::contents::Contents;
use crate::store::core::StoreCore;

/// A mark before the new place is known; new places are larger.
const REACHED: u32 = 1;
const _: () = assert!(REACHED < OBJECTS);

/// References between two looks at the interrupt.
const PIECE: u32 = 1 << 16;

/// Frees what nothing refers to, however long that takes. All references that are in use must be roots. Does nothing in
/// a poisoned store.
pub(crate) fn collect(core: &mut StoreCore) {
    // A patient collection is not given up.
    let _ = collect_at(core, Pace { steps: 0, patient: true });
}

/// As [`collect`], unless the guest is interrupted: [`TrapCode::Interrupted`], and the store is poisoned.
pub(crate) fn collect_for_guest(core: &mut StoreCore) -> Result<(), TrapCode> {
    collect_at(core, Pace { steps: 0, patient: false })
}

fn collect_at(core: &mut StoreCore, pace: Pace) -> Result<(), TrapCode> {
    let Some(heap) = base(core) else { return Ok(()) };
    if core.poisoned {
        return Err(TrapCode::Interrupted);
    }
    let contents = Arc::clone(&core.contents);
    Collector { core, contents: &contents, heap, pace }.collect()
}

/// How long until the next look at the interrupt.
struct Pace {
    steps: u32,
    /// Whether nothing is looked at.
    patient: bool,
}

impl Pace {
    fn step(&mut self, core: &mut StoreCore) -> Result<(), TrapCode> {
        self.steps += 1;
        if self.steps < PIECE { Ok(()) } else { self.look(core) }
    }

    #[cold]
    fn look(&mut self, core: &mut StoreCore) -> Result<(), TrapCode> {
        self.steps = 0;
        if self.patient || !(faasm_sfi::activation::is_interrupted() || core.is_over()) {
            return Ok(());
        }
        core.poisoned = true;
        Err(TrapCode::Interrupted)
    }
}

struct Collector<'a> {
    core: &'a mut StoreCore,
    contents: &'a Contents,
    /// The heap's first byte in the slot.
    heap: usize,
    pace: Pace,
}

impl Collector<'_> {
    fn collect(mut self) -> Result<(), TrapCode> {
        let roots = roots::cells(self.core);
        self.mark(&roots)?;
        let end = self.plan()?;
        self.update(&roots)?;
        self.move_down()?;
        self.core.put(self.heap + NEXT as usize, end);
        Ok(())
    }

    fn mark(&mut self, roots: &[usize]) -> Result<(), TrapCode> {
        let mut references: Vec<u32> = roots.iter().map(|&cell| self.core.get(cell)).collect();
        references.extend(self.core.roots.borrow().references());
        let mut reached = Vec::new();
        for reference in references {
            reach(self.core, reference, &mut reached);
        }
        while let Some(object) = reached.pop() {
            self.pace.step(self.core)?;
            for_each_reference(self.core, self.contents, object, |core, cell| {
                reach(core, core.get(cell), &mut reached);
                self.pace.step(core)
            })?;
        }
        Ok(())
    }

    /// Gives the marked objects their new places and returns where they end.
    fn plan(&mut self) -> Result<u32, TrapCode> {
        let mut end = OBJECTS;
        self.for_each_marked(|collector, object, size| {
            collector.core.put(object + MARK as usize, end);
            end += size;
            Ok(())
        })?;
        Ok(end)
    }

    fn update(&mut self, roots: &[usize]) -> Result<(), TrapCode> {
        for &cell in roots {
            update(self.core, cell);
        }
        let mut listed = self.core.roots.take();
        listed.update(|reference| moved(self.core, reference));
        self.core.roots.replace(listed);
        self.for_each_marked(|collector, object, _| {
            for_each_reference(collector.core, collector.contents, object, |core, cell| {
                update(core, cell);
                collector.pace.step(core)
            })
        })
    }

    fn move_down(&mut self) -> Result<(), TrapCode> {
        self.for_each_marked(|collector, object, size| {
            let to: u32 = collector.core.get(object + MARK as usize);
            collector.core.put(object + MARK as usize, 0_u32);
            collector.core.copy(object, collector.heap + to as usize, size as usize);
            Ok(())
        })
    }

    /// Walks the marked objects, lowest first: the offset in the slot and the size of each. `body` may overwrite what
    /// lies before an object's end.
    fn for_each_marked(
        &mut self,
        mut body: impl FnMut(&mut Self, usize, u32) -> Result<(), TrapCode>,
    ) -> Result<(), TrapCode> {
        let end: u32 = self.core.get(self.heap + NEXT as usize);
        let mut at = OBJECTS;
        while at < end {
            let object = self.heap + at as usize;
            let size = size_of(self.core, self.contents, object);
            if self.core.get::<u32>(object + MARK as usize) != 0 {
                body(self, object, size)?;
            }
            at += size;
            self.pace.step(self.core)?;
        }
        Ok(())
    }
}

fn size_of(core: &StoreCore, contents: &Contents, object: usize) -> u32 {
    match layout_of(contents, type_word(core, object)) {
        ObjectLayout::Fields { size, .. } => *size,
        ObjectLayout::Elements { storage, .. } => {
            let bytes = gc::array_bytes(storage.bytes(), array_length(core, object));
            // It was allocated, so it is less than the heap.
            u32::try_from(bytes).unwrap_or(u32::MAX)
        }
    }
}

/// Marks the object that a reference refers to and lists it, unless that was done.
fn reach(core: &mut StoreCore, reference: u32, reached: &mut Vec<usize>) {
    let Some(object) = object(core, reference) else { return };
    let mark = object + MARK as usize;
    if core.get::<u32>(mark) == 0 {
        core.put(mark, REACHED);
        reached.push(object);
    }
}

/// The reference to the same object in its new place.
fn moved(core: &StoreCore, reference: u32) -> u32 {
    object(core, reference).map_or(reference, |object| core.get(object + MARK as usize))
}

fn update(core: &mut StoreCore, cell: usize) {
    let new = moved(core, core.get(cell));
    core.put(cell, new);
}

/// Calls `body` with the offset in the slot of each reference in an object.
fn for_each_reference(
    core: &mut StoreCore,
    contents: &Contents,
    object: usize,
    mut body: impl FnMut(&mut StoreCore, usize) -> Result<(), TrapCode>,
) -> Result<(), TrapCode> {
    match layout_of(contents, type_word(core, object)) {
        ObjectLayout::Fields { references, .. } => {
            references.iter().try_for_each(|&offset| body(core, object + offset as usize))
        }
        ObjectLayout::Elements { storage, collected: true } => {
            let first = object + gc::array_elements(storage.bytes()) as usize;
            let length = array_length(core, object) as usize;
            (0..length).try_for_each(|at| body(core, first + at * storage.bytes() as usize))
        }
        ObjectLayout::Elements { .. } => Ok(()),
    }
}

/// Whether an object that can be reached, after a collection, refers to something of the host's.
pub(crate) fn refers_to_host(core: &mut StoreCore) -> bool {
    let Some(heap) = base(core) else { return false };
    let contents = Arc::clone(&core.contents);
    let end: u32 = core.get(heap + NEXT as usize);
    let mut at = OBJECTS;
    while at < end {
        let object = heap + at as usize;
        // The first one that does ends the walk, as an interrupt does.
        let walked = for_each_reference(core, &contents, object, |core, cell| {
            let of_host = core.get::<u32>(cell) & gc::TAG_BITS == gc::EXTERN_TAG;
            if of_host { Err(TrapCode::Interrupted) } else { Ok(()) }
        });
        if walked.is_err() {
            return true;
        }
        at += size_of(core, &contents, object);
    }
    false
}

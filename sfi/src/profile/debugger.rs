//! The interface by which debuggers load symbols of generated code (gdb manual, *JIT Compilation Interface*).
//!
//! # Protocol
//!
//! 1. A debugger sets a breakpoint at `__jit_debug_register_code`, by its name.
//! 2. We link an entry that points to an ELF image into the list of `__jit_debug_descriptor`, say so in its action and
//!    call the function.
//! 3. The debugger, which has stopped the process there, reads the image from our memory.
//!    One that attaches later walks the list.

use std::cell::UnsafeCell;
use std::hint::black_box;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// `jit_code_entry` of the interface.
#[repr(C)]
struct Entry {
    next: *mut Entry,
    prev: *mut Entry,
    image: *const u8,
    len: u64,
}

/// `jit_descriptor` of the interface.
#[repr(C)]
struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

const NO_ACTION: u32 = 0;
const REGISTER: u32 = 1;
const UNREGISTER: u32 = 2;

/// The descriptor, as debuggers see it.
#[repr(transparent)]
struct Exported(UnsafeCell<Descriptor>);

// SAFETY: only who holds `LOCK` touches the descriptor and the entries in its list.
unsafe impl Sync for Exported {}

static LOCK: Mutex<()> = Mutex::new(());

// SAFETY: the name is the interface's; its type and layout are what the interface wants.
#[unsafe(no_mangle)]
static __jit_debug_descriptor: Exported = Exported(UnsafeCell::new(Descriptor {
    version: 1,
    action: NO_ACTION,
    relevant: ptr::null_mut(),
    first: ptr::null_mut(),
}));

/// Where debuggers stop; it must neither be inlined nor left out.
// SAFETY: the name is the interface's, whose function takes and returns nothing.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn __jit_debug_register_code() {
    black_box(&__jit_debug_descriptor);
}

/// An image that debuggers know, until it is dropped.
pub struct Registration {
    entry: NonNull<Entry>,
    image: Box<[u8]>,
}

// SAFETY: the entry is reached only under `LOCK`, from any thread.
unsafe impl Send for Registration {}
// SAFETY: as above; nothing is done with a shared reference.
unsafe impl Sync for Registration {}

impl Registration {
    /// Shows debuggers an ELF image, whose allocated sections have the addresses at which they are mapped.
    #[must_use]
    pub fn new(image: Box<[u8]>) -> Self {
        let guard = lock();
        let descriptor = __jit_debug_descriptor.0.get();
        // SAFETY: `guard` makes the descriptor and its list ours; `first` is null or a valid entry, as entries leave the
        // list before they are freed.
        let entry = unsafe {
            let next = (*descriptor).first;
            let entry = Box::into_raw(Box::new(Entry {
                next,
                prev: ptr::null_mut(),
                image: image.as_ptr(),
                len: image.len() as u64,
            }));
            if !next.is_null() {
                (*next).prev = entry;
            }
            (*descriptor).first = entry;
            NonNull::new_unchecked(entry)
        };
        tell(&guard, REGISTER, entry);
        Self { entry, image }
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &[u8] {
        &self.image
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let guard = lock();
        let descriptor = __jit_debug_descriptor.0.get();
        let entry = self.entry.as_ptr();
        // SAFETY: `guard` makes the list ours; the entry is in it, so its neighbours are null or valid.
        unsafe {
            let (next, prev) = ((*entry).next, (*entry).prev);
            if prev.is_null() {
                (*descriptor).first = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
        }
        tell(&guard, UNREGISTER, self.entry);
        // SAFETY: the entry was made by `Box::into_raw` and is in no list any more.
        drop(unsafe { Box::from_raw(entry) });
    }
}

fn lock() -> MutexGuard<'static, ()> {
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what has happened to an entry.
fn tell(_guard: &MutexGuard<'_, ()>, action: u32, entry: NonNull<Entry>) {
    let descriptor = __jit_debug_descriptor.0.get();
    // SAFETY: the guard makes the descriptor ours; volatile, because it is the debugger that reads it.
    unsafe {
        (&raw mut (*descriptor).relevant).write_volatile(entry.as_ptr());
        (&raw mut (*descriptor).action).write_volatile(action);
    }
    __jit_debug_register_code();
    // SAFETY: as above. The entry may be freed next.
    unsafe {
        (&raw mut (*descriptor).action).write_volatile(NO_ACTION);
        (&raw mut (*descriptor).relevant).write_volatile(ptr::null_mut());
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration").field("bytes", &self.image.len()).finish()
    }
}

/// The images that debuggers are shown, as they would find them.
#[cfg(test)]
pub(super) fn registered() -> Vec<Vec<u8>> {
    let _guard = lock();
    let mut images = Vec::new();
    // SAFETY: the guard makes the list ours; its entries and their images are valid.
    unsafe {
        let mut entry = (*__jit_debug_descriptor.0.get()).first;
        while !entry.is_null() {
            let len = usize::try_from((*entry).len).unwrap();
            images.push(std::slice::from_raw_parts((*entry).image, len).to_vec());
            entry = (*entry).next;
        }
    }
    images
}

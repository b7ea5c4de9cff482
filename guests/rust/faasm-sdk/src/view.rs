//! Looking at memory that others write.
//!
//! A slice would promise the compiler that nobody else writes to it. So a [`View`] reads and writes value by value,
//! each once and as written (volatile), and whole ranges by a copy that the compiler does not look into. Two Faaslets
//! that write the same value at once leave one of both values, or parts of both where a value has more than one byte:
//! use a lock where that matters.

use std::hint::black_box;
use std::marker::PhantomData;
use std::ops::Range;
use std::ptr::NonNull;

use crate::raw;
use crate::state::State;

/// A number: any bytes of its size are one.
///
/// # Safety
///
/// All bit patterns must be valid, and no byte may be padding.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($number:ty),*) => {
        $(
            // SAFETY: a primitive number.
            unsafe impl Plain for $number {}
        )*
    };
}

plain!(u8, i8, u16, i16, u32, i32, u64, i64, u128, i128, usize, isize, f32, f64);

/// An array of numbers in a mapped state value.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    state: &'a State,
    memory: NonNull<T>,
    len: usize,
    shared: PhantomData<*mut T>,
}

impl<'a, T: Plain> View<'a, T> {
    /// The memory must hold so many values and be mapped by `state`.
    pub(crate) fn new(state: &'a State, memory: NonNull<T>, len: usize) -> Self {
        Self { state, memory, len, shared: PhantomData }
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at `index`, as it is now.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, index: usize) -> T {
        let place = self.place(index..index + 1);
        // SAFETY: the place is in the mapped memory, aligned as the view's begin is, and any bytes there are a `T`.
        unsafe { place.read_volatile() }
    }

    /// Writes the value at `index`.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn set(&self, index: usize, value: T) {
        self.set_unnoted(index, value);
        self.state.note(self.place(index..index + 1).cast(), size_of::<T>());
    }

    /// Writes the value at `index`; who does so keeps a note of it.
    pub(crate) fn set_unnoted(&self, index: usize, value: T) {
        let place = self.place(index..index + 1);
        // SAFETY: as in `get`; no reference points there.
        unsafe { place.write_volatile(value) };
    }

    /// Copies values out, from `start` on.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn read(&self, start: usize, into: &mut [T]) {
        let place = self.place(start..start + into.len());
        // SAFETY: both have so many bytes, and the slice is not in state; what comes is a `T` whatever it is.
        unsafe { copy(into.as_mut_ptr().cast(), place.cast().as_ptr(), size_of_val(into)) };
    }

    /// Copies values in, from `start` on.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn write(&self, start: usize, values: &[T]) {
        let place = self.place(start..start + values.len());
        // SAFETY: both have so many bytes, and the slice is not in state.
        unsafe { copy(place.cast().as_ptr(), values.as_ptr().cast(), size_of_val(values)) };
        self.state.note(place.cast(), size_of_val(values));
    }

    /// A copy of all.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        // SAFETY: zeros are a number.
        let mut values = vec![unsafe { std::mem::zeroed() }; self.len];
        self.read(0, &mut values);
        values
    }

    /// All values, each as it is when it is asked for.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let view = *self;
        (0..view.len).map(move |index| view.get(index))
    }

    /// A part of it.
    ///
    /// # Panics
    ///
    /// If it does not lie in it.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        Self { memory: self.place(range.clone()), len: range.len(), ..*self }
    }

    /// Where a range of values lies, having checked that it is there.
    fn place(&self, range: Range<usize>) -> NonNull<T> {
        assert!(
            range.start <= range.end && range.end <= self.len,
            "{range:?} of {} values",
            self.len
        );
        // SAFETY: it stays in the mapped memory, or right behind it.
        unsafe { self.memory.add(range.start) }
    }
}

/// Copies bytes by a call that the compiler cannot look into: one of both sides is written by others.
///
/// # Safety
///
/// Both must be valid for so many bytes, and not overlap.
unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    let memcpy: unsafe extern "C" fn(*mut u8, *const u8, usize) -> *mut u8 = black_box(raw::memcpy);
    // SAFETY: as our caller says.
    unsafe { memcpy(to, from, len) };
}

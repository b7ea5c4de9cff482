//! Vectors: arrays of numbers that are state values.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::Element;
use crate::error::{Error, Result};
use crate::state::{self, State};
use crate::view::View;

/// A vector: what is written through its [`view`](Self::view) is known, and pushed whole or in part.
#[derive(Debug)]
pub struct Vector<T> {
    state: State,
    elements: PhantomData<T>,
}

impl<T: Element> Vector<T> {
    /// Maps a vector that is there.
    ///
    /// # Errors
    ///
    /// There is none, or the key contains NUL.
    pub fn open(key: &str) -> Result<Self> {
        match state::size(key)? / size_of::<T>() {
            0 => Err(Error::new(format_args!("no vector is under {key}"))),
            len => Self::make(key, len),
        }
    }

    /// Maps a vector of so many elements; it is made, of zeros, where it is not there.
    ///
    /// # Errors
    ///
    /// The key contains NUL, or there are no elements. A vector of another length ends the call.
    pub fn make(key: &str, len: usize) -> Result<Self> {
        let bytes = len.checked_mul(size_of::<T>()).unwrap_or(0);
        Ok(Self { state: State::open(key, bytes)?, elements: PhantomData })
    }

    /// Its elements, in memory that all Faaslets of this host share.
    ///
    /// # Panics
    ///
    /// Never: a value is mapped at whole pages, and was mapped with whole elements.
    #[must_use]
    pub fn view(&self) -> View<'_, T> {
        self.state.view().expect("a vector has whole elements")
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().len()
    }

    /// Whether it has none, which is never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends all of it to the global tier, if any of it was written.
    pub fn push(&self) {
        self.state.push();
    }

    /// Sends what was written to the global tier.
    pub fn push_written(&self) {
        self.state.push_written();
    }

    /// Fetches it from the global tier, in place of what was not pushed.
    pub fn pull(&self) {
        self.state.pull();
    }
}

/// A vector that many write at once (HOGWILD): what is written is there for all of this host at once, and
/// [`push`](Self::push) sends the elements that this object wrote, and no others. Two that write one element leave one
/// of both values.
#[derive(Debug)]
pub struct VectorAsync<T> {
    vector: Vector<T>,
    /// A bit for each element that was written and not sent.
    written: RefCell<Vec<u64>>,
}

impl<T: Element> VectorAsync<T> {
    /// As [`Vector::open`].
    ///
    /// # Errors
    ///
    /// As of [`Vector::open`].
    pub fn open(key: &str) -> Result<Self> {
        Vector::open(key).map(Self::new)
    }

    /// As [`Vector::make`].
    ///
    /// # Errors
    ///
    /// As of [`Vector::make`].
    pub fn make(key: &str, len: usize) -> Result<Self> {
        Vector::make(key, len).map(Self::new)
    }

    fn new(vector: Vector<T>) -> Self {
        let written = RefCell::new(vec![0; vector.len().div_ceil(64)]);
        Self { vector, written }
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vector.len()
    }

    /// Whether it has none, which is never so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element as it is now.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[must_use]
    pub fn get(&self, index: usize) -> T {
        self.vector.view().get(index)
    }

    /// Sets an element, and notes that.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn set(&self, index: usize, value: T) {
        self.vector.view().set_unnoted(index, value);
        self.written.borrow_mut()[index / 64] |= 1 << (index % 64);
    }

    /// Sets an element to what `change` makes of it. Others may write in between: it is no atomic operation.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub fn update(&self, index: usize, change: impl FnOnce(T) -> T) {
        self.set(index, change(self.get(index)));
    }

    /// Sends what this object wrote since the last time.
    pub fn push(&self) {
        let mut run = 0..0;
        for (i, word) in self.written.borrow_mut().iter_mut().enumerate() {
            let mut bits = std::mem::take(word);
            while bits != 0 {
                let at = i * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if at != run.end {
                    self.vector.state.mark::<T>(run);
                    run = at..at;
                }
                run.end = at + 1;
            }
        }
        if !run.is_empty() {
            self.vector.state.mark::<T>(run);
            self.vector.state.push_written();
        }
    }

    /// Fetches all of it, in place of what anybody on this host has not pushed.
    pub fn pull(&self) {
        self.vector.pull();
    }
}

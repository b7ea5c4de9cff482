//! Dense matrices: columns one behind the other.

use std::marker::PhantomData;
use std::ops::Range;

use super::{Element, Kind, Shape, map_part};
use crate::error::{Error, Result};
use crate::state::State;
use crate::view::View;

/// A matrix of which columns are read, and fetched as they are.
#[derive(Debug)]
pub struct MatrixReadOnly<T> {
    key: String,
    shape: Shape,
    elements: PhantomData<T>,
}

/// Columns of a matrix, in shared memory.
#[derive(Debug)]
pub struct Columns<T> {
    state: State,
    /// Where they are in what is mapped, in bytes.
    part: Range<usize>,
    rows: usize,
    columns: Range<usize>,
    elements: PhantomData<T>,
}

impl<T: Element> MatrixReadOnly<T> {
    /// A matrix that is there.
    ///
    /// # Errors
    ///
    /// There is none with such elements, or the key contains NUL.
    pub fn open(key: &str) -> Result<Self> {
        let shape = Shape::read::<T>(key, Kind::Dense)?;
        Ok(Self { key: key.to_owned(), shape, elements: PhantomData })
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.rows
    }

    /// How many columns it has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape.columns
    }

    /// Maps some columns, and fetches no more than the pieces that they lie in.
    ///
    /// # Errors
    ///
    /// They are not in the matrix, or there are none.
    pub fn some(&self, columns: Range<usize>) -> Result<Columns<T>> {
        if columns.end > self.shape.columns {
            return Err(Error::new(format_args!("{columns:?} are not in {}", self.key)));
        }
        let rows = self.shape.rows;
        let elements = columns.start * rows..columns.end * rows;
        let (state, part) = map_part::<T>(&self.key, self.shape.nonzeros, elements)?;
        Ok(Columns { state, part, rows, columns, elements: PhantomData })
    }
}

impl<T: Element> Columns<T> {
    /// The column with this number in the matrix.
    ///
    /// # Panics
    ///
    /// If it is none of these.
    #[must_use]
    pub fn column(&self, column: usize) -> View<'_, T> {
        assert!(self.columns.contains(&column), "column {column} of {:?}", self.columns);
        let all = self.state.view().expect("a matrix has whole elements");
        let first = self.part.start / size_of::<T>() + (column - self.columns.start) * self.rows;
        all.slice(first..first + self.rows)
    }

    /// Numbers and columns.
    pub fn iter(&self) -> impl Iterator<Item = (usize, View<'_, T>)> {
        self.columns.clone().map(|column| (column, self.column(column)))
    }
}

/// A matrix that is written in place.
#[derive(Debug)]
pub struct Matrix<T> {
    state: State,
    shape: Shape,
    elements: PhantomData<T>,
}

impl<T: Element> Matrix<T> {
    /// A matrix that is there.
    ///
    /// # Errors
    ///
    /// There is none with such elements, or the key contains NUL.
    pub fn open(key: &str) -> Result<Self> {
        Self::map(key, Shape::read::<T>(key, Kind::Dense)?)
    }

    /// A matrix of this shape; it is made, of zeros, where it is not there.
    ///
    /// # Errors
    ///
    /// It is empty or too large, or the key contains NUL.
    pub fn make(key: &str, rows: usize, columns: usize) -> Result<Self> {
        let shape = Shape { rows, columns, nonzeros: rows.saturating_mul(columns) };
        shape.write::<T>(key, Kind::Dense)?;
        Self::map(key, shape)
    }

    fn map(key: &str, shape: Shape) -> Result<Self> {
        let state = State::open(key, shape.nonzeros * size_of::<T>())?;
        Ok(Self { state, shape, elements: PhantomData })
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape.rows
    }

    /// How many columns it has.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape.columns
    }

    /// A column, to read and to write.
    ///
    /// # Panics
    ///
    /// If there is none of this number.
    #[must_use]
    pub fn column(&self, column: usize) -> View<'_, T> {
        let rows = self.shape.rows;
        self.state
            .view()
            .expect("a matrix has whole elements")
            .slice(column * rows..(column + 1) * rows)
    }

    /// An element as it is now.
    ///
    /// # Panics
    ///
    /// If there is none there.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> T {
        self.column(column).get(row)
    }

    /// Sets an element.
    ///
    /// # Panics
    ///
    /// If there is none there.
    pub fn set(&self, row: usize, column: usize, value: T) {
        self.column(column).set(row, value);
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

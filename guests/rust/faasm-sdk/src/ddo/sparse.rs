//! Sparse matrices in compressed columns.

use std::marker::PhantomData;
use std::ops::Range;

use super::{Element, Kind, Shape, map_part, publish};
use crate::error::{Error, Result};
use crate::state::State;
use crate::view::View;

/// A sparse matrix of which columns are read, and fetched as they are.
#[derive(Debug)]
pub struct SparseMatrixReadOnly<T> {
    key: String,
    shape: Shape,
    elements: PhantomData<T>,
}

/// Columns of a sparse matrix: where they begin, which was checked, and what they hold, in shared memory.
#[derive(Debug)]
pub struct SparseColumns<T> {
    columns: Range<usize>,
    /// For each column, which of the mapped elements are its own.
    parts: Vec<Range<usize>>,
    /// `None` where no column has an element.
    mapped: Option<Mapped>,
    elements: PhantomData<T>,
}

/// Both arrays of elements, and where in each the first column begins, in bytes.
#[derive(Debug)]
struct Mapped {
    rows: (State, usize),
    values: (State, usize),
}

/// A column: rows, ascending, and the values in them.
#[derive(Clone, Copy, Debug)]
pub struct SparseColumn<'a, T> {
    parts: Option<(View<'a, i32>, View<'a, T>)>,
}

impl<T: Element> SparseMatrixReadOnly<T> {
    /// A matrix that is there.
    ///
    /// # Errors
    ///
    /// There is none with such elements, or the key contains NUL.
    pub fn open(key: &str) -> Result<Self> {
        let shape = Shape::read::<T>(key, Kind::Sparse)?;
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

    /// How many elements are stored.
    #[must_use]
    pub fn nonzeros(&self) -> usize {
        self.shape.nonzeros
    }

    /// Maps some columns, and fetches no more than the pieces that they lie in.
    ///
    /// # Errors
    ///
    /// They are not in the matrix, or there are none, or what is stored is no sparse matrix.
    pub fn some(&self, columns: Range<usize>) -> Result<SparseColumns<T>> {
        let Shape { columns: all, nonzeros, .. } = self.shape;
        if columns.is_empty() || columns.end > all {
            return Err(Error::new(format_args!("{columns:?} are not in {}", self.key)));
        }
        let outer = self.numbers("_outer", all + 1, columns.start..columns.end + 1)?;
        let lens = self.numbers("_nonzero", all, columns.clone())?;
        let bad = || Error::new(format_args!("what is under {} is no sparse matrix", self.key));
        let first = outer[0];
        let mut parts = Vec::with_capacity(lens.len());
        for (bounds, len) in outer.windows(2).zip(lens) {
            let room = bounds[1].checked_sub(bounds[0]).ok_or_else(bad)?;
            if bounds[1] > nonzeros || len > room {
                return Err(bad());
            }
            parts.push(bounds[0] - first..bounds[0] - first + len);
        }
        let stored = first..outer[outer.len() - 1];
        let mapped = if stored.is_empty() {
            None
        } else {
            let rows = map_part::<i32>(&format!("{}_inner", self.key), nonzeros, stored.clone())?;
            let values = map_part::<T>(&format!("{}_vals", self.key), nonzeros, stored)?;
            Some(Mapped { rows: (rows.0, rows.1.start), values: (values.0, values.1.start) })
        };
        Ok(SparseColumns { columns, parts, mapped, elements: PhantomData })
    }

    /// A copy of a part of an array of indices.
    fn numbers(&self, ending: &str, len: usize, part: Range<usize>) -> Result<Vec<usize>> {
        let (state, bytes) = map_part::<i32>(&format!("{}{ending}", self.key), len, part)?;
        let part = bytes.start / size_of::<i32>()..bytes.end / size_of::<i32>();
        let copied = state.view::<i32>()?.slice(part).to_vec();
        copied.into_iter().map(|number| usize::try_from(number).map_err(Error::from)).collect()
    }
}

impl<T: Element> SparseColumns<T> {
    /// The column with this number in the matrix.
    ///
    /// # Panics
    ///
    /// If it is none of these.
    #[must_use]
    pub fn column(&self, column: usize) -> SparseColumn<'_, T> {
        assert!(self.columns.contains(&column), "column {column} of {:?}", self.columns);
        let part = &self.parts[column - self.columns.start];
        let parts = self
            .mapped
            .as_ref()
            .map(|mapped| (view(&mapped.rows, part), view(&mapped.values, part)));
        SparseColumn { parts }
    }

    /// Numbers and columns.
    pub fn iter(&self) -> impl Iterator<Item = (usize, SparseColumn<'_, T>)> {
        self.columns.clone().map(|column| (column, self.column(column)))
    }
}

fn view<'a, T: Element>((state, offset): &'a (State, usize), part: &Range<usize>) -> View<'a, T> {
    let first = offset / size_of::<T>();
    let all = state.view().expect("a matrix has whole elements");
    all.slice(first + part.start..first + part.end)
}

impl<T: Element> SparseColumn<'_, T> {
    /// How many elements are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.map_or(0, |(rows, _)| rows.len())
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows and values. A row that was stored as a negative number is one that no matrix has.
    pub fn iter(&self) -> impl Iterator<Item = (usize, T)> {
        let parts = self.parts;
        (0..self.len()).filter_map(move |i| {
            parts.map(|(rows, values)| {
                (usize::try_from(rows.get(i)).unwrap_or(usize::MAX), values.get(i))
            })
        })
    }
}

/// Makes a sparse matrix, column by column.
#[derive(Debug)]
pub struct SparseMatrix<T> {
    rows: usize,
    outer: Vec<i32>,
    inner: Vec<i32>,
    values: Vec<T>,
}

impl<T: Element> SparseMatrix<T> {
    /// One of so many rows, without columns yet.
    #[must_use]
    pub fn new(rows: usize) -> Self {
        Self { rows, outer: vec![0], inner: Vec::new(), values: Vec::new() }
    }

    /// Adds a column: rows, ascending, and values.
    ///
    /// # Errors
    ///
    /// Rows do not ascend, or the matrix has not so many.
    pub fn push_column(&mut self, column: impl IntoIterator<Item = (usize, T)>) -> Result {
        let mut least = 0;
        for (row, value) in column {
            if row < least || row >= self.rows {
                return Err(Error::new(format_args!("row {row} behind {least} of {}", self.rows)));
            }
            least = row + 1;
            self.inner.push(i32::try_from(row)?);
            self.values.push(value);
        }
        self.outer.push(i32::try_from(self.inner.len())?);
        Ok(())
    }

    /// Writes it, and sends it to the global tier. Its shape is last: who sees that, sees the rest.
    ///
    /// # Errors
    ///
    /// It is empty or too large, or the key contains NUL.
    pub fn write(&self, key: &str) -> Result {
        let lens: Vec<i32> = self.outer.windows(2).map(|bounds| bounds[1] - bounds[0]).collect();
        publish(&format!("{key}_nonzero"), &bytes(&lens))?;
        publish(&format!("{key}_outer"), &bytes(&self.outer))?;
        publish(&format!("{key}_inner"), &bytes(&self.inner))?;
        publish(&format!("{key}_vals"), &bytes(&self.values))?;
        let shape = Shape { rows: self.rows, columns: lens.len(), nonzeros: self.values.len() };
        shape.write::<T>(key, Kind::Sparse)
    }
}

/// The bytes of numbers, as they lie in memory, which is little-endian here.
fn bytes<T: Element>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = vec![0; size_of_val(numbers)];
    // SAFETY: both have so many bytes, and a number has no padding.
    unsafe {
        std::ptr::copy_nonoverlapping(numbers.as_ptr().cast(), bytes.as_mut_ptr(), bytes.len())
    };
    bytes
}

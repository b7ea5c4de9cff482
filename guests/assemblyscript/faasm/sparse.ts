// Sparse matrices in compressed columns.

import { SPARSE, Shape, publish } from "./matrix";
import { mapPart } from "./vector";

/** Columns of a sparse matrix, in shared memory; each has the number that it has in the matrix. */
export class SparseColumns<T> {
  constructor(
    public readonly first: i32,
    public readonly length: i32,
    // Where each begins, from the first one on, and how many elements it has: copies, which were checked.
    private readonly begins: StaticArray<i32>,
    private readonly sizes: StaticArray<i32>,
    private readonly rows: usize,
    private readonly values: usize,
  ) {}

  /** How many elements of a column are stored. */
  size(column: i32): i32 {
    return this.sizes[column - this.first];
  }

  /** The row of element `i` of a column. */
  row(column: i32, i: i32): i32 {
    return load<i32>(this.rows + <usize>this.place(column, i) * sizeof<i32>());
  }

  /** The value of element `i` of a column. */
  value(column: i32, i: i32): T {
    return load<T>(this.values + <usize>this.place(column, i) * sizeof<T>());
  }

  private place(column: i32, i: i32): i32 {
    if (<u32>i >= <u32>this.size(column)) throw new RangeError("no such element of the column");
    return this.begins[column - this.first] + i;
  }
}

/** A sparse matrix of which columns are read, and fetched as they are. */
export class SparseMatrixReadOnly<T> {
  private constructor(
    private readonly key: string,
    private readonly shape: Shape,
  ) {}

  static open<T>(key: string): SparseMatrixReadOnly<T> {
    return new SparseMatrixReadOnly<T>(key, Shape.read<T>(key, SPARSE));
  }

  get rows(): i32 {
    return this.shape.rows;
  }

  get columns(): i32 {
    return this.shape.columns;
  }

  get nonzeros(): i32 {
    return this.shape.nonzeros;
  }

  /** Maps the columns from `begin` to `end`, which is not one of them. */
  some(begin: i32, end: i32): SparseColumns<T> {
    const bad = "what is under " + this.key + " is no sparse matrix";
    const all = this.nonzeros;
    const n = end - begin;
    assert(begin >= 0 && n > 0 && end <= this.columns, "columns that are not in " + this.key);
    const outer = mapPart<i32>(this.key + "_outer", this.columns + 1, begin, end + 1);
    const lengths = mapPart<i32>(this.key + "_nonzero", this.columns, begin, end);
    const first = load<i32>(outer);
    const begins = new StaticArray<i32>(n);
    const sizes = new StaticArray<i32>(n);
    let from = first;
    assert(first >= 0, bad);
    for (let i = 0; i < n; i++) {
      const to = load<i32>(outer + <usize>(i + 1) * sizeof<i32>());
      const size = load<i32>(lengths + <usize>i * sizeof<i32>());
      assert(to >= from && to <= all && size >= 0 && size <= to - from, bad);
      begins[i] = from - first;
      sizes[i] = size;
      from = to;
    }
    if (from == first) return new SparseColumns<T>(begin, n, begins, sizes, 0, 0);
    const rows = mapPart<i32>(this.key + "_inner", all, first, from);
    const values = mapPart<T>(this.key + "_vals", all, first, from);
    return new SparseColumns<T>(begin, n, begins, sizes, rows, values);
  }
}

/** Makes a sparse matrix, column by column; `write` writes and pushes it. */
export class SparseMatrixBuilder<T> {
  private readonly outer: Array<i32> = [0];
  private readonly inner: Array<i32> = [];
  private readonly values: Array<T> = [];

  constructor(private readonly rows: i32) {}

  /** An element of the present column; rows must ascend. */
  add(row: i32, value: T): void {
    const before = this.outer[this.outer.length - 1] < this.inner.length ? this.inner[this.inner.length - 1] : -1;
    assert(row > before && row < this.rows, "rows do not ascend, or the matrix has not so many");
    this.inner.push(row);
    this.values.push(value);
  }

  /** The present column is complete. */
  endColumn(): void {
    this.outer.push(this.inner.length);
  }

  write(key: string): void {
    const columns = this.outer.length - 1;
    const sizes = new StaticArray<i32>(columns);
    for (let i = 0; i < columns; i++) sizes[i] = this.outer[i + 1] - this.outer[i];
    publish(key + "_nonzero", changetype<usize>(sizes), <usize>columns * 4);
    publish(key + "_outer", this.outer.dataStart, <usize>this.outer.length * 4);
    publish(key + "_inner", this.inner.dataStart, <usize>this.inner.length * 4);
    publish(key + "_vals", this.values.dataStart, <usize>this.values.length * sizeof<T>());
    // The shape is last: who sees it, sees the rest.
    new Shape(this.rows, columns, this.inner.length).write<T>(key, SPARSE);
  }
}

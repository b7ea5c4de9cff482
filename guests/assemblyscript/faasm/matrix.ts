// Dense matrices: columns one behind the other.

import { zeroEnded } from "./call";
import { pushState, readState, writeState } from "./host";
import { Vector, keyAddress, mapPart } from "./vector";

export const DENSE: u32 = 0;
export const SPARSE: u32 = 1;

// Bytes of a shape: type, kind, rows, columns, stored elements.
const SHAPE = 32;

/** The name of a type of elements, as its four bytes lie in memory. */
function elementName<T>(): u32 {
  assert(sizeof<T>() == 4 || sizeof<T>() == 8, "no type of elements: they are f32, f64, i32, i64");
  const kind: u32 = isFloat<T>() ? 0x66 : 0x69;
  return kind | (sizeof<T>() == 4 ? 0x323300 : 0x343600);
}

/** What is under `KEY_size`. */
export class Shape {
  constructor(
    public readonly rows: i32,
    public readonly columns: i32,
    public readonly nonzeros: i32,
  ) {}

  static read<T>(key: string, kind: u32): Shape {
    const none = "no such matrix is under " + key;
    const name = zeroEnded(key + "_size");
    const bytes = new StaticArray<u8>(SHAPE);
    const at = changetype<usize>(bytes);
    assert(readState(keyAddress(name), 0, 0) == SHAPE && readState(keyAddress(name), at, SHAPE) == SHAPE, none);
    assert(load<u32>(at, 4) == kind, none);
    assert(load<u32>(at) == elementName<T>(), "the matrix under " + key + " has elements of another type");
    const rows = load<u64>(at, 8);
    const columns = load<u64>(at, 16);
    const nonzeros = load<u64>(at, 24);
    const most = <u64>i32.MAX_VALUE;
    assert(rows <= most && columns < most / 4 && nonzeros <= most / sizeof<T>(), none);
    assert(kind == DENSE ? nonzeros == rows * columns : nonzeros <= rows * columns, none);
    return new Shape(<i32>rows, <i32>columns, <i32>nonzeros);
  }

  write<T>(key: string, kind: u32): void {
    const bytes = new StaticArray<u8>(SHAPE);
    const at = changetype<usize>(bytes);
    store<u32>(at, elementName<T>());
    store<u32>(at, kind, 4);
    store<u64>(at, <u64>this.rows, 8);
    store<u64>(at, <u64>this.columns, 16);
    store<u64>(at, <u64>this.nonzeros, 24);
    publish(key + "_size", at, SHAPE);
  }
}

/** Sets a value on this host and in the global tier. */
export function publish(key: string, data: usize, len: usize): void {
  const name = zeroEnded(key);
  writeState(keyAddress(name), data, len);
  pushState(keyAddress(name));
}

/** Columns of a matrix, in shared memory. */
export class Columns<T> {
  constructor(
    /** Where they are, one behind the other. */
    public readonly address: usize,
    public readonly rows: i32,
    public readonly first: i32,
    public readonly length: i32,
  ) {}

  /** An element; the column has the number that it has in the matrix. */
  get(row: i32, column: i32): T {
    const i = column - this.first;
    if (<u32>row >= <u32>this.rows || <u32>i >= <u32>this.length) throw new RangeError("no such element");
    return load<T>(this.address + (<usize>i * <usize>this.rows + <usize>row) * sizeof<T>());
  }
}

/** A matrix of which columns are read, and fetched as they are. */
export class MatrixReadOnly<T> {
  private constructor(
    private readonly key: string,
    private readonly shape: Shape,
  ) {}

  static open<T>(key: string): MatrixReadOnly<T> {
    return new MatrixReadOnly<T>(key, Shape.read<T>(key, DENSE));
  }

  get rows(): i32 {
    return this.shape.rows;
  }

  get columns(): i32 {
    return this.shape.columns;
  }

  /** Maps the columns from `begin` to `end`, which is not one of them. */
  some(begin: i32, end: i32): Columns<T> {
    assert(begin >= 0 && begin < end && end <= this.columns, "columns that are not in " + this.key);
    const address = mapPart<T>(this.key, this.shape.nonzeros, begin * this.rows, end * this.rows);
    return new Columns<T>(address, this.rows, begin, end - begin);
  }
}

/** A matrix that is written in place; `push` and `pushColumns` send it. */
export class Matrix<T> {
  private constructor(
    private readonly shape: Shape,
    /** All elements, column by column. */
    public readonly elements: Vector<T>,
  ) {}

  static open<T>(key: string): Matrix<T> {
    const shape = Shape.read<T>(key, DENSE);
    return new Matrix<T>(shape, Vector.make<T>(key, shape.nonzeros));
  }

  /** One of this shape: zeros, where it is not there. */
  static make<T>(key: string, rows: i32, columns: i32): Matrix<T> {
    assert(rows > 0 && columns > 0 && <u64>rows * <u64>columns <= <u64>i32.MAX_VALUE / sizeof<T>(), "a matrix that cannot be");
    const shape = new Shape(rows, columns, rows * columns);
    shape.write<T>(key, DENSE);
    return new Matrix<T>(shape, Vector.make<T>(key, shape.nonzeros));
  }

  get rows(): i32 {
    return this.shape.rows;
  }

  get columns(): i32 {
    return this.shape.columns;
  }

  get(row: i32, column: i32): T {
    return this.elements[this.place(row, column)];
  }

  set(row: i32, column: i32, value: T): void {
    this.elements[this.place(row, column)] = value;
  }

  push(): void {
    this.elements.push();
  }

  pushColumns(begin: i32, end: i32): void {
    this.elements.pushPart(begin * this.rows, end * this.rows);
  }

  pull(): void {
    this.elements.pull();
  }

  private place(row: i32, column: i32): i32 {
    if (<u32>row >= <u32>this.rows || <u32>column >= <u32>this.columns) throw new RangeError("no such element");
    return column * this.rows + row;
  }
}

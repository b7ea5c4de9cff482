// What a function's module exports beside what its own file does: the host
// allocates the outputs of chained calls by these. A second entry file of `asc`.

export function malloc(size: usize): usize {
  return heap.alloc(size);
}

export function free(address: usize): void {
  heap.free(address);
}

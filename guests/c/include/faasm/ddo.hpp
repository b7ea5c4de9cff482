// Distributed data objects, in C++: state as vectors, matrices, counters and
// collections. The same objects are there in C (faasm/ddo.h), Python, Rust and
// AssemblyScript: docs/data-objects.md.
#ifndef FAASM_DDO_HPP
#define FAASM_DDO_HPP

#include <faasm/ddo/collections.hpp>
#include <faasm/ddo/integers.hpp>
#include <faasm/ddo/matrix.hpp>
#include <faasm/ddo/sparse.hpp>
#include <faasm/ddo/vector.hpp>
#include <faasm/lock.hpp>

#endif

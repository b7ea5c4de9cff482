/* The original's header of this name keeps its engine from shrinking a memory
 * that grows. This one does not shrink any: the header is here for those who
 * include it. */
#ifndef FAASM_MEMORY_H
#define FAASM_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#endif

/* The original's name for the whole. */
#ifndef FAASM_FAASM_H
#define FAASM_FAASM_H

#include <faasm/core.h>

#endif

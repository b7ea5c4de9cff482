/* Where the original declares its migration point. Until functions migrate, the
 * header only brings the host interface. */
#ifndef FAASM_MIGRATE_H
#define FAASM_MIGRATE_H

#include <faasm/host_interface.h>

#endif

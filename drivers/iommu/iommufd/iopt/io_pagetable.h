/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_IO_PAGETABLE_H
#define __IOPT_IO_PAGETABLE_H

#include "types.h"

void iopt_init(struct io_pagetable *iopt, atomic_long_t *ctx_mappings);
void iopt_destroy(struct io_pagetable *iopt);

#endif

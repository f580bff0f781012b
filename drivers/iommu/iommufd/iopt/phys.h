/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_PHYS_H
#define __IOPT_PHYS_H

#include "types.h"

int iopt_find_phys(struct io_pagetable *iopt, unsigned long iova,
		   unsigned long *length, phys_addr_t *phys);

#endif

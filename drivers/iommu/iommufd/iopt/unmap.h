/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_UNMAP_H
#define __IOPT_UNMAP_H

#include "types.h"

int iopt_unmap(struct io_pagetable *iopt, unsigned long start,
	       unsigned long last, unsigned long *unmapped);
int iopt_unmap_reported(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, iopt_range_fn report, void *arg,
			unsigned long *unmapped);
int iopt_unmap_split(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, unsigned long *unmapped);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_WALK_H
#define __IOPT_WALK_H

#include "types.h"

/* Called with an area and the first and last byte, inclusive, wanted of it */
typedef int (*iopt_area_fn)(struct iopt_area *area, unsigned long start,
			    unsigned long last, void *arg);

int iopt_walk_ready(struct io_pagetable *iopt, unsigned long start,
		    unsigned long last, iopt_area_fn fn, void *arg);
int iopt_walk_mappings(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, iopt_range_fn fn, void *arg);
int iopt_walk_domain(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, iopt_range_fn fn, void *arg);
int iopt_collect_files(struct io_pagetable *iopt, struct list_head *files);

#endif

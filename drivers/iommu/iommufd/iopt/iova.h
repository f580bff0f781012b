/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_IOVA_H
#define __IOPT_IOVA_H

#include "types.h"

struct iommu_iova_range;

void iopt_iova_init(struct io_pagetable *iopt);
int iopt_iova_choose(struct io_pagetable *iopt, unsigned long length,
		     unsigned long offset, unsigned long *iova);
int iopt_iova_check(struct io_pagetable *iopt, unsigned long start,
		    unsigned long last);
void iopt_iova_freed(struct io_pagetable *iopt, unsigned long iova);

int iopt_reserve_locked(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, const void *owner);
void iopt_unreserve_locked(struct io_pagetable *iopt, const void *owner);
int iopt_reserve(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, const void *owner);
void iopt_unreserve(struct io_pagetable *iopt, const void *owner);

int iopt_set_allowed(struct io_pagetable *iopt, struct rb_root_cached *allowed);
void iopt_free_allowed(struct rb_root_cached *allowed);
u32 iopt_usable_ranges(struct io_pagetable *iopt,
		       struct iommu_iova_range *ranges, u32 capacity);

#endif

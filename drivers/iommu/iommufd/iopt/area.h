/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_AREA_H
#define __IOPT_AREA_H

#include "types.h"

struct iopt_area *iopt_area_first(struct iopt_pages *pages);
struct iopt_area *iopt_area_alloc(struct iopt_pages *pages);
struct iopt_area *iopt_area_alloc_any(void);
void iopt_area_init(struct iopt_area *area, struct iopt_pages *pages,
		    unsigned long start, unsigned long length, int prot);
void iopt_area_split(struct io_pagetable *iopt, struct iopt_area *area,
		     struct iopt_area *tail, unsigned long iova,
		     struct iopt_area *stays);
int iopt_area_pin(struct io_pagetable *iopt, struct iopt_area *area);
void iopt_area_unpin(struct io_pagetable *iopt, struct iopt_area *area);
int iopt_area_map(struct io_pagetable *iopt, struct iopt_area *area,
		  struct iommu_domain *domain);

/* Lists of areas, in the order of their IOVAs */
int iopt_areas_fill(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_unfill(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_unmap(struct list_head *areas, struct iommu_domain *domain);
void iopt_areas_unpin(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_remove(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_free(struct list_head *areas);

#endif

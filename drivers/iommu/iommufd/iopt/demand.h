/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_DEMAND_H
#define __IOPT_DEMAND_H

#include "types.h"

void iopt_demand_init(struct iopt_demand *demand);
void iopt_demand_destroy(struct iopt_demand *demand);

int iopt_demand_fault(struct io_pagetable *iopt, unsigned long iova, int prot);
int iopt_demand_populate(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, bool pin);
int iopt_demand_unpin(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last);
int iopt_demand_release(struct io_pagetable *iopt, unsigned long start,
			unsigned long last);

/* For what changes areas and domains */
int iopt_demand_fill(struct io_pagetable *iopt, struct iommu_domain *domain);
void iopt_demand_empty(struct io_pagetable *iopt, struct iommu_domain *domain);
void iopt_demand_release_area(struct io_pagetable *iopt,
			      struct iopt_area *area);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_DOMAINS_H
#define __IOPT_DOMAINS_H

#include "types.h"

struct device;
struct iommu_backend_ops;

int iopt_add_domain(struct io_pagetable *iopt, struct iopt_domain *entry,
		    struct iommu_domain *domain);
void iopt_remove_domain(struct io_pagetable *iopt, struct iopt_domain *entry);

int iopt_domain_attach(struct io_pagetable *iopt,
		       const struct iommu_backend_ops *backend,
		       struct iommu_domain *domain, struct iommu_group *group,
		       bool killable);
int iopt_domain_detach(struct io_pagetable *iopt,
		       const struct iommu_backend_ops *backend,
		       struct iommu_domain *domain, struct iommu_group *group,
		       bool killable);
int iopt_domain_replace(struct io_pagetable *old_iopt,
			struct io_pagetable *iopt,
			const struct iommu_backend_ops *backend,
			struct iommu_domain *old, struct iommu_domain *domain,
			struct iommu_group *group);
int iopt_domain_set_pasid(struct io_pagetable *old_iopt,
			  struct io_pagetable *iopt,
			  const struct iommu_backend_ops *backend,
			  struct iommu_domain *old, struct iommu_domain *domain,
			  struct device *dev, u32 pasid);
void iopt_domain_clear_pasid(struct io_pagetable *iopt,
			     const struct iommu_backend_ops *backend,
			     struct iommu_domain *domain, struct device *dev,
			     u32 pasid);

int iopt_set_huge_pages(struct io_pagetable *iopt, bool enable);
int iopt_set_on_demand(struct io_pagetable *iopt, bool enable);
int iopt_page_sizes(struct io_pagetable *iopt, u64 *sizes);
int iopt_want_pages(struct io_pagetable *iopt);
void iopt_unwant_pages(struct io_pagetable *iopt);

#endif

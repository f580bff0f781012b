/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HW_PAGETABLE_H
#define __IOMMUFD_HW_PAGETABLE_H

#include <linux/iommu.h>
#include <linux/list.h>

#include "io_pagetable.h"
#include "object.h"

struct device;
struct iommu_provider_ops;
struct iommufd_ioas;

/**
 * struct iommufd_hwpt - A page table that the hardware walks (HWPT)
 * @obj: The object.  Each group attached is one of its users; made for an
 *	attach, it goes with the last of them.
 * @ioas: What it maps; this is one of the IOAS's users.
 * @ioas_item: In iommufd_ioas::hwpts.
 * @provider: Where @domain is from; this holds a reference.
 * @domain: The kernel's side of it.
 * @iopt_domain: What makes it hold what the IOAS maps.
 * @coherent: DMA is coherent even if the device asks for it not to be.  Never
 *	changes.
 */
struct iommufd_hwpt {
	struct iommufd_object obj;
	struct iommufd_ioas *ioas;
	struct list_head ioas_item;
	const struct iommu_provider_ops *provider;
	struct iommu_domain *domain;
	struct iopt_domain iopt_domain;
	bool coherent;
};

struct iommufd_hwpt *
iommufd_hwpt_alloc_attached(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			    const struct iommu_provider_ops *provider,
			    struct device *dev, struct iommu_group *group);
void iommufd_hwpt_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj);

#endif

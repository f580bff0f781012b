/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HW_PAGETABLE_H
#define __IOMMUFD_HW_PAGETABLE_H

#include <linux/iommu.h>
#include <linux/list.h>

#include "io_pagetable.h"
#include "object.h"

struct device;
struct iommufd_ioas;

/**
 * struct iommufd_hwpt - A page table that the hardware walks (HWPT)
 * @obj: The object.  Each group attached is one of its users; made for an
 *	attach, it goes with the last of them.
 * @ioas: What it maps; this is one of the IOAS's users.
 * @ioas_item: In iommufd_ioas::hwpts.
 * @domain: The kernel's side of it.
 * @iopt_domain: What makes it hold what the IOAS maps.
 */
struct iommufd_hwpt {
	struct iommufd_object obj;
	struct iommufd_ioas *ioas;
	struct list_head ioas_item;
	struct iommu_domain *domain;
	struct iopt_domain iopt_domain;
};

struct iommufd_hwpt *iommufd_hwpt_alloc_attached(struct iommufd_ctx *ictx,
						 struct iommufd_ioas *ioas,
						 struct device *dev,
						 struct iommu_group *group);
void iommufd_hwpt_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IOMMUFD_UNDO_BASELINE_H
#define IOMMUFD_UNDO_BASELINE_H

#include <linux/compiler_types.h>

struct undo_baseline;
struct iommu_domain;

int undo_baseline_init(void);
void undo_baseline_destroy(struct iommu_domain *domain);
int undo_baseline_map(struct iommu_domain *domain,
		      struct undo_baseline __user *argp);
int undo_baseline_unmap(struct iommu_domain *domain,
			struct undo_baseline __user *argp);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef IOMMUFD_FLOOR_RECORD_H
#define IOMMUFD_FLOOR_RECORD_H

#include <linux/compiler_types.h>

struct floor_record;
struct iommu_domain;

int record_init(void);
void record_destroy(struct iommu_domain *domain);
int record_map(struct iommu_domain *domain, struct floor_record __user *argp);
int record_unmap(struct iommu_domain *domain, struct floor_record __user *argp);

#endif

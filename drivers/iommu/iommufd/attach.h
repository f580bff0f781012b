/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_ATTACH_H
#define __IOMMUFD_ATTACH_H

struct iommu_group;
struct iommufd_device;
struct iommufd_hwpt;

int iommufd_hwpt_check_suits(struct iommufd_hwpt *hwpt,
			     struct iommufd_device *idev,
			     struct iommu_group *group);

#endif

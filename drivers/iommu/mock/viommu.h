/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_VIOMMU_H
#define __IOMMUFD_MOCK_VIOMMU_H

#include <linux/mutex.h>

#include "../iommufd/backend/viommu.h"
#include "iommufd_test.h"

struct iommu_backend_data;
struct iommu_domain;
struct mock_domain;

/**
 * struct mock_viommu - A virtual IOMMU of the mock IOMMU
 * @viommu: What iommufd.ko knows of it.
 * @parent: The page table that what it nests is nested in.
 * @selftest: What user space was told of it, and @regs; zeros if it gave no
 *	data.
 * @regs: What user space may map, or NULL if it gave no data.
 * @queues_lock: Guards @queues.
 * @queues: Its queues.  None is there without the ones before it.
 */
struct mock_viommu {
	struct iommu_backend_viommu viommu;
	struct mock_domain *parent;
	struct iommu_viommu_selftest selftest;
	struct mock_viommu_regs *regs;
	struct mutex queues_lock;	/* of the following */
	struct iommu_backend_hw_queue *queues[IOMMU_TEST_HW_QUEUE_MAX];
};

const void *mock_instance(struct device *dev);
bool mock_has_viommu(struct device *dev, u32 type);
struct iommu_backend_viommu *
mock_viommu_alloc(struct device *dev, u32 type, struct iommu_domain *parent,
		  const struct iommu_backend_data *data);

#endif

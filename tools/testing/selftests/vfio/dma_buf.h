/* SPDX-License-Identifier: GPL-2.0-only */
/* dma-bufs of BARs, and importers of them, which the mock stands for */
#ifndef SELFTESTS_VFIO_DMA_BUF_H
#define SELFTESTS_VFIO_DMA_BUF_H

#include <stddef.h>

#include "bar.h"
#include "export.h"
#include "../../../../drivers/iommu/mock/iommufd_test.h"

/* Two devices, and a dma-buf of the target's BAR: its descriptor, or -errno */
static inline int pair_open_buf(struct pair *pair)
{
	return pair_open(pair) ?: export(pair->target, CMB, 0, LENGTH);
}

/* Another driver imports it, for a device that has no driver: PAIR_0 */

static inline int mock_import(int fd, int buf, __u32 flags, __u32 delay_ms)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_IMPORT,
		.id = buf,
		.import.bdf = 6 << 3,
		.import.flags = flags,
		.import.delay_ms = delay_ms,
	};

	return ioctl(fd, IOMMU_TEST_CMD, &cmd) ? -errno : (int)cmd.import.out_fd;
}

static inline int import_use(int fd, int import, __u32 how,
			     struct iommu_test_cmd *cmd)
{
	*cmd = (struct iommu_test_cmd){
		.size = sizeof(*cmd),
		.op = IOMMU_TEST_OP_IMPORT_USE,
		.id = import,
		.import_use.how = how,
	};

	return ioctl(fd, IOMMU_TEST_CMD, cmd) ? -errno : 0;
}

#endif

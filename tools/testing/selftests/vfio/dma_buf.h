/* SPDX-License-Identifier: GPL-2.0-only */
/* dma-bufs of BARs, and importers of them, which the mock stands for */
#ifndef SELFTESTS_VFIO_DMA_BUF_H
#define SELFTESTS_VFIO_DMA_BUF_H

#include <stddef.h>

#include "bar.h"
#include "../../../../drivers/iommu/mock/iommufd_test.h"

#define MAX_RANGES	4

/* The argument of the feature */
struct request {
	struct vfio_device_feature feature;
	struct vfio_device_feature_dma_buf buf;
	struct vfio_region_dma_range ranges[MAX_RANGES];
};

static inline int get_feature(int dev, struct request *request, __u32 flags)
{
	request->feature.flags = flags | VFIO_DEVICE_FEATURE_DMA_BUF;
	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, request));
}

static inline struct request request_of(__u32 bar, __u64 offset, __u64 length)
{
	struct request request = {
		.feature.argsz = sizeof(request),
		.buf = {
			.region_index = bar,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.ranges = { { .offset = offset, .length = length } },
	};

	return request;
}

/* Returns a file descriptor or -errno. */
static inline int export(int dev, __u32 bar, __u64 offset, __u64 length)
{
	struct request request = request_of(bar, offset, length);

	return get_feature(dev, &request, VFIO_DEVICE_FEATURE_GET);
}

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

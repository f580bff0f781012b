/* SPDX-License-Identifier: GPL-2.0-only */
/* VFIO_DEVICE_FEATURE_DMA_BUF: dma-bufs of BARs */
#ifndef SELFTESTS_VFIO_EXPORT_H
#define SELFTESTS_VFIO_EXPORT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio_cdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define MAX_RANGES	4

/* The argument of the feature */
struct request {
	struct vfio_device_feature feature;
	struct vfio_device_feature_dma_buf buf;
	struct vfio_region_dma_range ranges[MAX_RANGES];
};

static inline int get_feature(int dev, struct request *request, __u32 flags)
{
	int rc;

	request->feature.flags = flags | VFIO_DEVICE_FEATURE_DMA_BUF;
	rc = ioctl(dev, VFIO_DEVICE_FEATURE, request);
	return rc < 0 ? -errno : rc;
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

/* The physical address, or the I/O port, at which a BAR begins, or -errno */
static inline long long bar_start(const char *bdf, unsigned int bar)
{
	char path[64], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", bdf);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	do {
		if (!fgets(line, sizeof(line), f))
			break;
	} while (bar--);
	fclose(f);
	return strtoll(line, NULL, 0);
}

#endif

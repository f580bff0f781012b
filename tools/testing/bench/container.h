/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A container of VFIO, for one device.  Functions exit on failure.
 */
#ifndef BENCH_CONTAINER_H
#define BENCH_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/**
 * struct container - A container of type VFIO_TYPE1v2_IOMMU
 * @fd: Its file.
 * @group: The group's file.
 * @dev: The device's file.
 * @backend: It is served by our backend, which is loaded as long; else by type1,
 *	which has to be loaded.
 */
struct container {
	int fd;
	int group;
	int dev;
	bool backend;
};

/* bdf is alone in its group */
void container_open(struct container *container, const char *bdf, bool backend);
void container_map(struct container *container, void *va, size_t length,
		   __u64 iova);
void container_unmap(struct container *container, __u64 iova, size_t length);
void container_close(struct container *container);

#endif

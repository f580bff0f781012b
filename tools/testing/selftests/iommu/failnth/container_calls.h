/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls of VFIO containers about the memory of a subject: on /dev/iommu, and on a
 * container of the VFIO core.
 */
#ifndef IOMMU_FAILNTH_CONTAINER_CALLS_H
#define IOMMU_FAILNTH_CONTAINER_CALLS_H

#include <linux/vfio.h>

#include "failnth.h"

#define CONTAINER_RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static inline int container_info(int fd)
{
	union {
		struct vfio_iommu_type1_info info;
		char caps[1024];
	} arg = { .info.argsz = sizeof(arg) };

	return call(fd, VFIO_IOMMU_GET_INFO, &arg);
}

static inline int container_map(struct subject *self, int fd, __u32 flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.vaddr = addr(self->memory),
		.iova = self->at,
		.size = self->length,
	};

	return call(fd, VFIO_IOMMU_MAP_DMA, &arg);
}

/* flags may ask for a bitmap: self->bitmap */
static inline int container_unmap_range(struct subject *self, int fd,
					__u32 flags, __u64 iova, __u64 size)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = {
		.unmap = {
			.argsz = sizeof(arg),
			.flags = flags,
			.iova = iova,
			.size = size,
		},
		.bitmap = {
			.pgsize = PAGE,
			.size = sizeof(self->bitmap),
			.data = self->bitmap,
		},
	};
	int rc = call(fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	return rc ?: arg.unmap.size == size ? 0 : -EIO;
}

static inline int container_unmap(struct subject *self, int fd, __u32 flags)
{
	return container_unmap_range(self, fd, flags, self->at, self->length);
}

static inline int container_dirty(struct subject *self, int fd, __u32 flags)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty = { .argsz = sizeof(arg), .flags = flags },
		.get = {
			.iova = self->at,
			.size = self->length,
			.bitmap = {
				.pgsize = PAGE,
				.size = sizeof(self->bitmap),
				.data = self->bitmap,
			},
		},
	};

	return call(fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VFIO's container calls that change user addresses: each returns 0 or -errno,
 * but for those that return a number of bytes.
 */
#ifndef IOMMU_VADDR_H
#define IOMMU_VADDR_H

#include "mock.h"

#define FORGET		VFIO_DMA_UNMAP_FLAG_VADDR
#define FORGET_ALL	(VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL)

/* The IOAS that container calls act on */
static inline int set_ioas(int fd, __u32 id)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = id,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	return call(fd, IOMMU_VFIO_IOAS, &arg);
}

static inline int dma_map(int fd, __u32 flags, const void *va, __u64 iova,
			  __u64 size)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.vaddr = addr(va),
		.iova = iova,
		.size = size,
	};

	return call(fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static inline int map(int fd, const void *va, __u64 iova, __u64 size)
{
	return dma_map(fd, VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE, va,
		       iova, size);
}

/* Give a mapping a new address. */
static inline int update(int fd, const void *va, __u64 iova, __u64 size)
{
	return dma_map(fd, VFIO_DMA_MAP_FLAG_VADDR, va, iova, size);
}

/* Returns bytes or -errno. */
static inline long long dma_unmap(int fd, __u32 flags, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int rc = call(fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	return rc ? rc : (long long)arg.size;
}

/* Make addresses invalid: returns bytes or -errno. */
static inline long long forget(int fd, __u64 iova, __u64 size)
{
	return dma_unmap(fd, FORGET, iova, size);
}

static inline long long forget_all(int fd)
{
	return dma_unmap(fd, FORGET_ALL, 0, 0);
}

static inline int may_update(int fd)
{
	return ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* The calls on a container of the VFIO core, and which of the two backends serves it */
#ifndef SELFTESTS_VFIO_CONTAINER_H
#define SELFTESTS_VFIO_CONTAINER_H

#include <sys/resource.h>

#include "group.h"

#define RW		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static inline int dma_map(int fd, const void *va, __u64 iova, size_t size,
			  int flags)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.vaddr = (__u64)(uintptr_t)va,
		.iova = iova,
		.size = size,
	};

	return ERR(ioctl(fd, VFIO_IOMMU_MAP_DMA, &arg));
}

/* Returns the number of bytes of the mappings, or -errno */
static inline long dma_unmap_flags(int fd, int flags, __u64 iova, size_t size)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	long rc = ERR(ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &arg));

	return rc ? rc : (long)arg.size;
}

/* The same, without flags; a size of 0 is everything */
static inline long dma_unmap(int fd, __u64 iova, size_t size)
{
	return dma_unmap_flags(fd, size ? 0 : VFIO_DMA_UNMAP_FLAG_ALL, iova,
			       size);
}

static inline int set_memlock(size_t pages)
{
	const struct rlimit limit = { pages * PAGE, RLIM_INFINITY };

	return ERR(setrlimit(RLIMIT_MEMLOCK, &limit));
}

/* The other backend is not there: what ours lacks cannot come from it */
static inline int load_one_backend(bool ours)
{
	if (!ours)
		return module_unload(BACKEND_MODULE) ?:
		       module_load(TYPE1_MODULE);
	/* modprobe loads type1 with the VFIO core */
	return module_load(BACKEND_MODULE) ?: module_unload(TYPE1_MODULE);
}

#endif

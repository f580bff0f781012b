// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container of VFIO, served by type1 or by our backend
 */
#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include "common.h"
#include "container.h"
#include "module.h"

/* Path of the device's group */
static void find_group(const char *bdf, char path[PATH_MAX])
{
	char link[PATH_MAX], group[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/bus/pci/devices/%s/iommu_group",
		 bdf);
	if (!realpath(link, group))
		err(1, "%s", link);
	snprintf(path, PATH_MAX, "/dev/vfio%.100s", strrchr(group, '/'));
}

/* The VFIO core asks the backend that was loaded last first. */
void container_open(struct container *container, const char *bdf, bool backend)
{
	char path[PATH_MAX];

	container->backend = backend;
	if (backend)
		check(module_load(BACKEND_MODULE), "vfio_iommu_iommufd");
	find_group(bdf, path);
	container->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container->fd < 0)
		err(1, "/dev/vfio/vfio");
	container->group = open(path, O_RDWR | O_CLOEXEC);
	if (container->group < 0)
		err(1, "%s", path);
	if (ioctl(container->group, VFIO_GROUP_SET_CONTAINER, &container->fd))
		err(1, "VFIO_GROUP_SET_CONTAINER");
	if (ioctl(container->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		err(1, "VFIO_SET_IOMMU");
	container->dev = ioctl(container->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	if (container->dev < 0)
		err(1, "VFIO_GROUP_GET_DEVICE_FD");
	if (backend && module_users("vfio_iommu_iommufd") != 1)
		errx(1, "vfio_iommu_iommufd does not serve the container");
}

void container_map(struct container *container, void *va, size_t length,
		   __u64 iova)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (__u64)va,
		.iova = iova,
		.size = length,
	};

	if (ioctl(container->fd, VFIO_IOMMU_MAP_DMA, &map))
		err(1, "VFIO_IOMMU_MAP_DMA");
}

void container_unmap(struct container *container, __u64 iova, size_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	if (ioctl(container->fd, VFIO_IOMMU_UNMAP_DMA, &unmap))
		err(1, "VFIO_IOMMU_UNMAP_DMA");
	if (unmap.size != length)
		errx(1, "VFIO_IOMMU_UNMAP_DMA: %llu bytes, expected %zu",
		     unmap.size, length);
}

void container_close(struct container *container)
{
	close(container->dev);
	close(container->group);
	close(container->fd);
	if (container->backend)
		check(module_unload(BACKEND_MODULE), "vfio_iommu_iommufd");
}

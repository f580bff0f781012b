// SPDX-License-Identifier: GPL-2.0-only
/* Calls on /dev/iommu */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "iommu.h"

/* Every call passes one struct, whose first member is its size */
static int call(int iommufd, unsigned long cmd, void *arg)
{
	return ioctl(iommufd, cmd, arg) ? -errno : 0;
}

int iommu_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommu_destroy_id(int iommufd, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return call(iommufd, IOMMU_DESTROY, &cmd);
}

int ioas_alloc(int iommufd, __u32 *ioas)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = call(iommufd, IOMMU_IOAS_ALLOC, &cmd);

	if (!rc)
		*ioas = cmd.out_ioas_id;
	return rc;
}

int ioas_map(int iommufd, __u32 ioas, void *va, __u64 length, __u64 iova,
	     __u32 prot)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | prot,
		.ioas_id = ioas,
		.user_va = (__u64)va,
		.length = length,
		.iova = iova,
	};

	return call(iommufd, IOMMU_IOAS_MAP, &cmd);
}

int ioas_map_anywhere(int iommufd, __u32 ioas, void *va, __u64 length,
		      __u32 prot, __u64 *iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = prot,
		.ioas_id = ioas,
		.user_va = (__u64)va,
		.length = length,
	};
	int rc = call(iommufd, IOMMU_IOAS_MAP, &cmd);

	if (!rc)
		*iova = cmd.iova;
	return rc;
}

int ioas_unmap(int iommufd, __u32 ioas, __u64 iova, __u64 length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = length,
	};

	return call(iommufd, IOMMU_IOAS_UNMAP, &cmd);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* A parked device file refuses all calls but BIND, with EINVAL */
#ifndef SELFTESTS_VFIO_PARKED_H
#define SELFTESTS_VFIO_PARKED_H

#include "test.h"

/* The first ioctl that is not refused, or -1 */
static inline long parked_ioctl_taken(int dev)
{
	static const unsigned int cmds[] = {
		VFIO_DEVICE_GET_INFO,
		VFIO_DEVICE_GET_REGION_INFO,
		VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS,
		VFIO_DEVICE_RESET,
		VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
		VFIO_DEVICE_PCI_HOT_RESET,
		VFIO_DEVICE_QUERY_GFX_PLANE,
		VFIO_DEVICE_GET_GFX_DMABUF,
		VFIO_DEVICE_IOEVENTFD,
		VFIO_DEVICE_FEATURE,
		VFIO_DEVICE_ATTACH_IOMMUFD_PT,
		VFIO_DEVICE_DETACH_IOMMUFD_PT,
		VFIO_GET_API_VERSION,
		VFIO_GROUP_GET_STATUS,
		0,
		0x3bff,
	};
	__u32 arg[1024];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cmds); i++) {
		memset(arg, 0, sizeof(arg));
		arg[0] = 64;	/* argsz */
		if (ERR(ioctl(dev, cmds[i], arg)) != -EINVAL)
			return cmds[i];
	}
	return -1;
}

/* The first offset at which the file can be read or written, or -1 */
static inline long parked_offset_taken(int dev)
{
	/* Where vfio-pci has BAR 0 and the configuration space */
	static const off_t offsets[] = { 0, 7ULL << 40 };
	char byte = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		if (ERR(pread(dev, &byte, 1, offsets[i])) != -EINVAL ||
		    ERR(pwrite(dev, &byte, 1, offsets[i])) != -EINVAL)
			return offsets[i];
	return ERR(read(dev, &byte, 1)) != -EINVAL ||
	       ERR(write(dev, &byte, 1)) != -EINVAL ? 0 : -1;
}

static inline bool parked_mmap_refused(int dev)
{
	const int rw = PROT_READ | PROT_WRITE;

	return ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, 0)) == -EINVAL &&
	       ERR(mmap(NULL, PAGE, rw, MAP_SHARED, dev, 0)) == -EINVAL &&
	       ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, dev, 0)) == -EINVAL;
}

#endif

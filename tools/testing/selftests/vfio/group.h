/* SPDX-License-Identifier: GPL-2.0-only */
/* A user of the group interface: the files it takes to have a device open */
#ifndef SELFTESTS_VFIO_GROUP_H
#define SELFTESTS_VFIO_GROUP_H

#include "../../emulated/emulated.h"
#include "test.h"

#define EMULATED_MODULE	"iommufd_emulated", "/sys/module/iommufd_emulated"
/* Its device is a child of a PCI device, as mediated devices are */
#define EMULATED_MODULE_OF(bdf)	\
	"iommufd_emulated parent=" bdf, "/sys/module/iommufd_emulated"

struct group_user {
	int container;
	int group;
	int dev;
};

static inline int group_open(const char *bdf)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", pci_group(bdf));
	return ERR(open(path, O_RDWR | O_CLOEXEC));
}

/* The group of the emulated device, or -errno */
static inline int emulated_group_open(void)
{
	char target[PATH_MAX], path[PATH_MAX + 16];

	if (!realpath("/sys/bus/platform/devices/" EMULATED_NAME "/iommu_group",
		      target))
		return -errno;
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(target, '/'));
	return ERR(open(path, O_RDWR | O_CLOEXEC));
}

static inline int add_group(int group, int container)
{
	return ERR(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container));
}

/* Has the DMA of the device's group no owner? */
static inline bool group_is_viable(const char *bdf)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int group = group_open(bdf);
	int rc = ioctl(group, VFIO_GROUP_GET_STATUS, &status);

	close(group);
	return !rc && (status.flags & VFIO_GROUP_FLAGS_VIABLE);
}

/* Open the container and the group; group_user_get_device() follows. */
static inline int group_user_start(struct group_user *user, const char *bdf)
{
	user->dev = -1;
	user->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (user->container < 0)
		return -errno;
	user->group = group_open(bdf);
	if (user->group < 0)
		return user->group;
	if (ioctl(user->group, VFIO_GROUP_SET_CONTAINER, &user->container) ||
	    ioctl(user->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return -errno;
	return 0;
}

static inline int group_user_get_device(struct group_user *user,
					const char *name)
{
	user->dev = ioctl(user->group, VFIO_GROUP_GET_DEVICE_FD, name);
	return user->dev < 0 ? -errno : 0;
}

static inline void group_user_end(struct group_user *user)
{
	close(user->dev);
	close(user->group);
	close(user->container);
}

#endif

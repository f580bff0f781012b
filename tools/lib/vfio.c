// SPDX-License-Identifier: GPL-2.0-only
/* A PCI device through its character device /dev/vfio/devices/vfioN */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "vfio.h"

#define NOIOMMU	"noiommu-"	/* begins the names of devices without one */

/* The name of the one directory below the device's vfio-dev/ */
static int find_name(const char *bdf, char name[NAME_MAX + 1])
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -ENODEV;
	name[0] = 0;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4) ||
		    !strncmp(entry->d_name, NOIOMMU, strlen(NOIOMMU)))
			strcpy(name, entry->d_name);
	closedir(dir);
	return name[0] ? 0 : -ENODEV;
}

int vfio_find(const char *bdf, char path[PATH_MAX], dev_t *dev)
{
	char name[NAME_MAX + 1];
	unsigned int maj, min;
	FILE *file;
	int rc;

	rc = find_name(bdf, name);
	if (rc)
		return rc;
	snprintf(path, PATH_MAX, "/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
		 bdf, name);
	file = fopen(path, "re");
	if (!file)
		return -ENODEV;
	if (fscanf(file, "%u:%u", &maj, &min) != 2)
		rc = -ENODEV;
	fclose(file);
	*dev = makedev(maj, min);
	snprintf(path, PATH_MAX, "/dev/vfio/devices/%s", name);
	return rc;
}

int vfio_open(const char *bdf)
{
	char path[PATH_MAX];
	struct stat st;
	dev_t dev;
	int fd, rc;

	rc = vfio_find(bdf, path, &dev);
	if (rc)
		return rc;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISCHR(st.st_mode) || st.st_rdev != dev) {
		close(fd);
		return -ENXIO;
	}
	return fd;
}

int vfio_is_noiommu(int dev)
{
	char path[64], link[PATH_MAX];
	struct stat st;
	ssize_t length;
	char *name;

	if (fstat(dev, &st))
		return -errno;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u", major(st.st_rdev),
		 minor(st.st_rdev));
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return -errno;
	link[length] = 0;
	name = strrchr(link, '/');
	return name && !strncmp(name + 1, NOIOMMU, strlen(NOIOMMU));
}

int vfio_bind(int dev, int iommufd, __u32 *devid)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = iommufd,
	};
	int rc = ioctl(dev, VFIO_DEVICE_BIND_IOMMUFD, &bind) ? -errno : 0;

	if (devid)
		*devid = bind.out_devid;
	return rc;
}

int vfio_attach(int dev, __u32 pt, __u32 *hwpt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = pt,
	};
	int rc = ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ?
		 -errno : 0;

	if (hwpt)
		*hwpt = attach.pt_id;
	return rc;
}

int vfio_detach(int dev)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
	};

	return ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach) ? -errno : 0;
}

int vfio_region(int dev, __u32 index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	return ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, info) ? -errno : 0;
}

int vfio_map_bar(int dev, __u32 index, void **bar, size_t *length)
{
	struct vfio_region_info info;
	void *map;
	int rc;

	rc = vfio_region(dev, index, &info);
	if (rc)
		return rc;
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, dev,
		   info.offset);
	if (map == MAP_FAILED)
		return -errno;
	*bar = map;
	*length = info.size;
	return 0;
}

int vfio_set_irq(int dev, __u32 index, int eventfd)
{
	struct {
		struct vfio_irq_set set;
		__s32 eventfd;
	} arg = {
		.set = {
			.argsz = sizeof(arg),
			.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				 (eventfd < 0 ? VFIO_IRQ_SET_DATA_NONE :
						VFIO_IRQ_SET_DATA_EVENTFD),
			.index = index,
			.count = eventfd < 0 ? 0 : 1,
		},
		.eventfd = eventfd,
	};

	return ioctl(dev, VFIO_DEVICE_SET_IRQS, &arg) ? -errno : 0;
}

int vfio_config_read(int dev, __u32 offset, void *buf, size_t length)
{
	struct vfio_region_info info;
	int rc;

	rc = vfio_region(dev, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	if (rc)
		return rc;
	if (pread(dev, buf, length, info.offset + offset) != (ssize_t)length)
		return errno ? -errno : -EIO;
	return 0;
}

int vfio_config_write(int dev, __u32 offset, const void *buf, size_t length)
{
	struct vfio_region_info info;
	int rc;

	rc = vfio_region(dev, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	if (rc)
		return rc;
	if (pwrite(dev, buf, length, info.offset + offset) != (ssize_t)length)
		return errno ? -errno : -EIO;
	return 0;
}

int vfio_bus_master(int dev, bool on)
{
	__u16 command;
	int rc;

	rc = vfio_config_read(dev, PCI_COMMAND, &command, sizeof(command));
	if (rc)
		return rc;
	if (on)
		command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	else
		command &= ~PCI_COMMAND_MASTER;
	return vfio_config_write(dev, PCI_COMMAND, &command, sizeof(command));
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI device through its character device /dev/vfio/devices/vfioN.  Every
 * function returns 0 (or a file descriptor) on success and a negative errno on
 * failure; none prints.
 */
#ifndef LIB_VFIO_H
#define LIB_VFIO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <linux/vfio_cdev.h>
#include <sys/types.h>

/*
 * Path and device number of the node that sysfs announces for the PCI device,
 * like "0000:00:05.0".  -ENODEV: the device is not bound to vfio-pci.
 */
int vfio_find(const char *bdf, char path[PATH_MAX], dev_t *dev);
/* Open that node; -ENXIO when the node is not the device sysfs announces */
int vfio_open(const char *bdf);
/*
 * 1 if the device has no IOMMU: it takes physical addresses, and reaches all
 * memory of the machine.  0 if it has one
 */
int vfio_is_noiommu(int dev);

/*
 * Nothing works on an opened device before it is bound to an open /dev/iommu.
 * devid: out, or NULL.
 */
int vfio_bind(int dev, int iommufd, __u32 *devid);
/* pt: an IOAS or HWPT; hwpt: out, the HWPT in use, or NULL.  Then DMA works. */
int vfio_attach(int dev, __u32 pt, __u32 *hwpt);
int vfio_detach(int dev);

int vfio_region(int dev, __u32 index, struct vfio_region_info *info);
/* Map BAR 0 to 5; *bar points at its registers */
int vfio_map_bar(int dev, __u32 index, void **bar, size_t *length);

/* Let an eventfd tell of the first interrupt of an index; -1: nothing does any more */
int vfio_set_irq(int dev, __u32 index, int eventfd);

int vfio_config_read(int dev, __u32 offset, void *buf, size_t length);
int vfio_config_write(int dev, __u32 offset, const void *buf, size_t length);
/* Without bus mastering a PCI device does no DMA at all */
int vfio_bus_master(int dev, bool on);

#endif

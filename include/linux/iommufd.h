/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel API of /dev/iommu: what a driver needs that hands a device to user
 * space.  The user ABI is uapi/linux/iommufd.h.
 *
 * The order of calls is bind, attach, [replace ...,] detach, unbind.  Between
 * bind and attach, and between detach and unbind, the device's whole IOMMU
 * group is blocked from DMA.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/types.h>

struct device;
struct file;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_mmio;
struct vm_area_struct;

struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_get(struct iommufd_ctx *ictx);
void iommufd_ctx_put(struct iommufd_ctx *ictx);

struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id);
void iommufd_device_unbind(struct iommufd_device *idev);

int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev);

struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);

/**
 * typedef iommufd_mmio_find_fn - Find the device's MMIO behind a user address
 * @data: What iommufd_mmio_create() was given.
 * @vma: A mapping of the file that it was given.
 * @uaddr: User address of the first byte, in @vma.
 * @length: Bytes, all in @vma.
 * @phys: Set to the physical address of the first byte; those of the others
 *	follow it.
 *
 * Called with the mmap lock held.  Takes no lock that is held around
 * iommufd_mmio_revoke().
 *
 * Return: 0, or an errno when it is something else.
 */
typedef int (*iommufd_mmio_find_fn)(void *data, struct vm_area_struct *vma,
				    unsigned long uaddr, unsigned long length,
				    phys_addr_t *phys);

struct iommufd_mmio *iommufd_mmio_create(struct iommufd_ctx *ictx,
					 const struct file *file,
					 iommufd_mmio_find_fn find, void *data);
void iommufd_mmio_destroy(struct iommufd_mmio *mmio);
void iommufd_mmio_revoke(struct iommufd_mmio *mmio);
int iommufd_mmio_restore(struct iommufd_mmio *mmio);

#endif

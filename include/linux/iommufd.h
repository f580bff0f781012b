/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel API of /dev/iommu: what a driver needs that hands a device to user
 * space.  The user ABI is uapi/linux/iommufd.h.
 *
 * The order of calls is bind, attach, [replace ...,] detach, unbind.  Between
 * bind and attach, and between detach and unbind, the device's whole IOMMU
 * group is blocked from DMA.
 *
 * A software device is an access: create, attach, [replace ...,] detach,
 * destroy.  It reaches what is mapped with the CPU.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/bits.h>
#include <linux/types.h>

struct device;
struct file;
struct iommu_group;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_mmio;
struct page;
struct vm_area_struct;

struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_get(struct iommufd_ctx *ictx);
void iommufd_ctx_put(struct iommufd_ctx *ictx);
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group);

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

/* Flags of iommufd_access_pin_pages() and iommufd_access_rw() */
enum {
	IOMMUFD_ACCESS_RW_READ = 0,
	IOMMUFD_ACCESS_RW_WRITE = BIT(0),
	IOMMUFD_ACCESS_RW_KTHREAD = BIT(1),	/* of the latter only */
};

/**
 * struct iommufd_access_ops - What the driver of a software device does
 * @needs_pin_pages: It pins pages.
 * @unmap: Drop each pin that meets a range of IOVA, which is about to be
 *	unmapped, by iommufd_access_unpin_pages() with the range that was pinned:
 *	the unmap waits for that.  Meanwhile none can be pinned there.
 *	A length of ULONG_MAX from 0 on means all.  May sleep.  A lock that it
 *	takes may be held when pages are pinned, but not when a device or an
 *	access is attached, replaced or detached.  Not called without
 *	@needs_pin_pages.
 */
struct iommufd_access_ops {
	u8 needs_pin_pages;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
};

struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data,
		      u32 *id);
void iommufd_access_destroy(struct iommufd_access *access);

int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id);
void iommufd_access_detach(struct iommufd_access *access);

int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages,
			     unsigned int flags);
void iommufd_access_unpin_pages(struct iommufd_access *access,
				unsigned long iova, unsigned long length);
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t length, unsigned int flags);

#endif

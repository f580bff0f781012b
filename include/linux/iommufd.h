/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel API of /dev/iommu, for drivers that give devices to user space.
 * The user ABI is uapi/linux/iommufd.h.
 *
 * The order of calls is bind, attach, [replace ...,] detach, unbind.  Between
 * bind and attach, and between detach and unbind, the device's whole IOMMU
 * group is blocked from DMA.  DMA with a PASID is attached and detached on its
 * own, any time between bind and unbind.
 *
 * An access is a software device, which reaches mapped memory with the CPU.
 * The order of calls is create, attach, [replace ...,] detach, destroy.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/bits.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct iommu_group;
struct iommufd_access;
struct iommufd_ctx;
struct iommufd_device;
struct iommufd_mmio;
struct page;
struct phys_vec;
struct vm_area_struct;

struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
void iommufd_ctx_get(struct iommufd_ctx *ictx);
void iommufd_ctx_put(struct iommufd_ctx *ictx);
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group);

int iommufd_device_check(struct device *dev);
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id);
bool iommufd_device_has_iommu(struct device *dev);
struct iommufd_device *iommufd_device_bind_noiommu(struct iommufd_ctx *ictx,
						   struct device *dev, u32 *id);
void iommufd_device_unbind(struct iommufd_device *idev);

int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id);
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id);
void iommufd_device_detach(struct iommufd_device *idev);
int iommufd_device_hold_attach(struct iommufd_device *idev);
void iommufd_device_release_attach(struct iommufd_device *idev);

int iommufd_device_pasid_attach(struct iommufd_device *idev, u32 pasid,
				u32 pt_id);
int iommufd_device_pasid_replace(struct iommufd_device *idev, u32 pasid,
				 u32 pt_id);
int iommufd_device_pasid_set(struct iommufd_device *idev, u32 pasid, u32 pt_id);
void iommufd_device_pasid_detach(struct iommufd_device *idev, u32 pasid);
void iommufd_device_pasid_detach_all(struct iommufd_device *idev);

struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev);
u32 iommufd_device_to_id(struct iommufd_device *idev);

/**
 * struct iommufd_mmio_ops - Find a device's MMIO
 * @find: Find what is behind a user address.  @vma is any mapping with VM_IO or
 *	VM_PFNMAP, of any driver, and has @length bytes from @uaddr on.  Sets
 *	@phys to the physical address of the first byte; the range is
 *	contiguous.  Returns 0, or an errno if @vma was not made by the driver
 *	for this device, or the range is not MMIO of the device.
 * @has: Whether all of a range of physical addresses, which does not wrap, is
 *	MMIO of the device.
 *
 * @data is the argument of iommufd_mmio_create().
 *
 * Context: A spinlock is held, the functions must not sleep.  @find is called
 * with the mmap lock held as well.
 */
struct iommufd_mmio_ops {
	int (*find)(void *data, struct vm_area_struct *vma, unsigned long uaddr,
		    unsigned long length, phys_addr_t *phys);
	bool (*has)(void *data, phys_addr_t phys, unsigned long length);
};

/* vfio-pci's, which iommufd asks where a dma-buf is if vfio-pci is loaded */
int vfio_pci_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range);

struct iommufd_mmio *iommufd_mmio_create(const struct iommufd_mmio_ops *ops,
					 void *data);
void iommufd_mmio_destroy(struct iommufd_mmio *mmio);
void iommufd_mmio_revoke(struct iommufd_mmio *mmio);
int iommufd_mmio_restore(struct iommufd_mmio *mmio);

/* Flags of iommufd_access_pin_pages() and iommufd_access_rw() */
enum {
	IOMMUFD_ACCESS_RW_READ = 0,
	IOMMUFD_ACCESS_RW_WRITE = BIT(0),
	IOMMUFD_ACCESS_RW_KTHREAD = BIT(1),	/* of iommufd_access_rw() */
};

/**
 * struct iommufd_access_ops - The operations of the driver of a software device
 * @needs_pin_pages: The driver pins pages.
 * @uaddrs_may_change: User addresses may change while the access is attached.
 *	Then a pin and a copy may fail with -EBUSY, until user space gives a new
 *	address.
 * @unmap: Called before a range of IOVA is unmapped, if @needs_pin_pages.  The
 *	driver drops each pin that overlaps the range, before the function
 *	returns or soon after, by iommufd_access_unpin_pages() with the range
 *	that was pinned.  The unmap waits until the pins are dropped; meanwhile
 *	no page of the range can be pinned.  The range from 0 on with a length
 *	of ULONG_MAX stands for all IOVA.  With it, detach, replace and destroy
 *	call the function, and they do not wait: each pin must be dropped, and
 *	each iommufd_access_unpin_pages() of any thread must have returned,
 *	before the function returns.
 *
 * Context: @unmap may sleep.  It may take a lock that the driver holds while it
 * pins pages, but no lock that is held while a device or an access is attached,
 * replaced or detached.
 */
struct iommufd_access_ops {
	u8 needs_pin_pages;
	u8 uaddrs_may_change;
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

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DOMAIN_H
#define __IOMMUFD_MOCK_DOMAIN_H

#include <linux/iommu.h>
#include <linux/xarray.h>

#include "iommufd_test.h"

struct iommu_backend_dirty;

/* Each power of two from MOCK_PAGE_SIZE on, as a bitmap of page sizes */
#define MOCK_ALL_SIZES	(~(MOCK_PAGE_SIZE - 1UL))

/* Marks of an entry of mock_domain::ptes */
#define MOCK_PTE_DIRTY	XA_MARK_0	/* a device has written to the page */
#define MOCK_PTE_SEEN	XA_MARK_1	/* the mapping is visible to devices */

/**
 * struct mock_domain - A page table of the mock IOMMU
 * @domain: The domain that iommufd.ko maps and unmaps.
 * @ptes: An entry for each page that is mapped, whatever its size, at its first
 *	IOVA in units of MOCK_PAGE_SIZE: see mock_pte().  No two pages overlap.
 * @pagetable_type: MOCK_IOMMUPT_*.
 * @dirty: The domain was made with dirty tracking.
 * @tracking: Dirty tracking is on.
 * @pasid: The domain was made for devices that use PASIDs.
 * @faults: The domain was made for devices whose page faults are handled.
 * @device_flags: MOCK_FLAGS_DEVICE_* of the device that the domain was made for.
 * @snoop: The domain snoops all DMA.
 * @msi_window: First IOVA of the window for MSI doorbells, 0 for none.
 * @ndevices: Number of devices and PASIDs attached.
 *
 * The xarray has a lock of its own.  iommufd.ko serializes attach and detach,
 * which change @ndevices, and the changes of @tracking.  @snoop and @msi_window
 * are set before the first device is attached.  The other fields are constant.
 */
struct mock_domain {
	struct iommu_domain domain;
	struct xarray ptes;
	u32 pagetable_type;
	bool dirty;
	bool tracking;
	bool pasid;
	bool faults;
	u32 device_flags;
	bool snoop;
	phys_addr_t msi_window;
	unsigned int ndevices;
};

/**
 * to_mock_domain() - The page table that a domain is
 * @domain: A domain of the mock IOMMU.
 *
 * Context: Any.
 *
 * Return: The page table.
 */
static inline struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

/**
 * mock_page_sizes() - The page sizes of page tables for a device
 * @device_flags: MOCK_FLAGS_DEVICE_* of the device.
 * @pagetable_type: MOCK_IOMMUPT_*.
 *
 * Context: Any.
 *
 * Return: A bit for each.
 */
static inline unsigned long mock_page_sizes(u32 device_flags,
					    u32 pagetable_type)
{
	unsigned long sizes = MOCK_ALL_SIZES;

	if (pagetable_type == MOCK_IOMMUPT_HUGE)
		sizes = PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
	else if (device_flags & MOCK_FLAGS_DEVICE_TWO_SIZES)
		sizes = MOCK_PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
	if (device_flags & MOCK_FLAGS_DEVICE_SMALL_PAGES)
		sizes = BIT(__ffs(sizes));
	return sizes;
}

/**
 * mock_aperture_last() - The last IOVA of page tables for a device
 * @device_flags: MOCK_FLAGS_DEVICE_* of the device.
 * @pagetable_type: MOCK_IOMMUPT_*.
 *
 * Context: Any.
 *
 * Return: The IOVA.
 */
static inline dma_addr_t mock_aperture_last(u32 device_flags,
					    u32 pagetable_type)
{
	if (pagetable_type == MOCK_IOMMUPT_HUGE)
		return ULONG_MAX;
	return device_flags & MOCK_FLAGS_DEVICE_39_BITS ?
		       MOCK_APERTURE_LAST_39 : MOCK_APERTURE_LAST;
}

extern bool mock_aligned_flush;

struct mock_domain *mock_domain_alloc(u32 device_flags, bool dirty,
				      u32 pagetable_type);
void mock_domain_free(struct mock_domain *mock);
int mock_domain_check(struct mock_domain *mock, unsigned long iova,
		      unsigned long length, unsigned long uaddr);
int mock_domain_check_phys(struct mock_domain *mock, unsigned long iova,
			   unsigned long length, phys_addr_t phys, int prot);
int mock_domain_write(struct mock_domain *mock, unsigned long iova,
		      unsigned long length);
int mock_domain_read_dirty(struct mock_domain *mock, unsigned long iova,
			   size_t length, bool clear,
			   struct iommu_backend_dirty *dirty);

#endif

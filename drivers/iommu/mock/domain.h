/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DOMAIN_H
#define __IOMMUFD_MOCK_DOMAIN_H

#include <linux/iommu.h>
#include <linux/xarray.h>

struct iommu_provider_dirty;

/* Of a page in mock_domain::ptes: a device has written there. */
#define MOCK_PTE_DIRTY	XA_MARK_0
#define MOCK_PTE_SEEN	XA_MARK_1	/* devices see it */

/**
 * struct mock_domain - A page table of the mock IOMMU
 * @domain: What the driver sees.
 * @ptes: The physical address of each page by IOVA, both in units of
 *	MOCK_PAGE_SIZE, how it is mapped, and whether it is part of a huge page:
 *	see mock_pte().
 * @dirty: It can tell what devices write.
 * @huge_dirty: It can tell only that a huge page was written somewhere.
 * @tracking: The driver wants to be told.
 * @ndevices: Devices attached.  The driver serializes attach and detach.
 */
struct mock_domain {
	struct iommu_domain domain;
	struct xarray ptes;
	bool dirty;
	bool huge_dirty;
	bool tracking;
	unsigned int ndevices;
};

static inline struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

struct mock_domain *mock_domain_alloc(bool dirty, u32 pagetable_type);
void mock_domain_free(struct mock_domain *mock);
int mock_domain_check(struct mock_domain *mock, unsigned long iova,
		      unsigned long length, unsigned long uaddr);
int mock_domain_check_phys(struct mock_domain *mock, unsigned long iova,
			   unsigned long length, phys_addr_t phys, int prot);
bool mock_domain_write(struct mock_domain *mock, unsigned long iova,
		       unsigned long length);
void mock_domain_read_dirty(struct mock_domain *mock, unsigned long iova,
			    size_t length, bool clear,
			    struct iommu_provider_dirty *dirty);

#endif

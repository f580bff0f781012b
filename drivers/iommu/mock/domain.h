/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DOMAIN_H
#define __IOMMUFD_MOCK_DOMAIN_H

#include <linux/iommu.h>
#include <linux/xarray.h>

/**
 * struct mock_domain - A page table of the mock IOMMU
 * @domain: What the driver sees.
 * @ptes: The physical address of each page by IOVA, both in units of
 *	MOCK_PAGE_SIZE, and whether it is part of a huge page: see mock_pte().
 * @ndevices: Devices attached.  The driver serializes attach and detach.
 */
struct mock_domain {
	struct iommu_domain domain;
	struct xarray ptes;
	unsigned int ndevices;
};

static inline struct mock_domain *to_mock_domain(struct iommu_domain *domain)
{
	return container_of(domain, struct mock_domain, domain);
}

struct mock_domain *mock_domain_alloc(void);
void mock_domain_free(struct mock_domain *mock);
int mock_domain_check(struct mock_domain *mock, unsigned long iova,
		      unsigned long length, unsigned long uaddr);

#endif

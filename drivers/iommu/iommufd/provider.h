/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_PROVIDER_H
#define __IOMMUFD_PROVIDER_H

#include <linux/iommu.h>
#include <linux/types.h>

struct device;

typedef int (*iommu_provider_resv_fn)(const struct iommu_resv_region *region,
				      void *arg);

/**
 * struct iommu_provider_limits - What the IOMMU of a group can do
 * @aperture_start: First IOVA.
 * @aperture_end: Last IOVA, inclusive.
 * @pgsizes: Page sizes, a bit each.
 */
struct iommu_provider_limits {
	dma_addr_t aperture_start;
	dma_addr_t aperture_end;
	unsigned long pgsizes;
};

bool iommu_provider_is_coherent(struct device *dev);
bool iommu_provider_msi_isolated(struct iommu_group *group);
int iommu_provider_walk_reserved(struct iommu_group *group,
				 iommu_provider_resv_fn fn, void *arg);

int iommu_provider_claim(struct iommu_group *group, void *owner);
void iommu_provider_release(struct iommu_group *group);

struct iommu_domain *iommu_provider_domain_alloc(struct device *dev);
void iommu_provider_domain_free(struct iommu_domain *domain);
bool iommu_provider_enforce_coherency(struct iommu_domain *domain);
void iommu_provider_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t length);
void iommu_provider_sweep(struct iommu_domain *domain, unsigned long iova,
			  size_t length);
int iommu_provider_map_msi(struct iommu_domain *domain, phys_addr_t iova);
int iommu_provider_probe(struct device *dev, struct iommu_group *group,
			 struct iommu_provider_limits *limits);
bool iommu_provider_within(struct iommu_domain *domain,
			   const struct iommu_provider_limits *limits);
int iommu_provider_attach(struct iommu_domain *domain,
			  struct iommu_group *group);
void iommu_provider_detach(struct iommu_domain *domain,
			   struct iommu_group *group);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_CHARGE_H
#define __IOMMU_BACKEND_CHARGE_H

#include <linux/bitops.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* What a page table of the lowest level spans; one of the next, 512 of them. */
#define IOMMU_CHARGE_SPAN	SZ_2M
#define IOMMU_CHARGE_LEVELS	4

/**
 * struct iommu_charge - The charge for the page tables of one domain
 * @last: A page table that is charged, as iommu_charge_key(); ULONG_MAX for
 *	none.
 * @tables: For each level, the lowest first, a page for each page table that
 *	is charged, by IOVA in units of what a page table of that level spans.
 *	For each page table in here, those above it are in here, too.
 *
 * Calls that map and unmap at other IOVAs may run at the same time.  Each
 * xarray has a lock of its own, and what is in there for a range of IOVA is
 * only removed by a call that unmaps all of that range, so that no other call
 * maps in it.  That call also changes @last if it is in the range.
 */
struct iommu_charge {
	unsigned long last;
	struct xarray tables[IOMMU_CHARGE_LEVELS];
};

int iommu_charge_init(struct iommu_domain *domain);
void iommu_charge_free(struct iommu_charge *charge);
int iommu_charge_tables(struct iommu_charge *charge, unsigned long iova,
			size_t pgsize, size_t *step);
void iommu_uncharge_tables(struct iommu_charge *charge, unsigned long iova,
			   size_t length);

/* log2 of what a page table with pages of this size spans: 512 of them */
static inline unsigned int iommu_charge_shift(size_t pgsize)
{
	return __ffs(pgsize) + 9;
}

/*
 * Tells page tables apart: the one that @iova has among those that span
 * BIT(@shift) bytes, and above that @shift.
 */
static inline unsigned long iommu_charge_key(unsigned long iova,
					     unsigned int shift)
{
	return iova >> shift | (unsigned long)shift << 56;
}

/**
 * iommu_charge_map() - Charge the page tables that a step of a map needs
 * @domain: The domain.
 * @iova: First byte.
 * @pgsize: Size of the pages that are to be mapped.
 * @step: Bytes, not 0.  Reduced to what is in one page table, of the level that
 *	has pages of @pgsize.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
static inline int iommu_charge_map(struct iommu_domain *domain,
				   unsigned long iova, size_t pgsize,
				   size_t *step)
{
	struct iommu_charge *charge = iommu_domain_private(domain);
	unsigned int shift = iommu_charge_shift(pgsize);
	unsigned long last;

	if (!charge)
		return 0;
	last = READ_ONCE(charge->last);
	if (iommu_charge_key(iova, shift) == last &&
	    (*step == pgsize ||
	     iommu_charge_key(iova + *step - 1, shift) == last))
		return 0;
	return iommu_charge_tables(charge, iova, pgsize, step);
}

/**
 * iommu_charge_unmap() - Uncharge the page tables that an unmap has freed
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, unmapped by one call of the IOMMU driver.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
static inline void iommu_charge_unmap(struct iommu_domain *domain,
				      unsigned long iova, size_t length)
{
	struct iommu_charge *charge = iommu_domain_private(domain);

	if (charge && length >= IOMMU_CHARGE_SPAN)
		iommu_uncharge_tables(charge, iova, length);
}

#endif

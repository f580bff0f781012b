// SPDX-License-Identifier: GPL-2.0-only
/*
 * The charge for page tables that an IOMMU driver does not charge itself
 *
 * The kernel charges memory to the memory cgroup of the current process as it
 * allocates it, and exports no function that does only that.  So a page is
 * allocated for each page table that the driver needs.  Nothing is ever in it:
 * what counts is its charge.
 *
 * This estimates what Intel's driver of 6.1 holds.  It allocates a page table
 * when the first page is mapped in what it spans, and frees it when one call
 * unmaps all that it spans, when a larger page is mapped in its place, or with
 * the domain.  The charge ends in the first and in the last of these cases, so
 * it is at least for what the driver holds.  It is for more when the driver has
 * mapped a larger page in the place of a page table, or has failed.
 */
#include <linux/bits.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "charge.h"

/* log2 of what a page table of a level spans: 512 entries of the one below */
static unsigned int level_shift(unsigned int level)
{
	return ilog2(IOMMU_CHARGE_SPAN) + 9 * level;
}

/**
 * iommu_charge_init() - Have the page tables of a domain charged
 * @domain: The domain, empty.
 *
 * Context: Process context.  Pairs with iommu_charge_free().
 *
 * Return: 0 or -ENOMEM.
 */
int iommu_charge_init(struct iommu_domain *domain)
{
	struct iommu_charge *charge;
	unsigned int level;

	charge = kmalloc(sizeof(*charge), GFP_KERNEL_ACCOUNT);
	if (!charge)
		return -ENOMEM;
	charge->last = ULONG_MAX;
	for (level = 0; level < IOMMU_CHARGE_LEVELS; level++)
		xa_init_flags(&charge->tables[level], XA_FLAGS_ACCOUNT);
	iommu_domain_set_private(domain, charge);
	return 0;
}

/* Uncharge the page tables from @first to @last, inclusive, of one level. */
static void uncharge_level(struct xarray *tables, unsigned long first,
			   unsigned long last)
{
	unsigned long index;
	struct page *page;

	/* Not worth a search where all is mapped in huge pages */
	if (xa_empty(tables))
		return;
	xa_for_each_range(tables, index, page, first, last) {
		xa_erase(tables, index);
		__free_page(page);
		cond_resched();
	}
}

/**
 * iommu_charge_free() - Uncharge what is charged for a domain
 * @charge: What iommu_domain_private() of the domain was, which is freed by now;
 *	NULL if its page tables are not charged here.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iommu_charge_free(struct iommu_charge *charge)
{
	unsigned int level;

	if (!charge)
		return;
	for (level = 0; level < IOMMU_CHARGE_LEVELS; level++) {
		uncharge_level(&charge->tables[level], 0, ULONG_MAX);
		/* A charge that failed may have left nodes. */
		xa_destroy(&charge->tables[level]);
	}
	kfree(charge);
}

/* Charge a page table, unless another call charges it at this moment. */
static int charge_table(struct xarray *tables, unsigned long index)
{
	struct page *page, *old;

	page = alloc_page(GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	old = xa_cmpxchg(tables, index, NULL, page, GFP_KERNEL_ACCOUNT);
	if (old)
		__free_page(page);
	return xa_err(old);
}

/**
 * iommu_charge_tables() - Charge page tables that are not charged yet
 * @charge: The charge of the domain.
 * @iova: As for iommu_charge_map().
 * @pgsize: As for iommu_charge_map().
 * @step: As for iommu_charge_map().
 *
 * What is charged stays charged if the map fails: the driver may keep its page
 * tables then.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int iommu_charge_tables(struct iommu_charge *charge, unsigned long iova,
			size_t pgsize, size_t *step)
{
	unsigned int shift = iommu_charge_shift(pgsize);
	unsigned int lowest = (shift - level_shift(0)) / 9, level;
	size_t span = BIT(shift);
	int rc;

	*step = min(*step, span - (iova & (span - 1)));

	for (level = lowest; level < IOMMU_CHARGE_LEVELS; level++)
		if (xa_load(&charge->tables[level], iova >> level_shift(level)))
			break;
	while (level-- > lowest) {
		rc = charge_table(&charge->tables[level],
				  iova >> level_shift(level));
		if (rc)
			return rc;
	}
	WRITE_ONCE(charge->last, iommu_charge_key(iova, shift));
	return 0;
}

/**
 * iommu_uncharge_tables() - Uncharge the page tables that an unmap has freed
 * @charge: The charge of the domain.
 * @iova: As for iommu_charge_unmap().
 * @length: As for iommu_charge_unmap().
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iommu_uncharge_tables(struct iommu_charge *charge, unsigned long iova,
			   size_t length)
{
	unsigned long key, first, end, last = READ_ONCE(charge->last);
	unsigned int level, shift;

	for (level = 0; level < IOMMU_CHARGE_LEVELS; level++) {
		shift = level_shift(level);
		first = DIV_ROUND_UP(iova, BIT(shift));
		end = (iova + length) >> shift;
		if (first >= end)
			break;
		key = iommu_charge_key(0, shift);
		if (last >= (key | first) && last < (key | end))
			WRITE_ONCE(charge->last, ULONG_MAX);
		uncharge_level(&charge->tables[level], first, end - 1);
	}
}

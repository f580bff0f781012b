// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tables of the mock IOMMU
 *
 * They warn of everything that a real IOMMU might not: what is mapped twice or
 * unmapped without having been mapped, half a huge page unmapped, a domain
 * freed while it maps something or has devices, devices made to see what is not
 * mapped.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "../iommufd/provider.h"
#include "domain.h"
#include "iommufd_test.h"

static bool fail_sync;
module_param(fail_sync, bool, 0644);
MODULE_PARM_DESC(fail_sync, "Fail to make visible what is mapped, where one can");

/* From its lowest bit on: huge, the protection, the address */
#define MOCK_PTE_PROT	6	/* bits: IOMMU_READ to IOMMU_PRIV */

static void *mock_pte(phys_addr_t phys, int prot, bool huge)
{
	return xa_mk_value((phys / MOCK_PAGE_SIZE << MOCK_PTE_PROT | prot) * 2 +
			   huge);
}

static bool mock_pte_huge(void *pte)
{
	return xa_to_value(pte) % 2;
}

static phys_addr_t mock_pte_phys(void *pte)
{
	return (phys_addr_t)(xa_to_value(pte) >> (MOCK_PTE_PROT + 1)) *
	       MOCK_PAGE_SIZE;
}

static int mock_pte_prot(void *pte)
{
	return xa_to_value(pte) / 2 % BIT(MOCK_PTE_PROT);
}

static void *load_pte(struct mock_domain *mock, unsigned long iova)
{
	return xa_load(&mock->ptes, iova / MOCK_PAGE_SIZE);
}

/* The same as a device has it, which may not see it yet */
static void *seen_pte(struct mock_domain *mock, unsigned long iova)
{
	return xa_get_mark(&mock->ptes, iova / MOCK_PAGE_SIZE, MOCK_PTE_SEEN) ?
		       load_pte(mock, iova) : NULL;
}

static bool in_aperture(unsigned long iova, size_t size)
{
	return iova >= MOCK_APERTURE_START && iova <= MOCK_APERTURE_LAST &&
	       size - 1 <= MOCK_APERTURE_LAST - iova;
}

static void erase(struct mock_domain *mock, unsigned long iova, size_t size)
{
	for (; size; iova += MOCK_PAGE_SIZE, size -= MOCK_PAGE_SIZE)
		xa_erase(&mock->ptes, iova / MOCK_PAGE_SIZE);
}

static int map_page(struct mock_domain *mock, unsigned long iova,
		    phys_addr_t phys, size_t pgsize, int prot, gfp_t gfp)
{
	bool huge = pgsize == MOCK_HUGE_PAGE_SIZE;
	size_t done;
	int rc;

	for (done = 0; done < pgsize; done += MOCK_PAGE_SIZE) {
		rc = xa_insert(&mock->ptes, (iova + done) / MOCK_PAGE_SIZE,
			       mock_pte(phys + done, prot, huge), gfp);
		WARN_ON(rc == -EBUSY);
		if (rc) {
			erase(mock, iova, done);
			return rc;
		}
	}
	return 0;
}

/*
 * Memory for a page table, as it were.  That of the xarray is asked for twice, so
 * that a map would not feel it when one allocation fails.
 */
static int try_table(gfp_t gfp)
{
	void *table = kmalloc(MOCK_PAGE_SIZE, gfp);

	kfree(table);
	return table ? 0 : -ENOMEM;
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *mock = to_mock_domain(domain);
	int rc;

	if (WARN_ON(!in_aperture(iova, pgsize * pgcount)) ||
	    WARN_ON((iova | phys) & (pgsize - 1)) ||
	    WARN_ON(!(prot & (IOMMU_READ | IOMMU_WRITE))) ||
	    WARN_ON(prot >> MOCK_PTE_PROT) ||
	    WARN_ON(!(prot & IOMMU_CACHE) != !!(prot & IOMMU_MMIO)))
		return -EINVAL;

	while (pgcount--) {
		unsigned long at = iova + *mapped;

		rc = *mapped && at % MOCK_HUGE_PAGE_SIZE ? 0 : try_table(gfp);
		if (!rc)
			rc = map_page(mock, at, phys + *mapped, pgsize, prot,
				      gfp);
		if (rc)
			return rc;
		*mapped += pgsize;
	}
	return 0;
}

static iotlb_sync_map_t mock_sync_map(struct iommu_domain *domain,
				      unsigned long iova, size_t size)
{
	struct mock_domain *mock = to_mock_domain(domain);
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long last = index + size / MOCK_PAGE_SIZE - 1;
	XA_STATE(xas, &mock->ptes, index);
	unsigned long n = 0;
	void *pte;

	if (READ_ONCE(fail_sync))
		return iotlb_sync_map_rc(-ENOMEM);
	xas_lock(&xas);
	xas_for_each(&xas, pte, last) {
		xas_set_mark(&xas, MOCK_PTE_SEEN);
		n++;
	}
	xas_unlock(&xas);
	WARN_ON(n != size / MOCK_PAGE_SIZE);
	return iotlb_sync_map_rc(0);
}

/* Is the border of an unmap at @iova inside a huge page? */
static bool splits_huge_page(struct mock_domain *mock, unsigned long iova)
{
	void *pte = load_pte(mock, iova);

	return iova % MOCK_HUGE_PAGE_SIZE && pte && mock_pte_huge(pte);
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mock = to_mock_domain(domain);
	size_t done, size = pgsize * pgcount;

	WARN_ON(splits_huge_page(mock, iova));
	WARN_ON(splits_huge_page(mock, iova + size));
	for (done = 0; done < size; done += MOCK_PAGE_SIZE) {
		if (WARN_ON(!xa_erase(&mock->ptes,
				      (iova + done) / MOCK_PAGE_SIZE)))
			break;
	}
	return done;
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	void *pte = load_pte(to_mock_domain(domain), iova);

	return pte ? mock_pte_phys(pte) + iova % MOCK_PAGE_SIZE : 0;
}

static const struct iommu_domain_ops mock_domain_ops = {
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iotlb_sync_map = mock_sync_map,
	.iova_to_phys = mock_iova_to_phys,
};

#ifdef HAVE_IOMMU_MAP_ONE
static bool map_one;
module_param(map_one, bool, 0644);
MODULE_PARM_DESC(map_one, "Map one page in a call, in new page tables");

static int mock_map(struct iommu_domain *domain, unsigned long iova,
		    phys_addr_t phys, size_t pgsize, int prot, gfp_t gfp)
{
	size_t mapped = 0;

	return mock_map_pages(domain, iova, phys, pgsize, 1, prot, gfp,
			      &mapped);
}

static const struct iommu_domain_ops mock_map_one_ops = {
	.map = mock_map,
	.unmap_pages = mock_unmap_pages,
	.iotlb_sync_map = mock_sync_map,
	.iova_to_phys = mock_iova_to_phys,
};

static const struct iommu_domain_ops *mock_ops(void)
{
	return READ_ONCE(map_one) ? &mock_map_one_ops : &mock_domain_ops;
}
#else
static const struct iommu_domain_ops *mock_ops(void)
{
	return &mock_domain_ops;
}
#endif

/**
 * mock_domain_alloc() - Make an empty page table
 * @dirty: It can tell what devices write.
 * @pagetable_type: MOCK_IOMMUPT_*.
 *
 * Return: it, or NULL.
 */
struct mock_domain *mock_domain_alloc(bool dirty, u32 pagetable_type)
{
	struct mock_domain *mock;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return NULL;
	mock->dirty = dirty;
	mock->huge_dirty = pagetable_type == MOCK_IOMMUPT_HUGE;
	xa_init_flags(&mock->ptes, XA_FLAGS_ACCOUNT);
	mock->domain.type = IOMMU_DOMAIN_UNMANAGED;
	mock->domain.ops = mock_ops();
	mock->domain.pgsize_bitmap = MOCK_PAGE_SIZE | MOCK_HUGE_PAGE_SIZE;
	mock->domain.geometry.aperture_start = MOCK_APERTURE_START;
	mock->domain.geometry.aperture_end = MOCK_APERTURE_LAST;
	mock->domain.geometry.force_aperture = true;
	return mock;
}

/**
 * mock_domain_free() - Free a page table
 * @mock: The page table; it is a bug if it maps something or has devices.
 */
void mock_domain_free(struct mock_domain *mock)
{
	WARN_ON(mock->ndevices);
	WARN_ON(!xa_empty(&mock->ptes));
	xa_destroy(&mock->ptes);
	kfree(mock);
}

/**
 * mock_domain_check() - Does a page table map the memory of a user range?
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes; the range does not wrap.
 * @uaddr: First user address; all three are multiples of MOCK_PAGE_SIZE.
 *
 * Return: 0, -EINVAL when some of it is not mapped, may not be seen by devices yet,
 * or is other memory, -EFAULT when there is none at the user address, -EINTR when
 * killed.
 */
int mock_domain_check(struct mock_domain *mock, unsigned long iova,
		      unsigned long length, unsigned long uaddr)
{
	for (; length; length -= MOCK_PAGE_SIZE) {
		struct page *page;
		phys_addr_t phys;
		void *pte;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (get_user_pages_fast(uaddr & PAGE_MASK, 1, 0, &page) != 1)
			return -EFAULT;
		phys = page_to_phys(page) + offset_in_page(uaddr);
		put_page(page);

		pte = seen_pte(mock, iova);
		if (!pte || mock_pte_phys(pte) != phys ||
		    !(mock_pte_prot(pte) & IOMMU_CACHE))
			return -EINVAL;
		iova += MOCK_PAGE_SIZE;
		uaddr += MOCK_PAGE_SIZE;
	}
	return 0;
}

static bool is_empty(struct mock_domain *mock, unsigned long iova,
		     unsigned long length)
{
	unsigned long index = iova / MOCK_PAGE_SIZE;

	return !xa_find(&mock->ptes, &index,
			index + length / MOCK_PAGE_SIZE - 1, XA_PRESENT);
}

/**
 * mock_domain_check_phys() - Does a page table map these addresses?
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0; the range does not wrap.
 * @phys: First address; all three are multiples of MOCK_PAGE_SIZE.
 * @prot: In just this way.
 *
 * Return: 0, -ENOENT when nothing is mapped there, -EINVAL when some of it is not,
 * or something else.
 */
int mock_domain_check_phys(struct mock_domain *mock, unsigned long iova,
			   unsigned long length, phys_addr_t phys, int prot)
{
	void *pte;

	if (is_empty(mock, iova, length))
		return -ENOENT;
	for (; length; length -= MOCK_PAGE_SIZE) {
		pte = seen_pte(mock, iova);
		if (!pte || mock_pte_phys(pte) != phys ||
		    mock_pte_prot(pte) != prot)
			return -EINVAL;
		iova += MOCK_PAGE_SIZE;
		phys += MOCK_PAGE_SIZE;
	}
	return 0;
}

static bool mark_pages(struct mock_domain *mock, unsigned long index,
		       unsigned long last)
{
	bool mapped = false;

	while (index <= last &&
	       xa_find(&mock->ptes, &index, last, XA_PRESENT)) {
		xa_set_mark(&mock->ptes, index, MOCK_PTE_DIRTY);
		mapped = true;
		index++;
		cond_resched();
	}
	return mapped;
}

/* Is a page part of a huge page that is to be dirty as a whole, and is not? */
static bool widens(struct mock_domain *mock, unsigned long index)
{
	void *pte = xa_load(&mock->ptes, index);

	return mock->huge_dirty && pte && mock_pte_huge(pte) &&
	       !xa_get_mark(&mock->ptes, index, MOCK_PTE_DIRTY);
}

/**
 * mock_domain_write() - A device writes to a range
 * @mock: The page table, that can tell.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0, both multiples of MOCK_PAGE_SIZE.
 *
 * Return: whether any of it is mapped.
 */
bool mock_domain_write(struct mock_domain *mock, unsigned long iova,
		       unsigned long length)
{
	const unsigned long huge = MOCK_HUGE_PAGE_SIZE / MOCK_PAGE_SIZE;
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long last = index + length / MOCK_PAGE_SIZE - 1;

	if (widens(mock, last))
		last = round_up(last + 1, huge) - 1;
	if (widens(mock, index))
		index = round_down(index, huge);
	return mark_pages(mock, index, last);
}

/**
 * mock_domain_read_dirty() - Report what devices have written
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0, both multiples of MOCK_PAGE_SIZE.
 * @clear: It is not dirty any more.
 * @dirty: Where to, or NULL.
 */
void mock_domain_read_dirty(struct mock_domain *mock, unsigned long iova,
			    size_t length, bool clear,
			    struct iommu_provider_dirty *dirty)
{
	const unsigned long huge = MOCK_HUGE_PAGE_SIZE / MOCK_PAGE_SIZE;
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long last = index + length / MOCK_PAGE_SIZE - 1;
	unsigned long first, end;
	void *pte;

	while (index <= last) {
		pte = xa_find(&mock->ptes, &index, last, MOCK_PTE_DIRTY);
		if (!pte)
			return;
		first = index;
		end = index + 1;
		if (mock->huge_dirty && mock_pte_huge(pte)) {
			first = round_down(index, huge);
			end = first + huge;
		}
		if (dirty)
			iommu_provider_set_dirty(dirty, index * MOCK_PAGE_SIZE,
						 (end - index) * MOCK_PAGE_SIZE);
		for (; clear && first < end; first++)
			xa_clear_mark(&mock->ptes, first, MOCK_PTE_DIRTY);
		index = end;
		cond_resched();
	}
}

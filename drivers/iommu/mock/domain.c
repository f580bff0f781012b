// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page tables of the mock IOMMU.
 *
 * The mock IOMMU warns of mistakes that a real one may not notice: a page
 * mapped twice, or unmapped without having been mapped; an unmap of a part of a
 * page; unmaps of different lengths flushed together, which Intel's driver of
 * 6.1 cannot do; a domain freed with mappings or devices; a range made visible
 * to devices that is not mapped.
 */
#include <linux/align.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../iommufd/backend/backend.h"
#include "../iommufd/backend/map.h"
#include "../iommufd/pages/xarray.h"
#include "domain.h"
#include "iommufd_test.h"

static bool fail_sync;
module_param(fail_sync, bool, 0644);
MODULE_PARM_DESC(fail_sync, "Fail to make visible what is mapped, where one can");

static uint maps;
module_param(maps, uint, 0644);
MODULE_PARM_DESC(maps, "Number of calls to map so far");

static uint kill_map;
module_param(kill_map, uint, 0644);
MODULE_PARM_DESC(kill_map, "Number of calls to map until one kills the process that makes it");

static ulong largest_unmap;
module_param(largest_unmap, ulong, 0644);
MODULE_PARM_DESC(largest_unmap, "Most bytes that one call was to unmap so far");

static uint flushes;
module_param(flushes, uint, 0644);
MODULE_PARM_DESC(flushes, "Number of flushes so far");

static uint slow_unmap_ns = 300;
module_param(slow_unmap_ns, uint, 0644);
MODULE_PARM_DESC(slow_unmap_ns, "Nanoseconds that a slow IOMMU takes to unmap 4 KiB (default: 300)");

bool mock_aligned_flush;
module_param_named(aligned_flush, mock_aligned_flush, bool, 0444);
MODULE_PARM_DESC(aligned_flush, "Flush aligned ranges only, as Intel's driver of 6.1 does at the first level (default: false)");

/* Number of bits for the protection, IOMMU_READ to IOMMU_PRIV */
#define MOCK_PTE_PROT	6

/* Number of bits for the size */
#define MOCK_PTE_ORDER	6

/*
 * An entry has, from its lowest bit on: the size of the page, as the order of
 * its multiple of MOCK_PAGE_SIZE; the protection; the physical address in units
 * of MOCK_PAGE_SIZE.
 */

static void *mock_pte(phys_addr_t phys, int prot, size_t pgsize)
{
	unsigned long value = phys / MOCK_PAGE_SIZE << MOCK_PTE_PROT | prot;

	return xa_mk_value(value << MOCK_PTE_ORDER |
			   ilog2(pgsize / MOCK_PAGE_SIZE));
}

static size_t mock_pte_size(void *pte)
{
	return (size_t)MOCK_PAGE_SIZE << xa_to_value(pte) % BIT(MOCK_PTE_ORDER);
}

static phys_addr_t mock_pte_phys(void *pte)
{
	return (phys_addr_t)(xa_to_value(pte) >>
			     (MOCK_PTE_ORDER + MOCK_PTE_PROT)) *
	       MOCK_PAGE_SIZE;
}

static int mock_pte_prot(void *pte)
{
	return (xa_to_value(pte) >> MOCK_PTE_ORDER) % BIT(MOCK_PTE_PROT);
}

/*
 * Find the entry of the page that has a given index.  If there is one, *@index
 * becomes its own.
 *
 * A page begins at a multiple of its size, so the index of its entry is *@index
 * with some of the lowest bits cleared.  As no two pages overlap, the first
 * entry found on this way is that of the page, or of one that ends before, and
 * then there is none.
 */
static void *mock_find_pte(struct mock_domain *mock, unsigned long *index)
{
	unsigned long first = *index;
	void *pte = xa_load(&mock->ptes, first);

	while (!pte && first) {
		first &= first - 1;
		pte = xa_load(&mock->ptes, first);
	}
	if (!pte || *index - first >= mock_pte_size(pte) / MOCK_PAGE_SIZE)
		return NULL;
	*index = first;
	return pte;
}

/*
 * Find the entry at @iova if devices see it already, else return NULL.  Sets
 * *@phys to the physical address of @iova, and *@length to the number of bytes
 * from there to the end of the page.
 */
static void *mock_find_seen(struct mock_domain *mock, unsigned long iova,
			    phys_addr_t *phys, size_t *length)
{
	unsigned long index = iova / MOCK_PAGE_SIZE, offset;
	void *pte = mock_find_pte(mock, &index);

	if (!pte || !xa_get_mark(&mock->ptes, index, MOCK_PTE_SEEN))
		return NULL;
	offset = iova - index * MOCK_PAGE_SIZE;
	*phys = mock_pte_phys(pte) + offset;
	*length = mock_pte_size(pte) - offset;
	return pte;
}

static bool mock_is_empty(struct mock_domain *mock, unsigned long iova,
			  size_t length)
{
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long last = index + length / MOCK_PAGE_SIZE - 1;

	return !mock_find_pte(mock, &index) &&
	       !xa_find(&mock->ptes, &index, last, XA_PRESENT);
}

static bool mock_in_aperture(struct mock_domain *mock, unsigned long iova,
			     size_t size)
{
	struct iommu_domain_geometry *geometry = &mock->domain.geometry;

	return iova >= geometry->aperture_start &&
	       iova <= geometry->aperture_end &&
	       size - 1 <= geometry->aperture_end - iova;
}

static int mock_map_page(struct mock_domain *mock, unsigned long iova,
			 phys_addr_t phys, size_t pgsize, int prot, gfp_t gfp)
{
	int rc = xa_insert(&mock->ptes, iova / MOCK_PAGE_SIZE,
			   mock_pte(phys, prot, pgsize), gfp);

	WARN_ON(rc == -EBUSY);
	return rc;
}

/*
 * Stands for the allocation of a page table, so that fault injection can make a
 * map fail.  The xarray's own allocations do not serve: the xarray repeats one
 * that has failed.
 */
static int mock_try_table(gfp_t gfp)
{
	void *table = kmalloc(MOCK_PAGE_SIZE, gfp);

	kfree(table);
	return table ? 0 : -ENOMEM;
}

/* Kill the current process if it is time. */
static void mock_kill(void)
{
	if (!READ_ONCE(kill_map))
		return;
	WRITE_ONCE(kill_map, kill_map - 1);
	if (!kill_map)
		send_sig(SIGKILL, current, 0);
}

static int mock_map_pages(struct iommu_domain *domain, unsigned long iova,
			  phys_addr_t phys, size_t pgsize, size_t pgcount,
			  int prot, gfp_t gfp, size_t *mapped)
{
	struct mock_domain *mock = to_mock_domain(domain);
	int rc;

	WRITE_ONCE(maps, READ_ONCE(maps) + 1);
	mock_kill();
	if (WARN_ON(!mock_in_aperture(mock, iova, pgsize * pgcount)) ||
	    WARN_ON(!(pgsize & domain->pgsize_bitmap)) ||
	    WARN_ON((iova | phys) & (pgsize - 1)) ||
	    WARN_ON(!(prot & (IOMMU_READ | IOMMU_WRITE))) ||
	    WARN_ON(prot >> MOCK_PTE_PROT) ||
	    WARN_ON(!(prot & IOMMU_CACHE) != !!(prot & IOMMU_MMIO)) ||
	    WARN_ON(!mock_is_empty(mock, iova, pgsize * pgcount)))
		return -EINVAL;

	while (pgcount--) {
		unsigned long at = iova + *mapped;

		rc = 0;
		if (!*mapped || at % MOCK_HUGE_PAGE_SIZE == 0)
			rc = mock_try_table(gfp);
		if (!rc)
			rc = mock_map_page(mock, at, phys + *mapped, pgsize,
					   prot, gfp);
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
	size_t found = 0;
	void *pte;

	if (READ_ONCE(fail_sync))
		return iotlb_sync_map_rc(-ENOMEM);
	xas_lock(&xas);
	xas_for_each(&xas, pte, last) {
		xas_set_mark(&xas, MOCK_PTE_SEEN);
		found += mock_pte_size(pte);
	}
	xas_unlock(&xas);
	WARN_ON(found != size);
	return iotlb_sync_map_rc(0);
}

/*
 * Whether an unmap may end inside a page.  An IOMMU with pages of all sizes is
 * asked for no more than iommu_step_bytes at a time, and takes out the whole of
 * a page that is larger, as that of AMD does.
 */
static bool mock_may_end_inside(struct mock_domain *mock, size_t size)
{
	return mock->domain.pgsize_bitmap == MOCK_ALL_SIZES &&
	       size == READ_ONCE(iommu_step_bytes);
}

/*
 * A slow IOMMU keeps the CPU for as long as it takes, as a driver does that walks
 * its page tables for each page.  A test ends that by setting slow_unmap_ns to 0.
 */
static void mock_take_time(struct mock_domain *mock, size_t size)
{
	u64 start, pages = size / SZ_4K;

	if (!(mock->device_flags & MOCK_FLAGS_DEVICE_SLOW_UNMAP))
		return;
	start = ktime_get_ns();
	while (ktime_get_ns() - start < pages * READ_ONCE(slow_unmap_ns))
		cpu_relax();
}

static size_t mock_unmap_pages(struct iommu_domain *domain, unsigned long iova,
			       size_t pgsize, size_t pgcount,
			       struct iommu_iotlb_gather *gather)
{
	struct mock_domain *mock = to_mock_domain(domain);
	size_t done, size = pgsize * pgcount;
	void *pte;

	if (size > READ_ONCE(largest_unmap))
		WRITE_ONCE(largest_unmap, size);
	WARN_ON(gather->pgsize && gather->pgsize != size);
	gather->pgsize = size;
	for (done = 0; done < size; done += mock_pte_size(pte)) {
		/* There is none in the middle of a page, either. */
		pte = xa_erase(&mock->ptes, (iova + done) / MOCK_PAGE_SIZE);
		if (WARN_ON(!pte))
			break;
	}
	WARN_ON(done > size && !mock_may_end_inside(mock, size));
	size = max(size, done);
	iommu_iotlb_gather_add_range(gather, iova, size);
	mock_take_time(mock, size);
	return done;
}

/* With aligned_flush, the IOTLB would keep what comes after the aligned range. */
static void mock_iotlb_sync(struct iommu_domain *domain,
			    struct iommu_iotlb_gather *gather)
{
	unsigned long size = roundup_pow_of_two(gather->end - gather->start + 1);

	WARN_ON(mock_aligned_flush &&
		gather->end - ALIGN_DOWN(gather->start, size) >= size);
	WRITE_ONCE(flushes, READ_ONCE(flushes) + 1);
}

static phys_addr_t mock_iova_to_phys(struct iommu_domain *domain,
				     dma_addr_t iova)
{
	unsigned long index = iova / MOCK_PAGE_SIZE;
	void *pte = mock_find_pte(to_mock_domain(domain), &index);

	return pte ? mock_pte_phys(pte) + (iova - index * MOCK_PAGE_SIZE) : 0;
}

static const struct iommu_domain_ops mock_domain_ops = {
	.map_pages = mock_map_pages,
	.unmap_pages = mock_unmap_pages,
	.iotlb_sync_map = mock_sync_map,
	.iotlb_sync = mock_iotlb_sync,
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
	.iotlb_sync = mock_iotlb_sync,
	.iova_to_phys = mock_iova_to_phys,
};

static const struct iommu_domain_ops *mock_choose_ops(void)
{
	return READ_ONCE(map_one) ? &mock_map_one_ops : &mock_domain_ops;
}
#else
static const struct iommu_domain_ops *mock_choose_ops(void)
{
	return &mock_domain_ops;
}
#endif

/**
 * mock_domain_alloc() - Make an empty page table
 * @device_flags: MOCK_FLAGS_DEVICE_* of the device that it is for.
 * @dirty: The page table can track dirty pages.
 * @pagetable_type: MOCK_IOMMUPT_*.
 *
 * Pairs with mock_domain_free().
 *
 * Context: Process context; sleeps.
 *
 * Return: The page table, or NULL if there is no memory.
 */
struct mock_domain *mock_domain_alloc(u32 device_flags, bool dirty,
				      u32 pagetable_type)
{
	struct mock_domain *mock;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return NULL;
	mock->device_flags = device_flags;
	mock->dirty = dirty;
	mock->pagetable_type = pagetable_type;
	xa_init_flags(&mock->ptes, XA_FLAGS_ACCOUNT);
	mock->domain.type = IOMMU_DOMAIN_UNMANAGED;
	mock->domain.ops = mock_choose_ops();
	mock->domain.pgsize_bitmap = mock_page_sizes(device_flags,
						     pagetable_type);
	if (pagetable_type != MOCK_IOMMUPT_HUGE)
		mock->domain.geometry.aperture_start = MOCK_APERTURE_START;
	mock->domain.geometry.aperture_end = mock_aperture_last(device_flags,
								pagetable_type);
	mock->domain.geometry.force_aperture = true;
	return mock;
}

/**
 * mock_domain_free() - Free a page table
 * @mock: The page table.  Warns if it has mappings or devices.
 *
 * Context: Process context.
 */
void mock_domain_free(struct mock_domain *mock)
{
	WARN_ON(mock->ndevices);
	WARN_ON(!iopt_xa_end(&mock->ptes));
	kfree(mock);
}

/* Check that the memory of a user range is at a physical address. */
static int mock_check_user(phys_addr_t phys, size_t length, unsigned long uaddr)
{
	struct page *page;
	phys_addr_t at;
	size_t n;

	for (; length; length -= n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (get_user_pages_fast(uaddr & PAGE_MASK, 1, 0, &page) != 1)
			return -EFAULT;
		at = page_to_phys(page) + offset_in_page(uaddr);
		put_page(page);
		if (at != phys)
			return -EINVAL;
		n = min(length, PAGE_SIZE - offset_in_page(uaddr));
		phys += n;
		uaddr += n;
	}
	return 0;
}

/**
 * mock_domain_check() - Whether a page table maps the memory of a user range
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes; the range does not wrap.
 * @uaddr: First user address; all three are multiples of MOCK_PAGE_SIZE.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 if it does; -EINVAL if a page is not mapped, is not yet visible to
 * devices, or is other memory; -EFAULT if a user address has no memory; -EINTR
 * if the process is being killed.
 */
int mock_domain_check(struct mock_domain *mock, unsigned long iova,
		      unsigned long length, unsigned long uaddr)
{
	phys_addr_t phys;
	size_t n;
	void *pte;
	int rc;

	for (; length; length -= n) {
		pte = mock_find_seen(mock, iova, &phys, &n);
		if (!pte || !(mock_pte_prot(pte) & IOMMU_CACHE))
			return -EINVAL;
		n = min(n, length);
		rc = mock_check_user(phys, n, uaddr);
		if (rc)
			return rc;
		iova += n;
		uaddr += n;
	}
	return 0;
}

/**
 * mock_domain_check_phys() - Whether a page table maps physical addresses
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0; the range does not wrap.
 * @phys: First physical address; all three are multiples of MOCK_PAGE_SIZE.
 * @prot: The protection, IOMMU_*.
 *
 * Context: Process context.
 *
 * Return: 0 if it does; -ENOENT if nothing is mapped in the range; -EINVAL if a
 * page is not mapped, has another address or another protection, or is not yet
 * visible to devices.
 */
int mock_domain_check_phys(struct mock_domain *mock, unsigned long iova,
			   unsigned long length, phys_addr_t phys, int prot)
{
	phys_addr_t at;
	size_t n;
	void *pte;

	if (mock_is_empty(mock, iova, length))
		return -ENOENT;
	for (; length; length -= n) {
		pte = mock_find_seen(mock, iova, &at, &n);
		if (!pte || at != phys || mock_pte_prot(pte) != prot)
			return -EINVAL;
		n = min(n, length);
		iova += n;
		phys += n;
	}
	return 0;
}

/**
 * mock_domain_write() - Mark pages dirty as if a device had written to them
 * @mock: The page table, which tracks dirty pages.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0; both are multiples of MOCK_PAGE_SIZE.
 *
 * An entry is dirty as a whole, also if the range has only a part of its page.
 *
 * Context: Process context; sleeps.
 *
 * Return: 1 if any page of the range is mapped, 0 if none is, or -EINTR if the
 * process is being killed.
 */
int mock_domain_write(struct mock_domain *mock, unsigned long iova,
		      unsigned long length)
{
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long last = index + length / MOCK_PAGE_SIZE - 1;
	int mapped = 0;
	void *pte;

	/* The first page may begin before the range. */
	mock_find_pte(mock, &index);
	while (index <= last) {
		pte = xa_find(&mock->ptes, &index, last, XA_PRESENT);
		if (!pte)
			break;
		xa_set_mark(&mock->ptes, index, MOCK_PTE_DIRTY);
		mapped = 1;
		index += mock_pte_size(pte) / MOCK_PAGE_SIZE;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return mapped;
}

/**
 * mock_domain_read_dirty() - Report the dirty pages of a range
 * @mock: The page table.
 * @iova: First IOVA.
 * @length: Number of bytes, not 0.
 * @clear: Make the pages clean, except one that begins before the bitmap: see
 *	iommu_backend_ops::read_dirty().
 * @dirty: The bitmap to report them in, or NULL.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, or -EINTR if the process is being killed; what was made clean has
 * been reported.
 */
int mock_domain_read_dirty(struct mock_domain *mock, unsigned long iova,
			   size_t length, bool clear,
			   struct iommu_backend_dirty *dirty)
{
	unsigned long last = (iova + length - 1) / MOCK_PAGE_SIZE;
	unsigned long index = iova / MOCK_PAGE_SIZE;
	unsigned long start;
	size_t size;
	void *pte;

	/* The first page may begin before the range. */
	mock_find_pte(mock, &index);
	while (index <= last) {
		pte = xa_find(&mock->ptes, &index, last, MOCK_PTE_DIRTY);
		if (!pte)
			break;
		start = index * MOCK_PAGE_SIZE;
		size = mock_pte_size(pte);
		if (dirty)
			iommu_backend_set_dirty(dirty, start, size);
		if (clear && !(dirty && start < dirty->start))
			xa_clear_mark(&mock->ptes, index, MOCK_PTE_DIRTY);
		index += size / MOCK_PAGE_SIZE;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

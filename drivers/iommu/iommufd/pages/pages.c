// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that can be pinned
 *
 * A mapping is of a slice of a pages object: some bytes of a process, say.
 * Copies of the mapping, in any I/O address space, are of further slices of
 * this object.  While an area is in a domain, its slice is a user of the
 * object.  Each slice that an access has pinned is a user as well.  The object
 * keeps pinned exactly what its users cover:
 *
 *   index      0    1    2    3    4    5    6    7
 *   users           |--- slice A ---|
 *                             |--- slice B ---|
 *   pinned          *    *    *    *    *    *
 *
 * When a user is added, the indexes of it that are not pinned yet get pinned: 5
 * and 6, if A is there and B is added.  When a user is removed, the indexes
 * that no other user covers get unpinned.  Since the object knows its PFNs, see
 * pfns.h, nothing is ever read back from a page table, and half an addition is
 * undone by a removal.
 */
#include <linux/export.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "backend/map.h"
#include "pages.h"
#include "populate.h"

/* Up to this many pages need no memory to list them. */
#define IOPT_STACK_PAGES	16

/* Bytes of a pages object with its first area, for most kinds of memory */
#define IOPT_USUAL_BYTES	256

unsigned int iopt_scratch_bytes = IOPT_SCRATCH_BYTES;
EXPORT_SYMBOL_NS_GPL(iopt_scratch_bytes, "IOMMUFD_TEST");

const struct iopt_pages_ops *const iopt_kinds[IOPT_NKINDS] = {
	[IOPT_USER] = &iopt_user_ops,
	[IOPT_FILE] = &iopt_file_ops,
	[IOPT_MMIO] = &iopt_mmio_ops,
};

/* Returns how many pages can be listed in the scratch memory, at least 1. */
static unsigned long scratch_pages(void)
{
	return max_t(size_t, READ_ONCE(iopt_scratch_bytes) /
			     sizeof(struct page *), 1);
}

static int pages_charge(struct iopt_pages *pages, unsigned long npages)
{
	int rc;

	rc = iopt_account_charge(&pages->account, pages->account_mode, npages);
	if (!rc)
		iopt_account_count(&pages->account, npages);
	return rc;
}

static void pages_uncharge(struct iopt_pages *pages, unsigned long npages)
{
	iopt_account_count(&pages->account, -npages);
	iopt_account_uncharge(&pages->account, pages->account_mode, npages);
}

/*
 * Allocate a pages object with @private_size bytes after it.  The allocator
 * need not look for the right cache if the compiler knows the size.  It is made
 * to know that of memory of a process, which is mapped far more often than any
 * other kind.
 */
static struct iopt_pages *pages_zalloc(size_t private_size)
{
	size_t size = sizeof(struct iopt_pages) + private_size;

	return likely(size <= IOPT_USUAL_BYTES) ?
		       kzalloc(IOPT_USUAL_BYTES, GFP_KERNEL_ACCOUNT) :
		       kzalloc(size, GFP_KERNEL_ACCOUNT);
}

/**
 * iopt_pages_alloc() - Describe memory, for the current process to be charged
 * @kind: Its kind.
 * @start: Address of the first byte, in the address space of the kind.
 * @length: Number of bytes, not 0; @start + @length does not wrap.
 * @writeable: Devices may write to it.
 * @account_mode: Which limit pinned pages count against, unless the process may
 *	lock memory without limit.
 * @private_size: Bytes of iopt_pages_private(), zeroed.
 *
 * Pins nothing.  The byte at @start is byte @start - iopt_pages::base of the
 * object.
 *
 * Context: Process context.
 *
 * Return: the object with one reference, or ERR_PTR(-ENOMEM).
 */
struct iopt_pages *iopt_pages_alloc(enum iopt_kind kind, unsigned long start,
				    unsigned long length, bool writeable,
				    enum iopt_account_mode account_mode,
				    size_t private_size)
{
	unsigned long align = length >= PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	struct iopt_pages *pages;

	pages = pages_zalloc(iopt_kinds[kind]->size + private_size);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	kref_init(&pages->kref);
	pages->kind = kind;
	mutex_init(&pages->lock);
	pages->users = RB_ROOT_CACHED;
	pages->base = ALIGN_DOWN(start, align);
	iopt_pfns_init(&pages->pfns,
		       ((start + length - 1) >> PAGE_SHIFT) -
			 (pages->base >> PAGE_SHIFT) + 1);
	pages->account_mode = iopt_account_init(&pages->account, account_mode);
	pages->writeable = writeable;
	return pages;
}

static void pages_release(struct kref *kref)
{
	struct iopt_pages *pages = container_of(kref, struct iopt_pages, kref);

	WARN_ON(!RB_EMPTY_ROOT(&pages->users.rb_root));
	iopt_pfns_destroy(&pages->pfns);
	if (iopt_pages_ops(pages)->release)
		iopt_pages_ops(pages)->release(pages);
	iopt_account_put(&pages->account);
	mutex_destroy(&pages->lock);
	kfree(pages);
}

/**
 * iopt_pages_put() - Drop a reference
 * @pages: The object; with the last reference nothing of it is pinned.
 */
void iopt_pages_put(struct iopt_pages *pages)
{
	kref_put(&pages->kref, pages_release);
}

/* Find the first indexes from @index to @last that have no user. */
static bool find_hole(struct iopt_pages *pages, unsigned long index,
		      unsigned long last, unsigned long *hole_first,
		      unsigned long *hole_last)
{
	struct interval_tree_node *user;

	lockdep_assert_held(&pages->lock);

	/* Most objects have one user: there is none before it and after it. */
	if (RB_EMPTY_ROOT(&pages->users.rb_root)) {
		*hole_first = index;
		*hole_last = last;
		return index <= last;
	}
	while (index <= last) {
		user = interval_tree_iter_first(&pages->users, index, last);
		if (!user || user->start > index) {
			*hole_first = index;
			*hole_last = user ? user->start - 1 : last;
			return true;
		}
		index = user->last + 1;
		cond_resched();
	}
	return false;
}

/**
 * iopt_pages_npinned() - Tell how many pages are pinned
 * @pages: The object.
 *
 * Context: Process context, with iopt_pages::lock held.
 *
 * Return: the number of pages pinned, as charged.
 */
unsigned long iopt_pages_npinned(struct iopt_pages *pages)
{
	unsigned long npinned = pages->pfns.npages;
	unsigned long index = 0, first, last;

	while (find_hole(pages, index, pages->pfns.npages - 1, &first,
			 &last)) {
		npinned -= last - first + 1;
		index = last + 1;
	}
	return npinned;
}

/**
 * iopt_pages_change_account() - Charge another account from now on
 * @pages: The object.
 * @npinned: iopt_pages_npinned() of it.
 * @account: The other account, which is charged for @npinned pages already,
 *	unless it is charged on the counter of the old account.
 * @mode: Its mode.
 *
 * Context: Process context, with iopt_pages::lock held.
 */
void iopt_pages_change_account(struct iopt_pages *pages, unsigned long npinned,
			       const struct iopt_account *account, u8 mode)
{
	struct iopt_account old = pages->account;

	/* Uncharging may wait for a lock of the old process. */
	if (npinned &&
	    !iopt_account_same(&old, pages->account_mode, account, mode))
		iopt_account_uncharge(&old, pages->account_mode, npinned);
	iopt_account_count(&old, -npinned);
	iopt_account_count(account, npinned);

	/* user_copy_begin() reads this without the lock. */
	WRITE_ONCE(pages->account.mm, account->mm);
	pages->account.task = account->task;
	pages->account.cred = account->cred;
	pages->account_mode = mode;
	iopt_account_get(&pages->account);
	iopt_account_put(&old);
}

/**
 * iopt_pages_change_process() - Charge the current process from now on
 * @pages: The object.
 * @account_mode: As for iopt_pages_alloc().
 *
 * Nothing happens if the current process is charged already, even if it had
 * CAP_IPC_LOCK, or another user, when it was charged.
 *
 * Context: Process context, with iopt_pages::lock held.
 *
 * Return: 0, or, with nothing changed: -ENOMEM when over the limit, -EINTR when
 * killed.
 */
int iopt_pages_change_process(struct iopt_pages *pages,
			      enum iopt_account_mode account_mode)
{
	struct iopt_account account;
	unsigned long npinned;
	int rc = 0;
	u8 mode;

	lockdep_assert_held(&pages->lock);

	if (pages->account.mm == current->mm)
		return 0;
	npinned = iopt_pages_npinned(pages);
	mode = iopt_account_init(&account, account_mode);
	/* An account is not charged again for what it is charged for already. */
	if (npinned && !iopt_account_same(&pages->account, pages->account_mode,
					  &account, mode))
		rc = iopt_account_charge(&account, mode, npinned);
	if (!rc)
		iopt_pages_change_account(pages, npinned, &account, mode);
	iopt_account_put(&account);
	return rc;
}

/**
 * iopt_pages_get_memcg() - Get the memory cgroup of who is charged
 * @pages: The object.
 * @memcg: Set to the memory cgroup, for mem_cgroup_put(), or NULL for none.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
int iopt_pages_get_memcg(struct iopt_pages *pages, struct mem_cgroup **memcg)
{
	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	*memcg = get_mem_cgroup_from_mm(pages->account.mm);
	mutex_unlock(&pages->lock);
	return 0;
}

static void unpin_contiguous(struct iopt_pages *pages, unsigned long pfn,
			     unsigned long npages)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), npages,
					 pages->writeable);
}

/*
 * Is a pin of a page nothing but GUP_PIN_COUNTING_BIAS references? It is
 * something else for a large folio, for memory of a device and for the zero
 * page.
 */
static bool pin_is_references(struct page *page)
{
	return !PageCompound(page) && !is_zone_device_page(page) &&
	       !is_zero_pfn(page_to_pfn(page));
}

static void count_unpinned(struct pglist_data *node, long npages)
{
	if (npages)
		mod_node_page_state(node, NR_FOLL_PIN_RELEASED, npages);
}

/*
 * Unpin pages that are not contiguous. unpin_user_page_range_dirty_lock() would
 * spend most of its time counting each of them in the statistics.
 */
static void unpin_singles(struct iopt_pages *pages, const unsigned long *pfns,
			  unsigned long npages)
{
	struct pglist_data *node = NULL;
	unsigned long i, counted = 0;

	for (i = 0; i < npages; i++) {
		struct page *page = pfn_to_page(pfns[i]);

		if (!pin_is_references(page) ||
		    (pages->writeable && !PageDirty(page))) {
			unpin_contiguous(pages, pfns[i], 1);
			continue;
		}
		if (page_pgdat(page) != node) {
			count_unpinned(node, counted);
			node = page_pgdat(page);
			counted = 0;
		}
		counted++;
		folio_put_refs(page_folio(page), GUP_PIN_COUNTING_BIAS);
	}
	count_unpinned(node, counted);
}

/* Let others run between steps: memory may lie in small pages. */
static void unpin_steps(struct iopt_pages *pages, unsigned long pfn,
			unsigned long npages)
{
	unsigned long step = PHYS_PFN(READ_ONCE(iommu_step_bytes));

	for (; npages > step; pfn += step, npages -= step) {
		unpin_contiguous(pages, pfn, step);
		cond_resched();
	}
	unpin_contiguous(pages, pfn, npages);
}

static void unpin_range(struct iopt_pages *pages, unsigned long index,
			unsigned long last)
{
	struct iopt_pfn_range range __uninitialized;
	const unsigned long *pfns;
	unsigned long n;

	for (iopt_pfn_range_first(&range, &pages->pfns, index, last);
	     range.npages; iopt_pfn_range_next(&range)) {
		n = iopt_pfn_range_singles(&range, &pfns);
		if (n)
			unpin_singles(pages, pfns, n);
		else
			unpin_steps(pages, range.pfn, range.npages);
	}
}

/**
 * iopt_pages_unpin_unused() - Unpin and uncharge what no user covers any more
 * @pages: The object.
 * @index: First index; all from here to @last is pinned.
 * @last: Last index, inclusive.
 *
 * Context: Process context, with iopt_pages::lock held.  Cannot fail and needs
 * no memory.
 */
void iopt_pages_unpin_unused(struct iopt_pages *pages, unsigned long index,
			     unsigned long last)
{
	unsigned long hole_first, hole_last;

	for (; find_hole(pages, index, last, &hole_first, &hole_last);
	     index = hole_last + 1) {
		unpin_range(pages, hole_first, hole_last);
		pages_uncharge(pages, hole_last - hole_first + 1);

		if (RB_EMPTY_ROOT(&pages->users.rb_root)) {
			iopt_pfns_forget_all(&pages->pfns);
			return;
		}
		for (index = hole_first; index <= hole_last;
		     index = iopt_chunk_last(index) + 1) {
			if (!interval_tree_iter_first(&pages->users,
						      iopt_chunk_first(index),
						      iopt_chunk_last(index)))
				iopt_pfns_forget(&pages->pfns, index);
			cond_resched();
		}
	}
}

/* Undo iopt_pages_ops::pin(). */
static void unpin_list(struct page **list, long npages,
		       enum iopt_layout layout)
{
	if (layout == IOPT_CONTIGUOUS)
		unpin_user_page_range_dirty_lock(*list, npages, false);
	else
		unpin_user_pages(list, npages);
}

/*
 * Pin from *@index to @last, chunk by chunk, but no more than @capacity pages
 * at a time. *@index is always the first index that is not pinned yet.
 */
static int pin_chunks(struct iopt_pages *pages, unsigned long *index,
		      unsigned long last, struct page **list,
		      unsigned long capacity)
{
	const struct iopt_pages_ops *ops = iopt_pages_ops(pages);
	unsigned long window;
	enum iopt_layout layout = IOPT_SCATTERED;
	long n;
	int rc;

	for (;;) {
		if (fatal_signal_pending(current))
			return -EINTR;

		window = min(last, iopt_chunk_last(*index)) - *index + 1;
		n = ops->pin(pages, *index, min(window, capacity), list,
			     &layout);
		if (n < 0)
			return n;
		rc = iopt_pfns_add(&pages->pfns, *index, list, n, layout);
		if (rc) {
			unpin_list(list, n, layout);
			return rc;
		}
		*index += n;
		if (*index > last)
			return 0;
		cond_resched();
	}
}

/* Tell whether pinning faults in memory of the current process for writing. */
static bool pages_may_populate(const struct iopt_pages *pages)
{
	return pages->kind == IOPT_USER && pages->writeable &&
	       pages->account.mm == current->mm;
}

/*
 * Pin and charge a range of indexes none of which is pinned.  *@stop is set to
 * the first that is not pinned after, also on error.
 */
static int pin_hole(struct iopt_pages *pages, unsigned long first,
		    unsigned long last, unsigned long *stop)
{
	unsigned long npages = last - first + 1;
	struct page *few[IOPT_STACK_PAGES] __uninitialized;
	struct iopt_populate *populate = NULL;
	struct page **list = few;
	unsigned long capacity;
	int rc;

	*stop = first;
	if (READ_ONCE(pages->uaddr_invalid))
		return -EBUSY;
	rc = pages_charge(pages, npages);
	if (rc)
		return rc;

	rc = -ENOMEM;
	capacity = min3(npages, IOPT_CHUNK_PAGES, scratch_pages());
	if (capacity > ARRAY_SIZE(few)) {
		list = kmalloc_array(capacity, sizeof(*list),
				     GFP_KERNEL_ACCOUNT);
		if (!list)
			goto out_uncharge;
		if (pages_may_populate(pages))
			populate = iopt_populate_start(pages->base, stop, last);
	}

	rc = pin_chunks(pages, stop, last, list, capacity);

	if (list != few) {
		iopt_populate_stop(populate);
		kfree(list);
	}
out_uncharge:
	if (rc)
		pages_uncharge(pages, last - *stop + 1);
	return rc;
}

/**
 * iopt_pages_pin() - Pin and charge what no user covers yet
 * @pages: The object.
 * @first: First index.
 * @last: Last index, inclusive.
 *
 * The caller adds a user that covers the range after that.
 *
 * Context: Process context, with iopt_pages::lock held.  May fault in user
 * memory.
 *
 * Return: 0, or, with nothing changed, an errno: see iopt_slice_pin().
 */
int iopt_pages_pin(struct iopt_pages *pages, unsigned long first,
		   unsigned long last)
{
	unsigned long index = first, hole_first, hole_last;
	int rc = 0;

	lockdep_assert_held(&pages->lock);

	while (!rc && index <= last &&
	       find_hole(pages, index, last, &hole_first, &hole_last))
		rc = pin_hole(pages, hole_first, hole_last, &index);
	if (iopt_pages_ops(pages)->pin_end)
		iopt_pages_ops(pages)->pin_end(pages);
	if (rc && index > first)
		iopt_pages_unpin_unused(pages, first, index - 1);
	return rc;
}

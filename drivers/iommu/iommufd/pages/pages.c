// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that can be pinned, and slices of it that are
 *
 * A mapping begins as a slice of a pages object: "these bytes of that process".
 * Copies of the mapping, in any I/O address space, are further slices of the
 * same object.  While an area is in a domain its slice is a user of the object,
 * and so is, for as long, each slice that an access has pinned.  The object keeps
 * pinned exactly what its users cover:
 *
 *   index      0    1    2    3    4    5    6    7
 *   users           |--- slice A ---|
 *                             |--- slice B ---|
 *   pinned          *    *    *    *    *    *
 *
 * Adding a user pins the holes it finds, here for B indexes 5 and 6 if A came
 * first.  Removing one unpins what nobody else covers.  Since the object knows
 * its frames, see pfns.h, nothing ever needs to be read back from a page
 * table, and undoing half an addition is the same as a removal.
 */
#include <linux/export.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend/domain.h"
#include "pages.h"
#include "populate.h"

/* Up to this many pages need no memory to list them. */
#define IOPT_STACK_PAGES	16

/* Of a pages object with its first area, if that is all there is */
#define IOPT_USUAL_BYTES	256

unsigned int iopt_scratch_bytes = IOPT_SCRATCH_BYTES;
EXPORT_SYMBOL_NS_GPL(iopt_scratch_bytes, "IOMMUFD_TEST");

static const struct iopt_pages_ops *const iopt_kinds[IOPT_NKINDS] = {
	[IOPT_USER] = &iopt_user_ops,
	[IOPT_FILE] = &iopt_file_ops,
	[IOPT_MMIO] = &iopt_mmio_ops,
};

static const struct iopt_pages_ops *ops_of(const struct iopt_pages *pages)
{
	return iopt_kinds[pages->kind];
}

/* How many pages can be listed in the scratch memory, at least 1? */
static unsigned long scratch_pages(void)
{
	return max_t(size_t, READ_ONCE(iopt_scratch_bytes) /
			     sizeof(struct page *), 1);
}

static int charge(struct iopt_pages *pages, unsigned long npages)
{
	int rc = iopt_payer_charge(&pages->payer, pages->account_mode, npages);

	if (!rc)
		iopt_payer_count(&pages->payer, npages);
	return rc;
}

static void uncharge(struct iopt_pages *pages, unsigned long npages)
{
	iopt_payer_count(&pages->payer, -npages);
	iopt_payer_uncharge(&pages->payer, pages->account_mode, npages);
}

/*
 * Allocate a pages object with @room bytes after it.  Of a size that the compiler
 * knows, as that of a mapping of a process's memory, by far the most frequent,
 * the allocator does not have to look for the right cache.
 */
static struct iopt_pages *pages_zalloc(size_t room)
{
	size_t size = sizeof(struct iopt_pages) + room;

	return likely(size <= IOPT_USUAL_BYTES) ?
		       kzalloc(IOPT_USUAL_BYTES, GFP_KERNEL_ACCOUNT) :
		       kzalloc(size, GFP_KERNEL_ACCOUNT);
}

/**
 * iopt_pages_alloc() - Describe memory, for the current process to be charged
 * @kind: Its kind.
 * @start: Address of the first byte, as the kind counts them.
 * @length: Number of bytes, not 0; @start + @length does not wrap.
 * @writeable: Devices may write to it.
 * @account_mode: Whom to charge, unless the caller may lock without limit.
 * @room: Bytes of iopt_pages_room(), zeroed.
 *
 * Pins nothing.  The byte at @start is byte
 * @start - iopt_pages::base of the object.  Process context.
 *
 * Return: the object with one reference, or ERR_PTR(-ENOMEM).
 */
struct iopt_pages *iopt_pages_alloc(enum iopt_kind kind, unsigned long start,
				    unsigned long length, bool writeable,
				    enum iopt_account_mode account_mode,
				    size_t room)
{
	unsigned long align = length >= PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	struct iopt_pages *pages;

	pages = pages_zalloc(iopt_kinds[kind]->size + room);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	kref_init(&pages->kref);
	pages->kind = kind;
	mutex_init(&pages->lock);
	pages->users = RB_ROOT_CACHED;
	pages->base = ALIGN_DOWN(start, align);
	iopt_frames_init(&pages->frames,
			 ((start + length - 1) >> PAGE_SHIFT) -
			 (pages->base >> PAGE_SHIFT) + 1);
	pages->account_mode = iopt_payer_init(&pages->payer, account_mode);
	pages->writeable = writeable;
	return pages;
}

static void pages_release(struct kref *kref)
{
	struct iopt_pages *pages = container_of(kref, struct iopt_pages, kref);

	WARN_ON(!RB_EMPTY_ROOT(&pages->users.rb_root));
	iopt_frames_destroy(&pages->frames);
	if (ops_of(pages)->release)
		ops_of(pages)->release(pages);
	iopt_payer_put(&pages->payer);
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

/**
 * iopt_pages_room() - What the one who made a pages object has in it
 * @pages: The object.
 *
 * Return: the room that iopt_pages_alloc() was asked for.
 */
void *iopt_pages_room(struct iopt_pages *pages)
{
	return (void *)pages->room + ops_of(pages)->size;
}

/* Find the first run of indexes from @index to @last without a user. */
static bool find_hole(struct iopt_pages *pages, unsigned long index,
		      unsigned long last, unsigned long *hole_first,
		      unsigned long *hole_last)
{
	struct interval_tree_node *user;

	lockdep_assert_held(&pages->lock);

	while (index <= last) {
		user = RB_EMPTY_ROOT(&pages->users.rb_root) ? NULL :
			interval_tree_iter_first(&pages->users, index, last);
		if (!user || user->start > index) {
			*hole_first = index;
			*hole_last = user ? user->start - 1 : last;
			return true;
		}
		index = user->last + 1;
	}
	return false;
}

/**
 * iopt_pages_npinned() - How many pages are pinned
 * @pages: The object, locked.
 *
 * Return: their number, as charged.
 */
unsigned long iopt_pages_npinned(struct iopt_pages *pages)
{
	unsigned long npinned = pages->frames.npages;
	unsigned long index = 0, first, last;

	while (find_hole(pages, index, pages->frames.npages - 1, &first,
			 &last)) {
		npinned -= last - first + 1;
		index = last + 1;
	}
	return npinned;
}

static void unpin(struct iopt_pages *pages, unsigned long pfn,
		  unsigned long npages)
{
	unpin_user_page_range_dirty_lock(pfn_to_page(pfn), npages,
					 pages->writeable);
}

/*
 * Is a pin of a page so many references, and nothing else?  Of a large folio, of
 * memory of a device and of the zero page it is not.
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
 * Unpin pages that do not follow one another.  The kernel's own way to do that,
 * which unpin() takes, spends most of its time to count each in the statistics.
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
			unpin(pages, pfns[i], 1);
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

static void unpin_runs(struct iopt_pages *pages, unsigned long index,
		       unsigned long last)
{
	struct iopt_run run __uninitialized;
	const unsigned long *pfns;
	unsigned long n;

	for (iopt_run_first(&run, &pages->frames, index, last); run.npages;
	     iopt_run_next(&run)) {
		n = iopt_run_singles(&run, &pfns);
		if (n)
			unpin_singles(pages, pfns, n);
		else
			unpin(pages, run.pfn, run.npages);
		cond_resched();
	}
}

/* Unpin all from @index to @last that has no user. */
static void unpin_unused(struct iopt_pages *pages, unsigned long index,
			 unsigned long last)
{
	unsigned long hole_first, hole_last;

	for (; find_hole(pages, index, last, &hole_first, &hole_last);
	     index = hole_last + 1) {
		unpin_runs(pages, hole_first, hole_last);
		uncharge(pages, hole_last - hole_first + 1);

		if (RB_EMPTY_ROOT(&pages->users.rb_root)) {
			iopt_frames_forget_all(&pages->frames);
			return;
		}
		for (index = hole_first; index <= hole_last;
		     index = iopt_chunk_last(index) + 1)
			if (!interval_tree_iter_first(&pages->users,
						      iopt_chunk_first(index),
						      iopt_chunk_last(index)))
				iopt_frames_forget(&pages->frames, index);
	}
}

/* Undo iopt_pages_ops::pin(). */
static void unpin_list(struct page **list, long npages, bool adjacent)
{
	if (adjacent)
		unpin_user_page_range_dirty_lock(*list, npages, false);
	else
		unpin_user_pages(list, npages);
}

/*
 * Pin from *@index to @last, chunk by chunk but no more than @room pages at a
 * time; *@index follows.
 */
static int pin_chunks(struct iopt_pages *pages, unsigned long *index,
		      unsigned long last, struct page **list,
		      unsigned long room)
{
	unsigned long window;
	bool adjacent = false;
	long n;
	int rc;

	while (*index <= last) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		window = min(last, iopt_chunk_last(*index)) - *index + 1;
		n = ops_of(pages)->pin(pages, *index, min(window, room), list,
				       &adjacent);
		if (n < 0)
			return n;
		rc = iopt_frames_add(&pages->frames, *index, list, n, adjacent);
		if (rc) {
			unpin_list(list, n, adjacent);
			return rc;
		}
		*index += n;
	}
	return 0;
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
	struct iopt_populate *populate __uninitialized;
	struct page **list = few;
	unsigned long room;
	int rc;

	*stop = first;
	rc = charge(pages, npages);
	if (rc)
		return rc;

	rc = -ENOMEM;
	room = min3(npages, IOPT_CHUNK_PAGES, scratch_pages());
	if (room > ARRAY_SIZE(few)) {
		list = kmalloc_array(room, sizeof(*list), GFP_KERNEL_ACCOUNT);
		if (!list)
			goto out_uncharge;
		populate = iopt_populate_start(pages, stop, last);
	}

	rc = pin_chunks(pages, stop, last, list, room);

	if (list != few) {
		iopt_populate_stop(populate);
		kfree(list);
	}
out_uncharge:
	if (rc)
		uncharge(pages, last - *stop + 1);
	return rc;
}

/**
 * iopt_slice_init() - Describe some bytes of a pages object
 * @slice: The slice.
 * @pages: The pages object; the slice takes over the caller's reference, or
 *	does not outlive one that somebody else has.
 * @start: First byte in it.
 * @length: Number of bytes, not 0.
 */
void iopt_slice_init(struct iopt_slice *slice, struct iopt_pages *pages,
		     unsigned long start, unsigned long length)
{
	slice->pages = pages;
	slice->user.start = start >> PAGE_SHIFT;
	slice->user.last = (start + length - 1) >> PAGE_SHIFT;
	slice->offset = offset_in_page(start);
	slice->length = length;
}

/**
 * iopt_slice_split() - Make two slices of one
 * @slice: The slice; keeps its first @length bytes.
 * @tail: Set to the rest.
 * @length: Bytes, more than 0 and less than @slice has.
 * @pinned: @slice is pinned, and so will both be.
 *
 * Pins and unpins nothing, since the two cover what the one did.  May sleep.
 * Cannot fail and needs no memory.
 */
void iopt_slice_split(struct iopt_slice *slice, struct iopt_slice *tail,
		      unsigned long length, bool pinned)
{
	struct iopt_pages *pages = slice->pages;
	unsigned long start = iopt_slice_start(slice);
	unsigned long rest = slice->length - length;

	iopt_pages_get(pages);
	mutex_lock(&pages->lock);
	if (pinned)
		interval_tree_remove(&slice->user, &pages->users);
	iopt_slice_init(slice, pages, start, length);
	iopt_slice_init(tail, pages, start + length, rest);
	if (pinned) {
		interval_tree_insert(&slice->user, &pages->users);
		interval_tree_insert(&tail->user, &pages->users);
	}
	mutex_unlock(&pages->lock);
}

/**
 * iopt_slice_pin() - Make a slice a user of its pages object
 * @slice: The slice.
 *
 * Pins and charges those of its pages that no other user has pinned.  May
 * sleep and fault in user memory.
 *
 * Return: 0, or, with nothing changed: -EFAULT when the memory cannot be
 * accessed as wanted or is gone, -ENOMEM also over the limit of locked memory,
 * -EINTR when killed, or what else iopt_pages_ops::pin() returns.
 */
int iopt_slice_pin(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;
	unsigned long index = slice->user.start, first, last;
	int rc = 0;

	mutex_lock(&pages->lock);
	while (!rc &&
	       find_hole(pages, index, slice->user.last, &first, &last))
		rc = pin_hole(pages, first, last, &index);
	if (!rc)
		interval_tree_insert(&slice->user, &pages->users);
	else if (index > slice->user.start)
		unpin_unused(pages, slice->user.start, index - 1);
	mutex_unlock(&pages->lock);
	return rc;
}

/**
 * iopt_slice_unpin() - Undo iopt_slice_pin()
 * @slice: The slice; no device can reach its pages through it any more.
 *
 * Unpins and uncharges what no other user needs.  May sleep.  Cannot fail and
 * needs no memory.
 */
void iopt_slice_unpin(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;

	mutex_lock(&pages->lock);
	interval_tree_remove(&slice->user, &pages->users);
	unpin_unused(pages, slice->user.start, slice->user.last);
	mutex_unlock(&pages->lock);
}

/*
 * Map page by page, whatever could be mapped at once.  With @finish, go on when
 * the caller is killed: it may not be the user.
 */
static int map_small(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t phys, size_t length, int prot, bool finish)
{
	size_t n, done;
	int rc;

	for (done = 0; done < length; done += n) {
		rc = -EINTR;
		if (!finish && fatal_signal_pending(current))
			goto err_unmap;
		cond_resched();
		n = min(length - done, PAGE_SIZE - offset_in_page(phys + done));
		rc = iommu_provider_map(domain, iova + done, phys + done, n,
					prot);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	iommu_provider_unmap(domain, iova, done);
	return rc;
}

/* Map runs, one after the other. */
static int slice_map_runs(struct iopt_slice *slice, struct iopt_run *run,
			  struct iommu_domain *domain, unsigned long iova,
			  int prot, bool huge_pages)
{
	bool whole_pages = PAGE_ALIGNED(slice->offset | slice->length);
	size_t length, offset = slice->offset, done = 0;
	const unsigned long *pfns;
	unsigned long n;
	int rc;

	for (; run->npages; iopt_run_next(run)) {
		phys_addr_t phys = PFN_PHYS(run->pfn) + offset;
		unsigned long at = iova + done;

		rc = -EINTR;
		if (fatal_signal_pending(current))
			goto err_unmap;
		cond_resched();

		length = min(run->npages * PAGE_SIZE - offset,
			     slice->length - done);
		n = huge_pages && whole_pages ? iopt_run_singles(run, &pfns) : 0;
		if (n) {
			length = n * PAGE_SIZE;
			rc = iommu_provider_map_pages(domain, at, pfns, n,
						      prot);
		} else if (huge_pages) {
			rc = iommu_provider_map(domain, at, phys, length, prot);
		} else {
			rc = map_small(domain, at, phys, length, prot, false);
		}
		if (rc)
			goto err_unmap;
		offset = 0;
		done += length;
	}
	return 0;

err_unmap:
	iommu_provider_unmap(domain, iova, done);
	return rc;
}

/**
 * iopt_slice_map() - Map a slice into a domain
 * @slice: The slice, pinned.
 * @domain: The domain.
 * @iova: Where; nothing is mapped there.
 * @prot: IOMMU_READ and so on.
 * @huge_pages: Use larger pages of the IOMMU where memory is contiguous.
 *
 * Return: 0, or, with nothing mapped: -ENOMEM, -EINTR when killed, or what the
 * IOMMU driver says.
 */
int iopt_slice_map(struct iopt_slice *slice, struct iommu_domain *domain,
		   unsigned long iova, int prot, bool huge_pages)
{
	struct iopt_run run __uninitialized;
	int rc;

	mutex_lock(&slice->pages->lock);
	iopt_run_first(&run, &slice->pages->frames, slice->user.start,
		       slice->user.last);
	/* Most of what is small is a single run. */
	if (huge_pages && run.npages == iopt_slice_npages(slice))
		rc = iommu_provider_map(domain, iova,
					PFN_PHYS(run.pfn) + slice->offset,
					slice->length, prot);
	else
		rc = slice_map_runs(slice, &run, domain, iova, prot,
				    huge_pages);
	if (!rc)
		rc = iommu_provider_sync_map(domain, iova, slice->length);
	mutex_unlock(&slice->pages->lock);
	return rc;
}

/**
 * iopt_map_phys() - Map what is not pinned into a domain
 * @domain: The domain.
 * @iova: Where; nothing is mapped there.
 * @phys: First byte of what.
 * @length: Bytes.
 * @prot: IOMMU_READ and so on.
 * @huge_pages: Use larger pages of the IOMMU.
 *
 * Goes on to its end when the caller is killed.
 *
 * Return: 0, or, with nothing mapped: -ENOMEM, or what the IOMMU driver says.
 */
int iopt_map_phys(struct iommu_domain *domain, unsigned long iova,
		  phys_addr_t phys, size_t length, int prot, bool huge_pages)
{
	int rc;

	if (huge_pages)
		rc = iommu_provider_map(domain, iova, phys, length, prot);
	else
		rc = map_small(domain, iova, phys, length, prot, true);
	return rc ?: iommu_provider_sync_map(domain, iova, length);
}

/**
 * iopt_slice_get_pages() - List the pages of a slice
 * @slice: The slice, pinned.
 * @pages: Filled with iopt_slice_npages() pages.
 */
void iopt_slice_get_pages(struct iopt_slice *slice, struct page **pages)
{
	struct iopt_run run;
	unsigned long i;

	mutex_lock(&slice->pages->lock);
	for (iopt_run_first(&run, &slice->pages->frames, slice->user.start,
			    slice->user.last);
	     run.npages; iopt_run_next(&run))
		for (i = 0; i < run.npages; i++)
			*pages++ = pfn_to_page(run.pfn + i);
	mutex_unlock(&slice->pages->lock);
}

/* Copy between the first bytes of a run and the kernel's memory. */
static void run_rw(struct iopt_run *run, size_t offset, size_t bytes,
		   void *data, bool write)
{
	unsigned long pfn = run->pfn;

	while (bytes) {
		size_t n = min(bytes, PAGE_SIZE - offset);
		struct page *page = pfn_to_page(pfn++);

		if (write)
			memcpy_to_page(page, offset, data, n);
		else
			memcpy_from_page(data, page, offset, n);
		cond_resched();
		offset = 0;
		data += n;
		bytes -= n;
	}
}

static void slice_rw_runs(struct iopt_slice *slice, void *data, bool write)
{
	size_t offset = slice->offset;
	size_t left = slice->length;
	struct iopt_run run;

	for (iopt_run_first(&run, &slice->pages->frames, slice->user.start,
			    slice->user.last);
	     run.npages; iopt_run_next(&run)) {
		size_t bytes = min(run.npages * PAGE_SIZE - offset, left);

		run_rw(&run, offset, bytes, data, write);
		offset = 0;
		data += bytes;
		left -= bytes;
	}
}

static int slice_rw_user(struct iopt_slice *slice, void *data, bool write)
{
	void __user *uaddr = (void __user *)(slice->pages->base +
					     iopt_slice_start(slice));
	unsigned long left;

	if (write)
		left = copy_to_user(uaddr, data, slice->length);
	else
		left = copy_from_user(data, uaddr, slice->length);
	return left ? -EFAULT : 0;
}

static bool slice_has_users(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;
	bool has;

	mutex_lock(&pages->lock);
	has = interval_tree_iter_first(&pages->users, slice->user.start,
				       slice->user.last);
	mutex_unlock(&pages->lock);
	return has;
}

/**
 * iopt_slice_rw() - Copy between a slice and the kernel's memory
 * @slice: The slice, not pinned itself.
 * @data: As many bytes as the slice has.
 * @write: Write to the slice; its memory is writeable.
 * @remote: The caller is not the owner of the memory, even if it looks so.
 *
 * What is pinned is what devices see, whatever is behind the user address by
 * now, so that is used where there is any.  Otherwise the owner copies as any
 * system call does, and for others, and from and to files, the slice is pinned
 * meanwhile.
 *
 * May sleep and fault in user memory.
 *
 * Return: 0, -EFAULT, and then the owner may have copied some of it, or what
 * iopt_slice_pin() returns.
 */
int iopt_slice_rw(struct iopt_slice *slice, void *data, bool write,
		  bool remote)
{
	int rc;

	if (!remote && slice->pages->kind == IOPT_USER &&
	    slice->pages->payer.mm == current->mm && !slice_has_users(slice))
		return slice_rw_user(slice, data, write);

	rc = iopt_slice_pin(slice);
	if (rc)
		return rc;
	mutex_lock(&slice->pages->lock);
	slice_rw_runs(slice, data, write);
	mutex_unlock(&slice->pages->lock);
	iopt_slice_unpin(slice);
	return 0;
}

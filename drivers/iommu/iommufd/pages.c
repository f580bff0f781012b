// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that can be pinned, and slices of it that are
 *
 * A mapping begins as a slice of a pages object: "these bytes of that process".
 * Copies of the mapping, in any I/O address space, are further slices of the
 * same object.  While an area is in a domain its slice is a user of the object,
 * and the object keeps pinned exactly what its users cover:
 *
 *   index      0    1    2    3    4    5    6    7
 *   users           |--- slice A ---|
 *                             |--- slice B ---|
 *   pinned          *    *    *    *    *    *
 *
 * Adding a user pins the holes it finds, here for B indexes 5 and 6 if A came
 * first.  Removing one unpins what nobody else covers.  Since the object knows
 * its frames, see frames.h, nothing ever needs to be read back from a page
 * table, and undoing half an addition is the same as a removal.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>

#include "pages.h"
#include "provider.h"

/* No entry of a scatter list is longer, and this keeps huge pages whole. */
#define IOPT_BATCH_RUN_BYTES	SZ_1G

/* Up to this many pages, or runs, need no memory to list them. */
#define IOPT_STACK_PAGES	16
#define IOPT_STACK_RUNS		16

unsigned int iopt_scratch_bytes = IOPT_SCRATCH_BYTES;
EXPORT_SYMBOL_NS_GPL(iopt_scratch_bytes, IOMMUFD_TEST);

/* How many entries of @size bytes fit the scratch memory, at least 1? */
static unsigned int scratch_entries(size_t size)
{
	return max_t(size_t, READ_ONCE(iopt_scratch_bytes) / size, 1);
}

static int account_user(struct iopt_pages *pages, unsigned long npages)
{
	unsigned long limit = task_rlimit(pages->task, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	long locked = atomic_long_read(&pages->user->locked_vm);

	do {
		if (locked + npages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&pages->user->locked_vm, &locked,
					  locked + npages));
	return 0;
}

static int account_process(struct iopt_pages *pages, unsigned long npages)
{
	int rc;

	if (mmap_write_lock_killable(pages->mm))
		return -EINTR;
	rc = __account_locked_vm(pages->mm, npages, true, pages->task, false);
	mmap_write_unlock(pages->mm);
	return rc;
}

static int charge(struct iopt_pages *pages, unsigned long npages)
{
	int rc = 0;

	if (pages->account_mode == IOPT_ACCOUNT_USER)
		rc = account_user(pages, npages);
	else if (pages->account_mode == IOPT_ACCOUNT_PROCESS)
		rc = account_process(pages, npages);
	if (!rc)
		atomic64_add(npages, &pages->mm->pinned_vm);
	return rc;
}

static void uncharge(struct iopt_pages *pages, unsigned long npages)
{
	atomic64_sub(npages, &pages->mm->pinned_vm);
	if (pages->account_mode == IOPT_ACCOUNT_USER) {
		atomic_long_sub(npages, &pages->user->locked_vm);
	} else if (pages->account_mode == IOPT_ACCOUNT_PROCESS) {
		mmap_write_lock(pages->mm);
		__account_locked_vm(pages->mm, npages, false, pages->task,
				    false);
		mmap_write_unlock(pages->mm);
	}
}

/**
 * iopt_pages_alloc() - Describe memory of the current process
 * @uaddr: User address of the first byte.
 * @length: Number of bytes, not 0; @uaddr + @length does not wrap.
 * @writeable: Devices may write to it.
 * @account_mode: Whom to charge, unless the caller may lock without limit.
 * @room: Bytes of iopt_pages::room, zeroed.
 *
 * Pins nothing.  The byte at @uaddr is byte
 * @uaddr - iopt_pages::uaddr of the object.  Process context.
 *
 * Return: the object with one reference, or ERR_PTR(-ENOMEM).
 */
struct iopt_pages *iopt_pages_alloc(unsigned long uaddr, unsigned long length,
				    bool writeable,
				    enum iopt_account_mode account_mode,
				    size_t room)
{
	unsigned long align = length >= PMD_SIZE ? PMD_SIZE : PAGE_SIZE;
	struct iopt_pages *pages;

	pages = kzalloc(sizeof(*pages) + room, GFP_KERNEL_ACCOUNT);
	if (!pages)
		return ERR_PTR(-ENOMEM);

	kref_init(&pages->kref);
	mutex_init(&pages->lock);
	pages->users = RB_ROOT_CACHED;
	pages->uaddr = ALIGN_DOWN(uaddr, align);
	iopt_frames_init(&pages->frames,
			 ((uaddr + length - 1) >> PAGE_SHIFT) -
			 (pages->uaddr >> PAGE_SHIFT) + 1);
	pages->mm = current->mm;
	mmgrab(pages->mm);
	pages->task = get_task_struct(current->group_leader);
	pages->account_mode = capable(CAP_IPC_LOCK) ? IOPT_ACCOUNT_NONE :
						      account_mode;
	if (pages->account_mode == IOPT_ACCOUNT_USER)
		pages->user = get_uid(current_user());
	pages->writeable = writeable;
	return pages;
}

static void pages_release(struct kref *kref)
{
	struct iopt_pages *pages = container_of(kref, struct iopt_pages, kref);

	WARN_ON(!RB_EMPTY_ROOT(&pages->users.rb_root));
	iopt_frames_destroy(&pages->frames);
	free_uid(pages->user);
	put_task_struct(pages->task);
	mmdrop(pages->mm);
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

/* Find the first run of indexes from @index to @last without a user. */
static bool find_hole(struct iopt_pages *pages, unsigned long index,
		      unsigned long last, unsigned long *hole_first,
		      unsigned long *hole_last)
{
	struct interval_tree_node *user;

	lockdep_assert_held(&pages->lock);

	while (index <= last) {
		user = interval_tree_iter_first(&pages->users, index, last);
		if (!user || user->start > index) {
			*hole_first = index;
			*hole_last = user ? user->start - 1 : last;
			return true;
		}
		index = user->last + 1;
	}
	return false;
}

/* Unpin all from @index to @last that has no user. */
static void unpin_unused(struct iopt_pages *pages, unsigned long index,
			 unsigned long last)
{
	unsigned long hole_first, hole_last;
	struct iopt_run run;

	for (; find_hole(pages, index, last, &hole_first, &hole_last);
	     index = hole_last + 1) {
		for (iopt_run_first(&run, &pages->frames, hole_first,
				    hole_last);
		     run.npages; iopt_run_next(&run)) {
			unpin_user_page_range_dirty_lock(pfn_to_page(run.pfn),
							 run.npages,
							 pages->writeable);
			/* Often enough, but not for each single page */
			if (run.npages > 1 || run.index % IOPT_CHUNK_PAGES == 0)
				cond_resched();
		}
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

/*
 * Pin what one call to the kernel's mm does, from @index on.  Returns how many
 * pages, at least 1, or an errno.
 */
static long pin_some(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list)
{
	unsigned long uaddr = pages->uaddr + index * PAGE_SIZE;
	unsigned int gup_flags = FOLL_LONGTERM;
	int locked = 1;
	long n;

	if (pages->writeable)
		gup_flags |= FOLL_WRITE;

	if (pages->mm == current->mm) {
		n = pin_user_pages_fast(uaddr, npages, gup_flags, list);
	} else {
		if (mmap_read_lock_killable(pages->mm))
			return -EINTR;
		n = pin_user_pages_remote(pages->mm, uaddr, npages, gup_flags,
					  list, &locked);
		if (locked)
			mmap_read_unlock(pages->mm);
	}
	return n ?: -EFAULT;
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
	int rc;
	long n;

	while (*index <= last) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		window = min(last, iopt_chunk_last(*index)) - *index + 1;
		n = pin_some(pages, *index, min(window, room), list);
		if (n < 0)
			return n;
		rc = iopt_frames_add(&pages->frames, *index, list, n);
		if (rc) {
			unpin_user_pages(list, n);
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
	struct page **list = few;
	unsigned long room;
	int rc;

	*stop = first;
	rc = charge(pages, npages);
	if (rc)
		return rc;

	rc = -ENOMEM;
	room = min3(npages, IOPT_CHUNK_PAGES,
		    (unsigned long)scratch_entries(sizeof(*list)));
	if (room > ARRAY_SIZE(few))
		list = kmalloc_array(room, sizeof(*list), GFP_KERNEL_ACCOUNT);
	if (!list)
		goto out_uncharge;

	rc = -EFAULT;
	if (pages->mm == current->mm) {
		rc = pin_chunks(pages, stop, last, list, room);
	} else if (mmget_not_zero(pages->mm)) {
		rc = pin_chunks(pages, stop, last, list, room);
		mmput(pages->mm);
	}

	if (list != few)
		kfree(list);
out_uncharge:
	if (rc)
		uncharge(pages, last - *stop + 1);
	return rc;
}

/**
 * iopt_slice_init() - Describe some bytes of a pages object
 * @slice: The slice.
 * @pages: The pages object; the slice takes over the caller's reference.
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
 * -EINTR when killed, or what else the kernel's pin_user_pages() says.
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

/**
 * struct iopt_batch - Runs on their way into a domain
 * @domain: The domain.
 * @iova: Where the next byte goes that is not in @domain yet.
 * @prot: IOMMU_READ and so on.
 * @nruns: Runs gathered in @sg.
 * @room: How many it is to have room for.
 * @bytes: Their bytes.
 * @few: Room for few runs.
 * @sg: The runs: @few, or allocated for more; NULL until there is one.
 */
struct iopt_batch {
	struct iommu_domain *domain;
	unsigned long iova;
	int prot;
	unsigned int nruns;
	unsigned int room;
	size_t bytes;
	struct scatterlist *few;
	struct scatterlist *sg;
};

static int batch_flush(struct iopt_batch *batch)
{
	ssize_t mapped;

	if (!batch->nruns)
		return 0;
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();

	mapped = iommu_map_sg(batch->domain, batch->iova, batch->sg,
			      batch->nruns, batch->prot, GFP_KERNEL_ACCOUNT);
	if (mapped < 0) {
		iommu_provider_sweep(batch->domain, batch->iova, batch->bytes);
		return mapped;
	}
	batch->iova += mapped;
	if (mapped != batch->bytes)
		return -ENOMEM;
	batch->nruns = 0;
	batch->bytes = 0;
	return 0;
}

static int batch_alloc(struct iopt_batch *batch)
{
	batch->sg = batch->few;
	if (batch->room > IOPT_STACK_RUNS) {
		batch->sg = kmalloc_array(batch->room, sizeof(*batch->sg),
					  GFP_KERNEL);
		if (!batch->sg)
			return -ENOMEM;
	}
	sg_init_table(batch->sg, batch->room);
	return 0;
}

static inline int batch_add_run(struct iopt_batch *batch, phys_addr_t phys,
				size_t bytes)
{
	int rc;

	if (unlikely(!batch->sg || batch->nruns == batch->room)) {
		rc = batch->sg ? batch_flush(batch) : batch_alloc(batch);
		if (rc)
			return rc;
	}
	sg_set_page(&batch->sg[batch->nruns++], pfn_to_page(PHYS_PFN(phys)),
		    bytes, offset_in_page(phys));
	batch->bytes += bytes;
	return 0;
}

/* The same for what is too long for one entry of a scatter list. */
static int batch_add_long(struct iopt_batch *batch, phys_addr_t phys,
			  size_t bytes)
{
	int rc = 0;

	while (!rc && bytes) {
		size_t n = min_t(size_t, bytes, IOPT_BATCH_RUN_BYTES -
				 phys % IOPT_BATCH_RUN_BYTES);

		rc = batch_add_run(batch, phys, n);
		phys += n;
		bytes -= n;
	}
	return rc;
}

/* Map at once, in one piece. */
static int batch_map(struct iopt_batch *batch, phys_addr_t phys, size_t bytes)
{
	int rc;

	rc = iommu_map(batch->domain, batch->iova, phys, bytes, batch->prot,
		       GFP_KERNEL_ACCOUNT);
	if (rc)
		iommu_provider_sweep(batch->domain, batch->iova, bytes);
	else
		batch->iova += bytes;
	return rc;
}

/* Map page by page, whatever could be mapped at once. */
static int batch_map_pages(struct iopt_batch *batch, phys_addr_t phys,
			   size_t bytes)
{
	int rc;

	while (bytes) {
		size_t n = min(bytes, PAGE_SIZE - offset_in_page(phys));

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		rc = batch_map(batch, phys, n);
		if (rc)
			return rc;
		phys += n;
		bytes -= n;
	}
	return 0;
}

static int slice_map_runs(struct iopt_slice *slice, struct iopt_batch *batch,
			  bool huge_pages)
{
	size_t offset = slice->offset;
	size_t left = slice->length;
	struct iopt_run run;
	int rc;

	for (iopt_run_first(&run, &slice->pages->frames, slice->user.start,
			    slice->user.last);
	     run.npages; iopt_run_next(&run)) {
		phys_addr_t phys = PFN_PHYS(run.pfn) + offset;
		size_t bytes = min(run.npages * PAGE_SIZE - offset, left);

		if (!huge_pages)
			rc = batch_map_pages(batch, phys, bytes);
		else if (bytes == slice->length)
			rc = batch_map(batch, phys, bytes);
		else if (bytes > IOPT_BATCH_RUN_BYTES)
			rc = batch_add_long(batch, phys, bytes);
		else
			rc = batch_add_run(batch, phys, bytes);
		if (rc)
			return rc;
		offset = 0;
		left -= bytes;
	}
	return batch_flush(batch);
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
	unsigned long npages = slice->user.last - slice->user.start + 1;
	struct scatterlist few[IOPT_STACK_RUNS] __uninitialized;
	struct iopt_batch batch = {
		.domain = domain,
		.iova = iova,
		.prot = prot,
		.room = min_t(unsigned long, npages,
			      scratch_entries(sizeof(*few))),
		.few = few,
	};
	int rc;

	mutex_lock(&slice->pages->lock);
	rc = slice_map_runs(slice, &batch, huge_pages);
	mutex_unlock(&slice->pages->lock);
	if (batch.sg != few)
		kfree(batch.sg);

	if (rc)
		iommu_provider_unmap(domain, iova, batch.iova - iova);
	return rc;
}

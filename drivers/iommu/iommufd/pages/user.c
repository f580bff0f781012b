// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process, by user address
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "huge.h"
#include "pages.h"

static long pin_remote(struct mm_struct *mm, unsigned long uaddr,
		       unsigned long npages, unsigned int gup_flags,
		       struct page **list)
{
	int locked = 1;
	long n = -EINTR;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	if (!mmap_read_lock_killable(mm)) {
		n = pin_user_pages_remote(mm, uaddr, npages, gup_flags, list,
					  &locked);
		if (locked)
			mmap_read_unlock(mm);
	}
	mmput(mm);
	return n;
}

/* Pin memory of the current process. */
static long pin_own(unsigned long uaddr, unsigned long npages,
		    unsigned int gup_flags, struct page **list,
		    enum iopt_layout *layout)
{
	bool last_was_huge = *layout == IOPT_CONTIGUOUS;
	long n;

	*layout = IOPT_SCATTERED;
	if (npages < IOPT_CHUNK_PAGES || !IS_ALIGNED(uaddr, PMD_SIZE) ||
	    !(gup_flags & FOLL_WRITE) ||
	    !(last_was_huge || iopt_is_huge(uaddr)))
		return pin_user_pages_fast(uaddr, npages, gup_flags, list);
	n = iopt_pin_huge(uaddr, list);
	if (n > 1)
		*layout = IOPT_CONTIGUOUS;
	return n;
}

static long user_pin(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list,
		     enum iopt_layout *layout)
{
	unsigned long uaddr = pages->base + index * PAGE_SIZE;
	unsigned int gup_flags = FOLL_LONGTERM;
	long n;

	if (pages->writeable)
		gup_flags |= FOLL_WRITE;

	if (pages->account.mm == current->mm) {
		n = pin_own(uaddr, npages, gup_flags, list, layout);
	} else {
		*layout = IOPT_SCATTERED;
		n = pin_remote(pages->account.mm, uaddr, npages, gup_flags,
			       list);
	}
	/*
	 * 6.12 returns -EOVERFLOW for a range that ends at the highest address.
	 */
	return n && n != -EOVERFLOW ? n : -EFAULT;
}

const struct iopt_pages_ops iopt_user_ops = {
	.pin = user_pin,
};

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process, by user address
 *
 * The address can change, and the process too, when a program hands a device on
 * to its successor.  In the meantime the address is invalid: what is pinned
 * stays, and devices go on to use it, but nothing more can be pinned.
 */
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/uaccess.h>
#include <linux/userfaultfd_k.h>
#include <linux/wait_bit.h>

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

/*
 * Tell whether memory of a VMA is faulted in by the kernel alone.  With
 * userfaultfd, or by FUSE, it is by a program, which may never do so.
 */
static bool is_kernels_own(struct vm_area_struct *vma)
{
	if (userfaultfd_armed(vma))
		return false;
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       (vma->vm_file && shmem_mapping(vma->vm_file->f_mapping));
}

/*
 * As pin_remote(), up to the end of a VMA and for iopt_slice_pin_nowait().  The
 * mmap lock is not dropped in between, so that the VMA stays what it is.
 */
static long pin_remote_nowait(struct mm_struct *mm, unsigned long uaddr,
			      unsigned long npages, unsigned int gup_flags,
			      struct page **list)
{
	struct vm_area_struct *vma;
	long n = -EINTR;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	if (!mmap_read_lock_killable(mm)) {
		n = -EFAULT;
		uaddr = untagged_addr_remote(mm, uaddr);
		vma = vma_lookup(mm, uaddr);
		if (vma && is_kernels_own(vma))
			n = pin_user_pages_remote(mm, uaddr,
						  min(npages,
						      (vma->vm_end - uaddr) >>
							PAGE_SHIFT),
						  gup_flags, list, NULL);
		mmap_read_unlock(mm);
	}
	/* This may be the last use: no end of a process to wait for here */
	mmput_async(mm);
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
		n = pages->nowait ?
			    pin_remote_nowait(pages->account.mm, uaddr, npages,
					      gup_flags, list) :
			    pin_remote(pages->account.mm, uaddr, npages,
				       gup_flags, list);
	}
	/*
	 * 6.12 returns -EOVERFLOW for a range that ends at the highest address.
	 */
	return n && n != -EOVERFLOW ? n : -EFAULT;
}

const struct iopt_pages_ops iopt_user_ops = {
	.pin = user_pin,
};

/**
 * iopt_pages_uaddr_is_shared() - Tell whether areas share a user address
 * @pages: The object, one area of which keeps it.
 *
 * The address may change only if that area is the only one: another one may map
 * more of the memory, and whoever gives the address of what one area maps does
 * not mean to give away the rest.
 *
 * Context: Any.  False stays true as long as the area is neither split nor
 * copied.  True may be out of date, and may be due to a call that is at work on
 * the object.
 *
 * Return: whether they do; false for memory that has no user address.
 */
bool iopt_pages_uaddr_is_shared(const struct iopt_pages *pages)
{
	return pages->kind == IOPT_USER && kref_read(&pages->kref) > 1;
}

/**
 * iopt_pages_invalidate_uaddr() - Forget where memory of a process is
 * @pages: The object; nothing happens if its memory is of another kind.
 *
 * Context: Any.
 */
void iopt_pages_invalidate_uaddr(struct iopt_pages *pages)
{
	if (pages->kind == IOPT_USER)
		WRITE_ONCE(pages->uaddr_invalid, true);
}

/**
 * iopt_pages_wait_uaddr_unused() - Wait for calls that use an invalid address
 * @pages: The object, after iopt_pages_invalidate_uaddr(); nothing happens if
 *	its memory is of another kind.
 *
 * When this function returns 0, no call accesses memory at the old address.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
int iopt_pages_wait_uaddr_unused(struct iopt_pages *pages)
{
	if (pages->kind != IOPT_USER)
		return 0;
	/* Whoever locks it after this finds the address invalid. */
	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	mutex_unlock(&pages->lock);
	return wait_var_event_killable(&pages->ncopying,
				       !atomic_read_acquire(&pages->ncopying)) ?
		       -EINTR : 0;
}

/**
 * iopt_pages_set_uaddr() - Tell where memory of a process is now
 * @pages: The object.
 * @start: A byte of it.
 * @uaddr: The address of that byte in the current process.
 * @account_mode: As for iopt_pages_alloc().
 *
 * The current process is charged from now on.  It is for user space to have the
 * same memory there.
 *
 * Memory of another kind has no user address, and @uaddr is not looked at.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or, with nothing changed: -EINVAL when the address is valid, or
 * @uaddr is another number of bytes into a page, -ENOMEM when over the limit,
 * -EINTR when killed.
 */
int iopt_pages_set_uaddr(struct iopt_pages *pages, unsigned long start,
			 unsigned long uaddr,
			 enum iopt_account_mode account_mode)
{
	unsigned long base = uaddr - start;
	int rc = 0;

	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	if (pages->kind == IOPT_USER &&
	    (!PAGE_ALIGNED(base) || !READ_ONCE(pages->uaddr_invalid)))
		rc = -EINVAL;
	else
		rc = iopt_pages_change_process(pages, account_mode);
	if (!rc && pages->kind == IOPT_USER) {
		WRITE_ONCE(pages->base, base);
		WRITE_ONCE(pages->uaddr_invalid, false);
	}
	mutex_unlock(&pages->lock);
	return rc;
}

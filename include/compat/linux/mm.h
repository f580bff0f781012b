/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_MM_H
#define __COMPAT_LINUX_MM_H

#include <linux/hugetlb_inline.h>
#include <linux/mm.h>
#include <linux/version.h>

/* No header tells which of the two mm/gup.c does. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/*
 * Since 6.2 a lasting pin for reading gives a private mapping its own page
 * first (FAULT_FLAG_UNSHARE).  Before, it would pin the zero page or the page
 * cache, and the owner's next write would move the owner, but not the device,
 * to another page.  So pin for writing where a write would make a copy; a
 * shared mapping has no copy to make.
 *
 * Before 6.5 a lasting pin also keeps the mmap lock throughout, so @locked is
 * left alone.  Pins at most up to the end of one VMA.
 */
static inline long compat_pin_user_pages_remote(struct mm_struct *mm,
						unsigned long start,
						unsigned long nr_pages,
						unsigned int gup_flags,
						struct page **pages,
						int *locked)
{
	struct vm_area_struct *vma;

	start = untagged_addr(start);
	vma = vma_lookup(mm, start);
	if (!vma)
		return -EFAULT;
	nr_pages = min(nr_pages, (vma->vm_end - start) >> PAGE_SHIFT);

	if (!(gup_flags & FOLL_WRITE) && is_cow_mapping(vma->vm_flags)) {
		if (vma->vm_flags & VM_WRITE)
			gup_flags |= FOLL_WRITE;
		else if ((vma->vm_flags & VM_READ) && !is_vm_hugetlb_page(vma))
			gup_flags |= FOLL_WRITE | FOLL_FORCE;
	}
	return pin_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     NULL, NULL);
}

#define pin_user_pages_remote compat_pin_user_pages_remote

static inline int compat_pin_user_pages_fast(unsigned long start, int nr_pages,
					     unsigned int gup_flags,
					     struct page **pages)
{
	long ret;

	if (gup_flags & FOLL_WRITE)
		return pin_user_pages_fast(start, nr_pages, gup_flags, pages);

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	ret = compat_pin_user_pages_remote(current->mm, start, nr_pages,
					   gup_flags, pages, NULL);
	mmap_read_unlock(current->mm);
	return ret;
}

#define pin_user_pages_fast compat_pin_user_pages_fast
#endif

#ifdef HAVE_GUP_VMAS
/* Before 6.5 it can list VMAs as well. */
static inline long compat_get_user_pages_remote(struct mm_struct *mm,
						unsigned long start,
						unsigned long nr_pages,
						unsigned int gup_flags,
						struct page **pages,
						int *locked)
{
	return get_user_pages_remote(mm, start, nr_pages, gup_flags, pages,
				     NULL, locked);
}

#define get_user_pages_remote compat_get_user_pages_remote
#endif

#ifndef HAVE_FOLIO_ADD_PINS
/*
 * 6.13 exports a way to pin a folio that the caller has a reference to.  As in
 * the kernel's own: a large folio has a count of its pins, in a small one a pin
 * is so many references, and so many pins that the count of references would
 * wrap are refused.
 */
static inline int folio_add_pins(struct folio *folio, unsigned int pins)
{
	if (folio_ref_count(folio) <= 0)
		return -ENOMEM;
	if (folio_test_large(folio)) {
		folio_ref_add(folio, pins);
#ifdef HAVE_FOLIO_PINCOUNT_PTR
		atomic_add(pins, folio_pincount_ptr(folio));
#else
		atomic_add(pins, &folio->_pincount);
#endif
	} else {
		folio_ref_add(folio, pins * GUP_PIN_COUNTING_BIAS);
	}
	mod_node_page_state(folio_pgdat(folio), NR_FOLL_PIN_ACQUIRED, pins);
	return 0;
}
#endif

#endif

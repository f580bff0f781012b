/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_MM_H
#define __COMPAT_LINUX_MM_H

#include <linux/hugetlb_inline.h>
#include <linux/mm.h>
#include <linux/version.h>

/* No header shows which of the two mm/gup.c does. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
/*
 * From 6.2 on a long-term pin for reading first gives a private mapping a page
 * of its own (FAULT_FLAG_UNSHARE).  Before, it pins the zero page or the page
 * cache, and the next write of the process moves the process to another page,
 * but not the device.  So this function pins for writing where a write makes a
 * copy.  In a shared mapping a write makes no copy.
 *
 * Before 6.5 a long-term pin does not drop the mmap lock, so @locked is not
 * changed.  The function pins up to the end of one VMA at most.
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
	long rc;

	if (gup_flags & FOLL_WRITE)
		return pin_user_pages_fast(start, nr_pages, gup_flags, pages);

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	rc = compat_pin_user_pages_remote(current->mm, start, nr_pages,
					  gup_flags, pages, NULL);
	mmap_read_unlock(current->mm);
	return rc;
}

#define pin_user_pages_fast compat_pin_user_pages_fast
#endif

/* Before 6.4 all processes have the same tag bits. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define untagged_addr_remote(mm, addr)	untagged_addr(addr)
#endif

#ifdef HAVE_GUP_VMAS
/* Before 6.5 get_user_pages_remote() has an argument for a list of VMAs. */
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
 * From 6.13 on a function is exported that pins a folio to which the caller has
 * a reference.  This one does what the kernel's does: a large folio has a
 * counter of pins, each pin of a small folio takes GUP_PIN_COUNTING_BIAS
 * references, and a folio whose reference count has wrapped is refused.
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

#ifndef HAVE_VM_FLAGS_CLEAR
/*
 * Before 6.3 flags of a VMA are changed without a function.  With CONFIG_DEBUG_VM,
 * mmap_assert_write_locked() is not for modules: it calls dump_mm().
 */
static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	lockdep_assert_held_write(&vma->vm_mm->mmap_lock);
	vma->vm_flags &= ~flags;
}
#endif

#endif

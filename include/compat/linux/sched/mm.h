/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_SCHED_MM_H
#define __COMPAT_LINUX_SCHED_MM_H

#include <linux/sched.h>
#include <linux/sched/mm.h>

/*
 * 7.x takes the caller's mm.  Before, one says which, and until 6.10 the function is
 * a pointer of the mm.
 */
#ifndef HAVE_MM_GET_UNMAPPED_AREA_CURRENT
static inline unsigned long
compat_mm_get_unmapped_area(struct file *filp, unsigned long addr,
			    unsigned long len, unsigned long pgoff,
			    unsigned long flags)
{
#ifdef HAVE_MM_GET_UNMAPPED_AREA
	return mm_get_unmapped_area(current->mm, filp, addr, len, pgoff, flags);
#else
	return current->mm->get_unmapped_area(filp, addr, len, pgoff, flags);
#endif
}

#define mm_get_unmapped_area compat_mm_get_unmapped_area
#endif

#endif

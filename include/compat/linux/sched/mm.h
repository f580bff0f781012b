/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_SCHED_MM_H
#define __COMPAT_LINUX_SCHED_MM_H

#include <linux/sched.h>
#include <linux/sched/mm.h>

/*
 * From some version after 6.12 on, at the latest 7.2, mm_get_unmapped_area() is
 * for the mm of the caller.  Before, the mm is an argument, and before 6.10 the
 * mm has a pointer to the function instead.
 */
#ifndef HAVE_MM_GET_UNMAPPED_AREA_CURRENT
static inline unsigned long
compat_mm_get_unmapped_area(struct file *file, unsigned long addr,
			    unsigned long len, unsigned long pgoff,
			    unsigned long flags)
{
#ifdef HAVE_MM_GET_UNMAPPED_AREA
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
#else
	return current->mm->get_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

#define mm_get_unmapped_area compat_mm_get_unmapped_area
#endif

#endif

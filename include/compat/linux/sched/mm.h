/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_SCHED_MM_H
#define __COMPAT_LINUX_SCHED_MM_H

#include <linux/sched/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
/* 6.10 made a function of what the mm had a pointer to. */
static inline unsigned long
mm_get_unmapped_area(struct mm_struct *mm, struct file *filp,
		     unsigned long addr, unsigned long len,
		     unsigned long pgoff, unsigned long flags)
{
	return mm->get_unmapped_area(filp, addr, len, pgoff, flags);
}
#endif

#endif

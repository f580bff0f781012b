/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_HUGETLB_H
#define __COMPAT_LINUX_HUGETLB_H

#include <linux/err.h>
#include <linux/hugetlb.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#ifndef HAVE_FILEMAP_LOCK_HUGETLB_FOLIO
/* Before 6.7 hugetlbfs counts its page cache in huge pages. */
static inline struct folio *
filemap_lock_hugetlb_folio(struct hstate *h, struct address_space *mapping,
			   pgoff_t idx)
{
	return filemap_lock_folio(mapping, idx) ?: ERR_PTR(-ENOENT);
}
#endif

/*
 * Before 6.6 a lasting pin of a huge page that may not stay where it is fails,
 * with a warning in the log.  With CMA one cannot tell before.  Nor do headers
 * tell what mm/gup.c does.
 */
static inline bool longterm_pin_moves_hugetlb(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) ||
	       IS_ENABLED(CONFIG_CMA);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_HUGETLB_H
#define __COMPAT_LINUX_HUGETLB_H

#include <linux/err.h>
#include <linux/hugetlb.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#ifndef HAVE_FILEMAP_LOCK_HUGETLB_FOLIO
/* Before 6.7 the page cache of hugetlbfs is indexed in huge pages. */
static inline struct folio *
filemap_lock_hugetlb_folio(struct hstate *h, struct address_space *mapping,
			   pgoff_t idx)
{
	return filemap_lock_folio(mapping, idx) ?: ERR_PTR(-ENOENT);
}
#endif

/*
 * Whether a long-term pin migrates a huge page of hugetlbfs that must not stay
 * where it is.  Before 6.6 the pin fails instead, with a warning in the log.
 * With CMA the answer depends on the page, so it is true.  No header shows
 * which of the two mm/gup.c does.
 */
static inline bool longterm_pin_moves_hugetlb(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0) ||
	       IS_ENABLED(CONFIG_CMA);
}

#endif

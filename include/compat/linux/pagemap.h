/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PAGEMAP_H
#define __COMPAT_LINUX_PAGEMAP_H

#include <linux/err.h>
#include <linux/pagemap.h>
/*
 * 6.4 tells by an errno that there is no folio.  No header tells whether this is
 * needed, but it never harms.
 */
static inline struct folio *
compat_filemap_get_folio(struct address_space *mapping, pgoff_t index)
{
	return filemap_get_folio(mapping, index) ?: ERR_PTR(-ENOENT);
}

#define filemap_get_folio compat_filemap_get_folio

#endif

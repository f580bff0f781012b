/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PAGEMAP_H
#define __COMPAT_LINUX_PAGEMAP_H

#include <linux/err.h>
#include <linux/pagemap.h>
/*
 * From 6.4 on filemap_get_folio() returns an errno if there is no folio;
 * before, it returns NULL.  No header shows which of the two it does, and the
 * check never harms.
 */
static inline struct folio *
compat_filemap_get_folio(struct address_space *mapping, pgoff_t index)
{
	return filemap_get_folio(mapping, index) ?: ERR_PTR(-ENOENT);
}

#define filemap_get_folio compat_filemap_get_folio

#endif

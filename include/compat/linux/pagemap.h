/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PAGEMAP_H
#define __COMPAT_LINUX_PAGEMAP_H

#include <linux/err.h>
#include <linux/pagemap.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/* 6.4 tells by an errno that there is no folio. */
static inline struct folio *
compat_filemap_get_folio(struct address_space *mapping, pgoff_t index)
{
	return filemap_get_folio(mapping, index) ?: ERR_PTR(-ENOENT);
}

#define filemap_get_folio compat_filemap_get_folio
#endif

#endif

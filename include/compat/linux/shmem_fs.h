/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_SHMEM_FS_H
#define __COMPAT_LINUX_SHMEM_FS_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>

#ifndef HAVE_SHMEM_READ_FOLIO
/* 6.4 gives the folio instead of one of its pages. */
static inline struct folio *shmem_read_folio(struct address_space *mapping,
					     pgoff_t index)
{
	struct page *page = shmem_read_mapping_page(mapping, index);

	return IS_ERR(page) ? ERR_CAST(page) : page_folio(page);
}
#endif

#endif

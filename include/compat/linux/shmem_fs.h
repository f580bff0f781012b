/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_SHMEM_FS_H
#define __COMPAT_LINUX_SHMEM_FS_H

#include <linux/err.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>

#ifndef HAVE_SHMEM_READ_FOLIO
/* Before 6.4 there is only a function that returns one page of the folio. */
static inline struct folio *shmem_read_folio(struct address_space *mapping,
					     pgoff_t index)
{
	struct page *page = shmem_read_mapping_page(mapping, index);

	return IS_ERR(page) ? ERR_CAST(page) : page_folio(page);
}
#endif

#endif

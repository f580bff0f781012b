/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_DMA_BUF_H
#define __COMPAT_LINUX_DMA_BUF_H

#include <linux/dma-buf.h>
#include <linux/kconfig.h>
#include <linux/types.h>

/* Until some version after 6.12, at the latest 7.2, the name was another. */
#ifndef HAVE_DMA_BUF_INVALIDATE_MAPPINGS
#define invalidate_mappings		move_notify
#define dma_buf_invalidate_mappings	dma_buf_move_notify

static inline bool dma_buf_attach_revocable(struct dma_buf_attachment *attach)
{
	return attach->importer_ops && attach->importer_ops->move_notify;
}

/* Nor does an importer that has pinned a dma-buf let go of it. */
static inline bool dma_buf_pinned_is_revocable(void)
{
	return false;
}

/* Without that option, each mapping of an importer is pinned by the core. */
static inline bool dma_buf_mapping_is_pinned(void)
{
	return !IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY);
}
#else
static inline bool dma_buf_pinned_is_revocable(void)
{
	return true;
}

static inline bool dma_buf_mapping_is_pinned(void)
{
	return false;
}
#endif

/* Until some version after 6.12, at the latest 7.2, each user has its own. */
#ifndef HAVE_PHYS_VEC
struct phys_vec {
	phys_addr_t paddr;
	size_t len;
};
#endif

#endif

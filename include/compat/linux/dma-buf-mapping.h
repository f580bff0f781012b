/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands in for the kernel's header, which came with some version after 6.12, at
 * the latest 7.2.
 */
#ifndef __COMPAT_LINUX_DMA_BUF_MAPPING_H
#define __COMPAT_LINUX_DMA_BUF_MAPPING_H

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

struct p2pdma_provider;

/* Undo dma_buf_phys_vec_to_sgt(). */
static inline void dma_buf_free_sgt(struct dma_buf_attachment *attach,
				    struct sg_table *sgt,
				    enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(sgt->sgl, sg, sgt->nents, i)
		dma_unmap_resource(attach->dev, sg_dma_address(sg),
				   sg_dma_len(sg), dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

/* Allocate a table for ranges, in pieces of 2 GiB, of which none is mapped. */
static inline struct sg_table *compat_sgt_alloc(const struct phys_vec *phys,
						size_t nranges)
{
	unsigned int nents = 0;
	struct sg_table *sgt;
	size_t i;

	for (i = 0; i < nranges; i++)
		nents += DIV_ROUND_UP_ULL(phys[i].len, SZ_2G);
	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;
	if (sg_alloc_table(sgt, nents, GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}
	sgt->nents = 0;
	return sgt;
}

/* Map MMIO for the device of an attachment; there are no pages behind it. */
static inline struct sg_table *
dma_buf_phys_vec_to_sgt(struct dma_buf_attachment *attach,
			struct p2pdma_provider *provider,
			struct phys_vec *phys, size_t nranges, size_t size,
			enum dma_data_direction dir)
{
	struct sg_table *sgt = compat_sgt_alloc(phys, nranges);
	struct scatterlist *sg;
	size_t i, done, length;
	dma_addr_t addr;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	sg = sgt->sgl;
	for (i = 0; i < nranges; i++) {
		for (done = 0; done < phys[i].len; done += length) {
			length = min_t(size_t, phys[i].len - done, SZ_2G);
			addr = dma_map_resource(attach->dev,
						phys[i].paddr + done, length,
						dir, 0);
			if (dma_mapping_error(attach->dev, addr)) {
				dma_buf_free_sgt(attach, sgt, dir);
				return ERR_PTR(-EIO);
			}
			sg_set_page(sg, NULL, length, 0);
			sg_dma_address(sg) = addr;
			sg_dma_len(sg) = length;
			sg = sg_next(sg);
			sgt->nents++;
		}
	}
	return sgt;
}

#endif

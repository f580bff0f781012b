/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DMA_BUF_H
#define __IOMMUFD_MOCK_DMA_BUF_H

#include <linux/types.h>

struct dma_buf;
struct iommufd_ucmd;
struct phys_vec;

int mock_dma_buf_get(struct iommufd_ucmd *ucmd);
int mock_dma_buf_revoke(struct iommufd_ucmd *ucmd);
int mock_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range);
int mock_dma_buf_phys(int fd, u64 offset, phys_addr_t *phys);

#endif

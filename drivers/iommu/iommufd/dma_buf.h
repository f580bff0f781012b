/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DMA_BUF_H
#define __IOMMUFD_DMA_BUF_H

#include <linux/types.h>

struct file;
struct iommufd_mmio;

struct iommufd_mmio *iommufd_dma_buf_find(int fd, u64 start, u64 length,
					  phys_addr_t *phys,
					  struct file **file);

#endif

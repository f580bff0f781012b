/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-bufs of the BARs of a PCI function.
 */
#ifndef __VFIO_DMA_BUF_H
#define __VFIO_DMA_BUF_H

#include <linux/types.h>

struct vfio_pci_bars;

int vfio_pci_dma_buf_feature(struct vfio_pci_bars *bars, u32 flags,
			     void __user *arg, size_t argsz);
void vfio_pci_dma_bufs_set(struct vfio_pci_bars *bars, bool reachable);
void vfio_pci_dma_bufs_close(struct vfio_pci_bars *bars);

#endif

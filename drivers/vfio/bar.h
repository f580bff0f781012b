/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access of other devices to the BARs of a PCI function.
 */
#ifndef __VFIO_BAR_H
#define __VFIO_BAR_H

#include <linux/types.h>

#include "bars.h"

struct vfio_pci_core_device;
struct vm_area_struct;

void vfio_pci_bars_init(struct vfio_pci_bars *bars,
			struct vfio_pci_core_device *core);
void vfio_pci_bars_uninit(struct vfio_pci_bars *bars);

int vfio_pci_bars_open(struct vfio_pci_bars *bars);
void vfio_pci_bars_close(struct vfio_pci_bars *bars);
int vfio_pci_bars_mmap(struct vfio_pci_bars *bars, struct vm_area_struct *vma);

void vfio_pci_bars_block(struct vfio_pci_bars *bars);
void vfio_pci_bars_unblock(struct vfio_pci_bars *bars);
void vfio_pci_bars_reset_done(struct vfio_pci_bars *bars);
void vfio_pci_bars_lose(struct vfio_pci_bars *bars);
void vfio_pci_bars_recovering(struct vfio_pci_bars *bars);
void vfio_pci_bars_recovered(struct vfio_pci_bars *bars);
void vfio_pci_bars_update(struct vfio_pci_bars *bars);
void vfio_pci_bars_retry(struct vfio_pci_bars *bars);

ssize_t vfio_pci_bars_write_config(struct vfio_pci_bars *bars,
				   const char __user *buf, size_t count,
				   loff_t *ppos);

#endif

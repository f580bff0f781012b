/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hot reset: the reset of all functions on a bus or in a slot at once.
 */
#ifndef __VFIO_HOT_RESET_H
#define __VFIO_HOT_RESET_H

#include <linux/types.h>

struct vfio_device_set;
struct vfio_pci_device;

long vfio_pci_hot_reset_info(struct vfio_pci_device *pci, unsigned long arg);
long vfio_pci_hot_reset(struct vfio_pci_device *pci, unsigned long arg);
bool vfio_pci_hot_reset_by_group(struct vfio_device_set *dev_set);

#endif

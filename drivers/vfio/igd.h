/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The extra regions of Intel graphics devices.
 */
#ifndef __VFIO_PCI_IGD_H
#define __VFIO_PCI_IGD_H

#include <linux/errno.h>

struct vfio_pci_core_device;

#ifdef CONFIG_VFIO_PCI_IGD
int vfio_pci_igd_init(struct vfio_pci_core_device *core);
#else
static inline int vfio_pci_igd_init(struct vfio_pci_core_device *core)
{
	return -ENODEV;
}
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __VFIO_PCI_NOIOMMU_H
#define __VFIO_PCI_NOIOMMU_H

#include <linux/types.h>

struct device;
struct vfio_pci_core_device;

bool vfio_noiommu_wanted(struct device *dev);
int vfio_pci_noiommu_register(struct vfio_pci_core_device *core);
void vfio_pci_noiommu_unregister(struct vfio_pci_core_device *core);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PCI function that is bound to this driver.
 */
#ifndef __VFIO_PCI_DEVICE_H
#define __VFIO_PCI_DEVICE_H

#include <linux/container_of.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "bar.h"

struct vfio_cdev;

/**
 * struct vfio_pci_device - A PCI function that is bound to this driver
 * @core: The part of vfio-pci-core; first, because vfio-pci-core frees the
 *	whole struct by it.
 * @cdev: The character device, NULL if there is none.  Constant while the
 *	function is on the list of its device set.
 * @noiommu: The function has no IOMMU, see noiommu.c.  Constant as @cdev is.
 * @hot_resets: Number of calls of the function's user that are in the hot reset
 *	of vfio-pci-core; guarded by the lock of the device set.
 * @bars: The BARs, which have a lock of their own.
 */
struct vfio_pci_device {
	struct vfio_pci_core_device core;
	struct vfio_cdev *cdev;
	bool noiommu;
	unsigned int hot_resets;
	struct vfio_pci_bars bars;
};

extern const struct vfio_device_ops vfio_pci_ops;

/**
 * to_vfio_pci() - The PCI function that a VFIO device is
 * @vdev: The VFIO device; its ops are vfio_pci_ops.
 *
 * Context: Any.
 *
 * Return: The PCI function.
 */
static inline struct vfio_pci_device *to_vfio_pci(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_pci_device, core.vdev);
}

#endif

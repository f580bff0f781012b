/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __VFIO_PCI_DEVICE_H
#define __VFIO_PCI_DEVICE_H

#include <linux/container_of.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "bar.h"

struct vfio_cdev;

/**
 * struct vfio_pci_device - a PCI function bound to this driver
 * @core: the core's part; first, because the core frees the whole by it
 * @cdev: the character device, NULL if there is none.  Constant while the
 *	  device is on its device set's list.
 * @hot_resets: calls of this device's user now inside the core's hot reset;
 *		guarded by the lock of the device set
 * @bars: what other devices reach of its BARs
 */
struct vfio_pci_device {
	struct vfio_pci_core_device core;
	struct vfio_cdev *cdev;
	unsigned int hot_resets;
	struct vfio_pci_bars bars;
};

extern const struct vfio_device_ops vfio_pci_ops;

static inline struct vfio_pci_device *to_vfio_pci(struct vfio_device *vdev)
{
	return container_of(vdev, struct vfio_pci_device, core.vdev);
}

#endif

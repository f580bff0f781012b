/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BARs of a PCI function, as other devices reach them.
 */
#ifndef __VFIO_BAR_H
#define __VFIO_BAR_H

#include <linux/mutex.h>
#include <linux/types.h>

struct file;
struct iommufd_ctx;
struct iommufd_mmio;
struct vfio_pci_core_device;

/**
 * struct vfio_pci_bars - what other devices reach of a function's BARs
 * @core: the device; constant
 * @lock: guards the fields below
 * @mmio: what is mapped of them; NULL unless a device file has the device open
 * @blocked: calls at work that may turn the BARs off
 * @partial: not all that is mapped is reachable; also read without @lock
 * @lost: an error has the PCI core reset the bus, which turns the BARs off, and
 *	  its user has not turned them on since
 * @reset: the function has been reset since
 */
struct vfio_pci_bars {
	struct vfio_pci_core_device *core;
	struct mutex lock; /* see above */
	struct iommufd_mmio *mmio;
	unsigned int blocked;
	bool partial;
	bool lost;
	bool reset;
};

void vfio_pci_bars_init(struct vfio_pci_bars *bars,
			struct vfio_pci_core_device *core);
void vfio_pci_bars_uninit(struct vfio_pci_bars *bars);

int vfio_pci_bars_open(struct vfio_pci_bars *bars, struct iommufd_ctx *ictx,
		       const struct file *file);
void vfio_pci_bars_close(struct vfio_pci_bars *bars);

void vfio_pci_bars_block(struct vfio_pci_bars *bars);
void vfio_pci_bars_unblock(struct vfio_pci_bars *bars);
void vfio_pci_bars_reset_done(struct vfio_pci_bars *bars);
void vfio_pci_bars_lose(struct vfio_pci_bars *bars);
void vfio_pci_bars_update(struct vfio_pci_bars *bars);
void vfio_pci_bars_retry(struct vfio_pci_bars *bars);

ssize_t vfio_pci_bars_write_config(struct vfio_pci_bars *bars,
				   const char __user *buf, size_t count,
				   loff_t *ppos);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access of other devices to the BARs of a PCI function.
 */
#ifndef __VFIO_BAR_H
#define __VFIO_BAR_H

#include <linux/mutex.h>
#include <linux/types.h>

struct file;
struct iommufd_mmio;
struct vfio_pci_core_device;

/**
 * struct vfio_pci_bars - The BARs of a PCI function that other devices reach
 * @core: The function; constant.
 * @lock: Guards the fields below.
 * @mmio: The MMIO region of the BARs, for other devices; NULL unless a device
 *	file has the function open.
 * @blocked: Number of calls of vfio_pci_bars_block() that have not been undone.
 * @partial: Not all mappings of @mmio are in the domains, perhaps none.  Also
 *	read without @lock.
 * @recovering: An error was reported for which the PCI core may reset the bus,
 *	and it has not yet told how the recovery ended.
 * @lost: An error was reported for which the PCI core resets the bus, and the
 *	user has not turned the BARs on since.
 * @reset: The function has been reset since @lost was set.
 *
 * Part of struct vfio_pci_device.  The mappings of @mmio are restored only
 * while @blocked is 0, @recovering and @lost are false and the function decodes
 * memory.
 */
struct vfio_pci_bars {
	struct vfio_pci_core_device *core;
	struct mutex lock; /* see above */
	struct iommufd_mmio *mmio;
	unsigned int blocked;
	bool partial;
	bool recovering;
	bool lost;
	bool reset;
};

void vfio_pci_bars_init(struct vfio_pci_bars *bars,
			struct vfio_pci_core_device *core);
void vfio_pci_bars_uninit(struct vfio_pci_bars *bars);

int vfio_pci_bars_open(struct vfio_pci_bars *bars, const struct file *file);
void vfio_pci_bars_close(struct vfio_pci_bars *bars);

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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BARs of a PCI function as other devices reach them: what bar.c, which has the
 * operations, shares with dma_buf.c.
 */
#ifndef __VFIO_BARS_H
#define __VFIO_BARS_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct iommufd_mmio;
struct vfio_pci_core_device;

/**
 * struct vfio_pci_bars - The BARs of a PCI function that other devices reach
 * @core: The function; constant.
 * @vm_ops: Those of the mappings that user space has of the BARs, known with the
 *	first mapping and constant then.
 * @lock: Guards the fields below.
 * @mmio: The MMIO region of the BARs, for other devices; NULL unless the
 *	function is open.
 * @dma_bufs: struct vfio_pci_dma_buf: those of the BARs.
 * @blocked: Number of calls of vfio_pci_bars_block() that have not been undone.
 * @partial: Not all mappings of @mmio are in the domains, perhaps none, or
 *	@dma_bufs are revoked.  Also read without @lock.
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
	const struct vm_operations_struct *vm_ops;
	struct mutex lock; /* see above */
	struct iommufd_mmio *mmio;
	struct list_head dma_bufs;
	unsigned int blocked;
	bool partial;
	bool recovering;
	bool lost;
	bool reset;
};

bool vfio_pci_bars_reachable(struct vfio_pci_bars *bars);

#endif

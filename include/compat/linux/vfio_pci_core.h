/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_PCI_CORE_H
#define __COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/version.h>
#include <linux/vfio_pci_core.h>

/*
 * The physical address that a mapping of a BAR begins with; PHYS_ADDR_MAX of
 * something else.  Until 6.10 a mapping's offset is that address; after, it is
 * the one in the device file.
 */
static inline phys_addr_t vfio_pci_vma_start(struct vfio_pci_core_device *core,
					     struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return PFN_PHYS(vma->vm_pgoff);
#else
	u64 pos = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned int index = VFIO_PCI_OFFSET_TO_INDEX(pos);

	if (index >= VFIO_PCI_ROM_REGION_INDEX)
		return PHYS_ADDR_MAX;
	return pci_resource_start(core->pdev, index) +
	       (pos & VFIO_PCI_OFFSET_MASK);
#endif
}

#endif

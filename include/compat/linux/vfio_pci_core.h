/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_PCI_CORE_H
#define __COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/version.h>
#include <linux/vfio_pci_core.h>

/*
 * Until 6.10 the core has a list of the mappings of BARs that are filled, and
 * does not fill one on it again.  So whoever empties page tables has to empty
 * the list too, and keep faults away meanwhile.  From 6.10 on all is in the
 * page tables.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/slab.h>

/* An entry of that list, as drivers/vfio/pci/vfio_pci_core.c has it */
struct compat_vfio_pci_mmap_vma {
	struct vm_area_struct *vma;
	struct list_head vma_next;
};

static inline void compat_vfio_pci_lock_vmas(struct vfio_pci_core_device *core)
{
	struct compat_vfio_pci_mmap_vma *entry, *next;

	mutex_lock_nest_lock(&core->vma_lock, &core->vdev.dev_set->lock);
	list_for_each_entry_safe(entry, next, &core->vma_list, vma_next) {
		list_del(&entry->vma_next);
		kfree(entry);
	}
}

static inline void
compat_vfio_pci_unlock_vmas(struct vfio_pci_core_device *core)
{
	mutex_unlock(&core->vma_lock);
}
#else
static inline void compat_vfio_pci_lock_vmas(struct vfio_pci_core_device *core)
{
}

static inline void
compat_vfio_pci_unlock_vmas(struct vfio_pci_core_device *core)
{
}
#endif

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

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_PCI_CORE_H
#define __COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/vfio_pci_core.h>
#include <linux/version.h>

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

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_PCI_CORE_H
#define __COMPAT_LINUX_VFIO_PCI_CORE_H

#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/pfn.h>
#include <linux/vfio_pci_core.h>

/*
 * Before 6.10 vfio-pci-core has a list of the mappings of BARs that a page
 * fault has filled, and does not fill a listed one again.  So code that empties
 * the page tables must also empty the list, and keep page faults away
 * meanwhile.  From 6.10 on there is no list, and unmap_mapping_range()
 * suffices.
 */
#ifdef HAVE_VFIO_PCI_VMA_LIST
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#define vfio_pci_lists_vmas	true

/* An entry of that list, as drivers/vfio/pci/vfio_pci_core.c has it */
struct compat_vfio_pci_mmap_vma {
	struct vm_area_struct *vma;
	struct list_head vma_next;
};

/*
 * Try to lock the mm of a mapping for reading.  Fails also if munmap() has
 * removed the mapping from the mm's tree: munmap() then empties it with the
 * lock held for reading.
 */
static inline bool compat_mmap_read_trylock_of(struct vm_area_struct *vma)
{
	if (!mmap_read_trylock(vma->vm_mm))
		return false;
	if (vma_lookup(vma->vm_mm, vma->vm_start) == vma)
		return true;
	mmap_read_unlock(vma->vm_mm);
	return false;
}

/*
 * Empty the mappings on a device's list, and the list.  Emptying a mapping
 * changes its VM_PAT, which needs the mmap lock.  The mmap lock comes before
 * vma_lock, which is held, so this function only tries to take it, except that
 * of @locked, which the caller holds.  Returns an mm that the caller must lock
 * and then try again, with a reference, or NULL when the list is empty.
 */
static inline struct mm_struct *
compat_vfio_pci_empty_vmas(struct vfio_pci_core_device *core,
			   struct mm_struct *locked)
{
	struct compat_vfio_pci_mmap_vma *entry, *next;

	list_for_each_entry_safe(entry, next, &core->vma_list, vma_next) {
		struct vm_area_struct *vma = entry->vma;
		struct mm_struct *mm = vma->vm_mm;

		if (mm == locked) {
			zap_vma_ptes(vma, vma->vm_start,
				     vma->vm_end - vma->vm_start);
		} else if (mmget_not_zero(mm)) {
			if (!compat_mmap_read_trylock_of(vma))
				return mm;
			zap_vma_ptes(vma, vma->vm_start,
				     vma->vm_end - vma->vm_start);
			mmap_read_unlock(mm);
			mmput_async(mm); /* the last mmput() takes vma_lock */
		}
		list_del(&entry->vma_next);
		kfree(entry);
	}
	return NULL;
}

static inline void
compat_vfio_pci_unlock_vmas(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		mutex_unlock(&core->vma_lock);
}

/*
 * Empty the lists of all devices, and keep them empty until
 * compat_vfio_pci_unlock_vmas().  Returns 0, or -EINTR when the caller is
 * killed.
 *
 * Page faults alone cannot make this loop go on: they hold the mmap lock for
 * reading, with which the attempt to take it succeeds.  One mm whose threads
 * also write to it, by mmap() and the like, cannot either: in the next round
 * it is locked.  Two or more such mms can, as one is filled again while the
 * other is locked.  Only one mmap lock can be held: a page fault of the second
 * mm may wait for a process with the first, such as a FUSE server.  All of them
 * are of processes to which the caller's user has given device files, and the
 * set's lock is held meanwhile, for which the removal of a device waits.
 * Therefore whoever wants the device back can kill the caller alone.
 */
static inline int compat_vfio_pci_lock_vmas(struct vfio_device_set *dev_set)
{
	struct mm_struct *mm = NULL, *locked;
	struct vfio_pci_core_device *core;

	do {
		locked = mm;
		mm = NULL;
		if (locked && (fatal_signal_pending(current) ||
			       mmap_write_lock_killable(locked))) {
			mmput_async(locked);
			return -EINTR;
		}
		list_for_each_entry(core, &dev_set->device_list,
				    vdev.dev_set_list)
			mutex_lock_nest_lock(&core->vma_lock, &dev_set->lock);
		list_for_each_entry(core, &dev_set->device_list,
				    vdev.dev_set_list) {
			mm = compat_vfio_pci_empty_vmas(core, locked);
			if (mm)
				break;
		}
		if (mm)
			compat_vfio_pci_unlock_vmas(dev_set);
		if (locked) {
			mmap_write_unlock(locked);
			mmput_async(locked);
		}
	} while (mm);
	return 0;
}
#else
#define vfio_pci_lists_vmas	false

static inline int compat_vfio_pci_lock_vmas(struct vfio_device_set *dev_set)
{
	return 0;
}

static inline void
compat_vfio_pci_unlock_vmas(struct vfio_device_set *dev_set)
{
}
#endif

/*
 * The physical address at which a mapping of a BAR begins; PHYS_ADDR_MAX for
 * another mapping.  With the list, the offset of the mapping is this address;
 * without, it is the offset in the device file, by which unmap_mapping_range()
 * finds the mapping.
 */
static inline phys_addr_t vfio_pci_vma_start(struct vfio_pci_core_device *core,
					     struct vm_area_struct *vma)
{
#ifdef HAVE_VFIO_PCI_VMA_LIST
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

/*
 * From 7.2 on each device has a copy of the module's parameters, made when it
 * is initialized.  Before, vfio-pci-core has one copy for all devices, which
 * must not change while there are devices.
 */
#ifdef HAVE_VFIO_PCI_SET_PARAMS
static inline void vfio_pci_core_init_params(struct vfio_pci_core_device *core,
					     bool nointxmask, bool disable_vga,
					     bool disable_idle_d3)
{
}
#else
static inline void vfio_pci_core_set_params(bool nointxmask, bool disable_vga,
					    bool disable_idle_d3)
{
}

static inline void vfio_pci_core_init_params(struct vfio_pci_core_device *core,
					     bool nointxmask, bool disable_vga,
					     bool disable_idle_d3)
{
	core->nointxmask = nointxmask;
	core->disable_vga = disable_vga;
	core->disable_idle_d3 = disable_idle_d3;
}
#endif

/*
 * By 7.2 vfio-pci-core claims all BARs of a device as the device is opened.  Before,
 * it claims each as it is first used.  It gives back any that is in its barmap as the
 * device is closed.  A BAR that another driver has is left to that one.
 */
#if defined(HAVE_VFIO_PCI_GET_IOMAP)
static inline void compat_vfio_pci_claim_bars(struct vfio_pci_core_device *core)
{
}
#else
#ifndef HAVE_VFIO_PCI_SETUP_BARMAP
static inline int vfio_pci_core_setup_barmap(struct vfio_pci_core_device *core,
					     int bar)
{
	int rc = pci_request_selected_regions(core->pdev, BIT(bar), "vfio-pci");

	if (rc)
		return rc;
	core->barmap[bar] = pci_iomap(core->pdev, bar, 0);
	if (core->barmap[bar])
		return 0;
	pci_release_selected_regions(core->pdev, BIT(bar));
	return -ENOMEM;
}
#endif

/* No other thread may have the device open yet. */
static inline void compat_vfio_pci_claim_bars(struct vfio_pci_core_device *core)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pci_resource_start(core->pdev, bar) &&
		    pci_resource_len(core->pdev, bar))
			vfio_pci_core_setup_barmap(core, bar);
}
#endif

/*
 * Keep a device in D0 that vfio-pci-core has not registered, which is where runtime power
 * management begins.  Stable updates gave each device the parameter.  Where there is one
 * for all devices, vfio-pci-core gets and puts a reference as the device is opened and
 * closed, beside those that have kept it in D0 since it was found.
 */
static inline void compat_vfio_pci_stay_in_d0(struct vfio_pci_core_device *core)
{
#ifdef HAVE_VFIO_PCI_IDLE_D3
	core->disable_idle_d3 = true;
#endif
}

#endif

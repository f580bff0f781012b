/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_MMIO_REGION_H
#define __IOPT_MMIO_REGION_H

#include <linux/iommufd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "types.h"

struct vm_area_struct;

/**
 * struct iommufd_mmio - Registers or memory of a device, for other devices' DMA
 * @kref: One for the driver of the device, one for each pages object.
 * @item: In the list of all regions, until the driver destroys the region.
 * @ops: Find the physical address behind a mapping in user space, if it is of
 *	the region, and whether an address is of the region.
 * @data: Argument of @ops.
 * @lock: Guards the fields below, see mmio_region.c.
 * @open: The driver lets other devices reach the region.
 * @areas: struct iopt_mmio_area: areas, in I/O page tables of any context, as
 *	long as the I/O page table has a domain.
 * @nmappings: Number of times that these areas are in domains while the region
 *	is open: a revoke and a restore take as many steps.
 *
 * @ops and @data are used only while the region is in the list.
 */
struct iommufd_mmio {
	struct kref kref;
	struct list_head item;
	const struct iommufd_mmio_ops *ops;
	void *data;
	struct mutex lock;	/* of the following */
	bool open;
	struct list_head areas;
	unsigned long nmappings;
};

/**
 * struct iopt_mmio_area - One mapping of an MMIO region
 * @area: As for memory.  Its slice is never pinned.
 * @iopt: The I/O page table that the area is in.
 * @item: In iommufd_mmio::areas, as long as @iopt has a domain.
 * @iova: First byte, valid while in that list.  This copies what @area knows,
 *	for a revoke, which holds no other lock of @iopt than mmio_lock.
 * @phys: Physical address of the first byte.
 * @length: Bytes.
 * @mapped: In all domains of @iopt; otherwise in none.  Of an area that is in
 *	the list, changed with io_pagetable::mmio_lock held as well; a reader
 *	holds one of the two locks.
 *
 * All but @area is guarded by iommufd_mmio::lock.  Of the other fields, those
 * of an area in the list do not change while io_pagetable::domains_lock is held
 * for writing.
 */
struct iopt_mmio_area {
	struct iopt_area area;
	struct io_pagetable *iopt;
	struct list_head item;
	unsigned long iova;
	phys_addr_t phys;
	unsigned long length;
	bool mapped;
};

static inline bool iopt_area_is_mmio(const struct iopt_area *area)
{
	return area->slice.pages->kind == IOPT_MMIO;
}

struct iommufd_mmio *iopt_mmio_find_phys(phys_addr_t phys,
					 unsigned long length);
struct iommufd_mmio *iopt_mmio_find(struct vm_area_struct *vma,
				    unsigned long uaddr, unsigned long length,
				    phys_addr_t *phys);
void iopt_mmio_put(struct iommufd_mmio *mmio);
struct iopt_pages *iopt_mmio_pages_alloc(struct iommufd_mmio *mmio,
					 phys_addr_t phys, unsigned long length,
					 bool writeable);

int iopt_mmio_fill(struct io_pagetable *iopt, struct iopt_area *area);
void iopt_mmio_unfill(struct io_pagetable *iopt, struct iopt_area *area);
int iopt_mmio_phys(struct iopt_area *area, phys_addr_t *phys);
int iopt_mmio_hole_charge(struct io_pagetable *iopt, struct list_head *areas);
void iopt_mmio_hole_uncharge(struct io_pagetable *iopt,
			     struct list_head *areas);
void iopt_mmio_split(struct iopt_area *area, struct iopt_area *tail);
int iopt_mmio_add_domain(struct io_pagetable *iopt, struct list_head *areas,
			 struct iopt_domain *entry);
void iopt_mmio_remove_domain(struct io_pagetable *iopt,
			     struct list_head *areas,
			     struct iopt_domain *entry);

#endif

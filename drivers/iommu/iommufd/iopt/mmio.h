/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_IOPT_MMIO_H
#define __IOMMUFD_IOPT_MMIO_H

#include <linux/container_of.h>
#include <linux/iommufd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/types.h>

#include "io_pagetable.h"

struct file;
struct mutex;

/**
 * struct iommufd_mmio - Registers and memory of a device, that others may reach
 * @kref: One for its driver, one for each pages object.
 * @lock: iommufd_ctx::mmio_lock, guards what follows.
 * @item: In iommufd_ctx::mmios, until the driver destroys it.
 * @file: What user space maps it by.
 * @find: How to find an address in such a mapping.
 * @data: For @find.
 * @open: The driver lets others reach it.
 * @areas: struct iopt_mmio_area: those in an io_pagetable that has a domain.
 */
struct iommufd_mmio {
	struct kref kref;
	struct mutex *lock;	/* of the following */
	struct list_head item;
	const struct file *file;
	iommufd_mmio_find_fn find;
	void *data;
	bool open;
	struct list_head areas;
};

/**
 * struct iopt_mmio_area - One mapping of a device's MMIO
 * @area: As for memory.  Its slice is never pinned.
 * @iopt: Where it is.
 * @item: In iommufd_mmio::areas, as long as @iopt has a domain.
 * @iova: First byte of what is mapped, valid while in that list.  A copy of what
 *	the area knows, for those who hold no lock of @iopt.
 * @phys: First byte behind it.
 * @length: Bytes.
 * @mapped: In all domains of @iopt; otherwise in none.
 *
 * All but @area is guarded by iommufd_mmio::lock.
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

void iommufd_mmio_put(struct iommufd_mmio *mmio);

int iopt_map_add_mmio(struct iopt_map *map, struct iommufd_mmio *mmio,
		      phys_addr_t phys, unsigned long length, int prot);

int iopt_mmio_fill(struct io_pagetable *iopt, struct iopt_area *area);
void iopt_mmio_unfill(struct io_pagetable *iopt, struct iopt_area *area);
void iopt_mmio_split(struct iopt_area *area, struct iopt_area *tail);
int iopt_mmio_add_domain(struct io_pagetable *iopt, struct list_head *areas,
			 struct iopt_domain *entry);
void iopt_mmio_remove_domain(struct io_pagetable *iopt,
			     struct list_head *areas,
			     struct iopt_domain *entry);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_MAP_H
#define __IOPT_MAP_H

#include "area.h"

struct iommufd_mmio;

/**
 * struct iopt_map - Mappings being made
 * @iopt: The I/O page table that they go to.
 * @areas: The areas, in the order of their IOVAs, contiguous.
 * @nareas: Number of @areas.
 * @length: Bytes of all areas.
 * @borders: The offset in its page and the length of each area, ORed.  A power of
 *	two that divides this divides every border of an area, in the memory and
 *	relative to @iova.
 * @iova: First byte, valid once begun.
 */
struct iopt_map {
	struct io_pagetable *iopt;
	struct list_head areas;
	unsigned long nareas;
	unsigned long length;
	unsigned long borders;
	unsigned long iova;
};

/* What iopt_map_begin() returns when it must pin, but would not */
#define IOPT_NO_DOMAIN	1

int iopt_map_add_user(struct iopt_map *map, unsigned long uaddr,
		      unsigned long length, int prot,
		      enum iopt_account_mode account_mode);
int iopt_map_add_file(struct iopt_map *map, struct file *file,
		      unsigned long start, unsigned long length, int prot,
		      enum iopt_account_mode account_mode);
int iopt_map_add_mmio(struct iopt_map *map, struct iommufd_mmio *mmio,
		      struct file *file, phys_addr_t phys,
		      unsigned long length, int prot);
int iopt_map_add_copy(struct iopt_map *map, struct io_pagetable *src,
		      unsigned long iova, unsigned long length, int prot);
int iopt_map_begin(struct iopt_map *map, const unsigned long *fixed_iova,
		   bool must_pin);
void iopt_map_commit(struct iopt_map *map);
void iopt_map_abort(struct iopt_map *map);

/**
 * iopt_map_init() - Start with nothing to map
 * @map: The mappings to be.
 * @iopt: The I/O page table that they are to go to.
 */
static inline void iopt_map_init(struct iopt_map *map,
				 struct io_pagetable *iopt)
{
	map->iopt = iopt;
	INIT_LIST_HEAD(&map->areas);
	map->nareas = 0;
	map->length = 0;
	map->borders = 0;
}

/**
 * iopt_map_destroy() - Free what was added, but is not mapped
 * @map: The mappings, committed, aborted or never begun.
 *
 * Context: Process context.
 */
static inline void iopt_map_destroy(struct iopt_map *map)
{
	if (!list_empty(&map->areas))
		iopt_areas_free(&map->areas);
}

#endif

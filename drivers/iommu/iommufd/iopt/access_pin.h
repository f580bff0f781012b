/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_ACCESS_PIN_H
#define __IOPT_ACCESS_PIN_H

#include "types.h"

struct page;

/**
 * struct iopt_part - The part of one area that an access uses
 * @item: In a list of parts, in the order of their IOVAs, contiguous.
 * @area: The area.  It stays, as this counts in iopt_area::nusers.
 * @slice: The bytes used, of the area's pages object.
 */
struct iopt_part {
	struct list_head item;
	struct iopt_area *area;
	struct iopt_slice slice;
};

/**
 * struct iopt_pin - A range that an access has pinned by one call
 * @node: Its IOVA range, in iopt_access::pins.
 * @parts: struct iopt_part, pinned.
 */
struct iopt_pin {
	struct interval_tree_node node;
	struct list_head parts;
};

void iopt_access_init(struct iopt_access *access,
		      void (*unmap)(void *data, unsigned long iova,
				    unsigned long length),
		      void *data);
void iopt_add_access(struct io_pagetable *iopt, struct iopt_access *access);
void iopt_remove_access(struct io_pagetable *iopt, struct iopt_access *access);

int iopt_access_pin_pages(struct io_pagetable *iopt, struct iopt_access *access,
			  unsigned long start, unsigned long last, int prot,
			  struct page **pages);
int iopt_access_pin_contiguous(struct io_pagetable *iopt,
			       struct iopt_access *access, unsigned long start,
			       unsigned long last, int prot, phys_addr_t *phys);
void iopt_access_unpin_pages(struct iopt_access *access, unsigned long start,
			     unsigned long last);
int iopt_rw(struct io_pagetable *iopt, unsigned long start, unsigned long last,
	    void *data, bool write, bool remote);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of Intel's IOMMUs in scalable mode, as the VT-d specification has
 * them, from the register of the root table to the entry of a page
 */
#ifndef __TRACKER_VTD_H
#define __TRACKER_VTD_H

#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/io.h>
#include <linux/types.h>

#define VTD_RTADDR		0x20	/* the register */
#define VTD_RTADDR_SCALABLE	BIT_ULL(10)
#define VTD_PRESENT		BIT_ULL(0)
#define VTD_CONTEXT_PASIDS	BIT_ULL(3)	/* requests may bear one */
#define VTD_CONTEXT_SIZE	GENMASK_ULL(11, 9)	/* of the directory */
#define VTD_CONTEXT_PASID	GENMASK_ULL(19, 0)	/* of those without */

/* Of an entry of a page table, of both stages */
#define VTD_ENTRY_READABLE	BIT_ULL(0)	/* in the first stage: present */
#define VTD_ENTRY_WRITABLE	BIT_ULL(1)
#define VTD_ENTRY_LARGE		BIT_ULL(7)
#define VTD_ENTRY_ADDRESS	GENMASK_ULL(51, 12)

/* Of an entry for a PASID */
#define VTD_PASID_LEVELS	GENMASK_ULL(4, 2)
#define VTD_PASID_TYPE		GENMASK_ULL(8, 6)
#define VTD_PASID_FIRST_LEVELS	GENMASK_ULL(3, 2)	/* word 2, beyond four */
#define VTD_FIRST_STAGE		1
#define VTD_SECOND_STAGE	2
#define VTD_NESTED		3

static inline u64 *vtd_table(u64 entry)
{
	return phys_to_virt(entry & VTD_ENTRY_ADDRESS);
}

/*
 * Where the entry of the PASID table is, of 8 words, for requests with a PASID,
 * or, if it is 0, for those without one.  NULL if there is no table.
 */
static inline u64 *vtd_pasid_slot(u64 root_table, u32 requester, u32 pasid)
{
	u64 *entry = vtd_table(root_table) + (requester >> 7 & 0x1ff);
	u64 context;

	if (!(READ_ONCE(*entry) & VTD_PRESENT))
		return NULL;
	entry = vtd_table(*entry) + (requester & 0x7f) * 4;
	context = READ_ONCE(*entry);
	if (!(context & VTD_PRESENT))
		return NULL;
	if (!pasid)
		pasid = entry[1] & VTD_CONTEXT_PASID;
	else if (!(context & VTD_CONTEXT_PASIDS))
		return NULL;
	if (pasid >> 6 >= 128 << FIELD_GET(VTD_CONTEXT_SIZE, context))
		return NULL;
	entry = vtd_table(context) + (pasid >> 6);
	if (!(READ_ONCE(*entry) & VTD_PRESENT))
		return NULL;
	return vtd_table(*entry) + (pasid & 0x3f) * 8;
}

/* The same, but NULL if the entry is not present, too */
static inline u64 *vtd_pasid_entry(u64 root_table, u32 requester, u32 pasid)
{
	u64 *entry = vtd_pasid_slot(root_table, requester, pasid);

	return entry && READ_ONCE(*entry) & VTD_PRESENT ? entry : NULL;
}

/*
 * The entry of the page, of *@size bytes, that has an address in a page table.
 * NULL if that entry, or one on the way to it, lacks a bit of @needed.
 */
static inline u64 *vtd_page(u64 table, unsigned int levels, u64 needed,
			    u64 address, u64 *size)
{
	u64 *entry;

	for (;; levels--) {
		*size = PAGE_SIZE << 9 * (levels - 1);
		entry = vtd_table(table) + (address / *size & 0x1ff);
		table = READ_ONCE(*entry);
		if ((table & needed) != needed)
			return NULL;
		if (levels == 1 || table & VTD_ENTRY_LARGE)
			return entry;
	}
}

/* Where an address leads to by such an entry */
static inline u64 vtd_phys(u64 entry, u64 size, u64 address)
{
	return (entry & VTD_ENTRY_ADDRESS & ~(size - 1)) |
	       (address & (size - 1));
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __TRACKER_HARDWARE_H
#define __TRACKER_HARDWARE_H

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/types.h>

/**
 * struct tracker_hardware - Which IOMMUs there are, and how they track
 * @find: Set *@copy to the IOMMU driver's copy of the two registers of
 *	capabilities.  Returns 0, -ENODEV for another IOMMU or one whose tables
 *	have another format, or another errno.
 * @capability: The bits of the registers that say that an IOMMU tracks.
 * @entry: Find the entry of the page that has an IOVA for a device, set *@size
 *	to its bytes, and *@tracks to whether writes of the device are to be
 *	marked.  Returns NULL if the device cannot write there.
 * @words: Copy the entry by which a device has its page tables for requests with
 *	a PASID, or, if it is 0, without one, as the IOMMU reads it, with
 *	TRACKER_WORDS words.  Returns 0 or -ENOENT.  NULL if such entries have
 *	another length.
 * @translate: Find where an address of such requests leads to, in one or two
 *	stages.  Returns 0 or -EFAULT.  NULL with @words.
 * @accessed_bit: Number of the bit of the entry that has been used.
 * @dirty_bit: Number of the bit of the entry that has been written by.
 * @probes: Where the IOMMU driver flushes the IOTLB: they call tracker_flush().
 * @nprobes: Number of them.
 */
struct tracker_hardware {
	int (*find)(struct iommu_device *iommu, u64 **copy);
	u64 capability[2];
	u64 *(*entry)(u32 requester, u64 iova, u64 *size, bool *tracks);
	int (*words)(u32 requester, u32 pasid, u64 *words);
	int (*translate)(u32 requester, u32 pasid, u64 iova, u64 *phys);
	unsigned int accessed_bit;
	unsigned int dirty_bit;
	struct kprobe *probes;
	unsigned int nprobes;
};

extern const struct tracker_hardware tracker_vtd;
extern const struct tracker_hardware tracker_amd;

/* A table that an entry points to; all formats have the address there. */
static inline u64 *tracker_table(u64 entry)
{
	return phys_to_virt(entry & GENMASK_ULL(51, 12));
}

int tracker_attribute(struct iommu_device *iommu, const char *group,
		      const char *name, u64 *values, unsigned int n);
u64 *tracker_find_words(struct iommu_device *iommu, const u64 *words);
int tracker_register(phys_addr_t address, u64 *value);
void tracker_flush(u64 start, u64 last);

#endif

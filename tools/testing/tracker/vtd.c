// SPDX-License-Identifier: GPL-2.0-only
/*
 * Intel's IOMMUs, as the VT-d specification has them, in scalable mode
 */
#include <linux/bitfield.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "hardware.h"
#include "tracker.h"
#include "vtd.h"

#define GROUP			"intel-iommu"	/* of attributes in sysfs */
#define ECAP_TRACKS		BIT_ULL(45)
#define PASID_TRACKS		BIT_ULL(9)

static u64 root_table;

/* The struct of an IOMMU has CAP and ECAP, and the IOMMU core's part behind. */
static int vtd_find(struct iommu_device *iommu, u64 **copy)
{
	u64 registers[2], address;
	u64 *words;
	int rc;

	rc = tracker_attribute(iommu, GROUP, "cap", &registers[0], 1) ?:
	     tracker_attribute(iommu, GROUP, "ecap", &registers[1], 1) ?:
	     tracker_attribute(iommu, GROUP, "address", &address, 1) ?:
	     tracker_register(address + VTD_RTADDR, &root_table);
	if (rc)
		return rc;
	if (!(root_table & VTD_RTADDR_SCALABLE))
		return -ENODEV;
	words = tracker_find_words(iommu, registers);
	if (!words)
		return -ENXIO;
	*copy = words;
	return 0;
}

static int vtd_words(u32 requester, u32 pasid, u64 *words)
{
	u64 *entry = vtd_pasid_slot(root_table, requester, pasid);

	if (!entry)
		return -ENOENT;
	memcpy(words, entry, TRACKER_WORDS * sizeof(u64));
	return 0;
}

/* The entry of the second stage of a page that can be written, or NULL */
static u64 *second_stage_entry(u64 table, u64 address, u64 *size)
{
	return vtd_page(table, FIELD_GET(VTD_PASID_LEVELS, table) + 2,
			VTD_ENTRY_WRITABLE, address, size);
}

static u64 *vtd_entry(u32 requester, u64 iova, u64 *size, bool *tracks)
{
	u64 *pasid = vtd_pasid_entry(root_table, requester, 0);

	if (!pasid || FIELD_GET(VTD_PASID_TYPE, *pasid) != VTD_SECOND_STAGE)
		return NULL;
	*tracks = *pasid & PASID_TRACKS;
	return second_stage_entry(*pasid, iova, size);
}

static int second_stage(u64 table, u64 address, u64 *phys)
{
	u64 size, *entry = second_stage_entry(table, address, &size);

	if (!entry)
		return -EFAULT;
	*phys = vtd_phys(READ_ONCE(*entry), size, address);
	return 0;
}

/* Each table of the first stage is at an address of the second stage. */
static int nested_stages(const u64 *words, u64 iova, u64 *phys)
{
	unsigned int level = FIELD_GET(VTD_PASID_FIRST_LEVELS, words[2]) + 4;
	u64 table = words[2], size;

	for (;; level--) {
		size = PAGE_SIZE << 9 * (level - 1);
		if (second_stage(words[0], (table & VTD_ENTRY_ADDRESS) +
				 (iova / size & 0x1ff) * sizeof(u64), phys))
			return -EFAULT;
		table = READ_ONCE(*(u64 *)phys_to_virt(*phys));
		if (!(table & VTD_PRESENT) || !(table & VTD_ENTRY_WRITABLE))
			return -EFAULT;
		if (level == 1 || (level < 4 && table & VTD_ENTRY_LARGE))
			return second_stage(words[0],
					    vtd_phys(table, size, iova), phys);
	}
}

static int vtd_translate(u32 requester, u32 pasid, u64 iova, u64 *phys)
{
	u64 words[TRACKER_WORDS];

	if (vtd_words(requester, pasid, words) || !(words[0] & VTD_PRESENT))
		return -EFAULT;
	switch (FIELD_GET(VTD_PASID_TYPE, words[0])) {
	case VTD_SECOND_STAGE:
		return second_stage(words[0], iova, phys);
	case VTD_NESTED:
		return nested_stages(words, iova, phys);
	default:
		return -EFAULT;
	}
}

/* cache_tag_flush_range(domain, start, last, ih) */
static int flushes_range(struct kprobe *probe, struct pt_regs *regs)
{
	tracker_flush(regs_get_kernel_argument(regs, 1),
		      regs_get_kernel_argument(regs, 2));
	return 0;
}

/* Of this domain or another one */
static int flushes_all(struct kprobe *probe, struct pt_regs *regs)
{
	tracker_flush(0, U64_MAX);
	return 0;
}

static struct kprobe vtd_probes[] = {
	{
		.symbol_name = "cache_tag_flush_range",
		.pre_handler = flushes_range,
	},
	{
		.symbol_name = "cache_tag_flush_all",
		.pre_handler = flushes_all,
	},
	{
		.symbol_name = "qi_flush_iotlb",
		.pre_handler = flushes_all,
	},
};

/* The driver takes tracking to depend on page walk coherency. */
const struct tracker_hardware tracker_vtd = {
	.find = vtd_find,
	.capability = { 0, ECAP_TRACKS | IOMMU_ECAP_SMPWC },
	.entry = vtd_entry,
	.words = vtd_words,
	.translate = vtd_translate,
	.accessed_bit = 8,
	.dirty_bit = 9,
	.probes = vtd_probes,
	.nprobes = ARRAY_SIZE(vtd_probes),
};

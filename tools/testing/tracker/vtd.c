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

#include "hardware.h"
#include "vtd.h"

#define GROUP			"intel-iommu"	/* of attributes in sysfs */
#define ECAP_TRACKS		BIT_ULL(45)
#define PASID_TRACKS		BIT_ULL(9)
#define ENTRY_WRITABLE		BIT_ULL(1)
#define ENTRY_LARGE		BIT_ULL(7)

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
	*copy = &words[1];
	return 0;
}

static u64 *vtd_entry(u32 requester, u64 iova, u64 *size, bool *tracks)
{
	u64 *entry = vtd_pasid_entry(root_table, requester, 0);
	unsigned int level;
	u64 table;

	if (!entry)
		return NULL;
	table = READ_ONCE(*entry);
	if (FIELD_GET(VTD_PASID_TYPE, table) != VTD_SECOND_STAGE)
		return NULL;
	*tracks = table & PASID_TRACKS;
	level = FIELD_GET(VTD_PASID_LEVELS, table) + 2;
	for (;; level--) {
		*size = PAGE_SIZE << 9 * (level - 1);
		entry = vtd_table(table) + (iova / *size & 0x1ff);
		table = READ_ONCE(*entry);
		if (!(table & ENTRY_WRITABLE))
			return NULL;
		if (level == 1 || table & ENTRY_LARGE)
			return entry;
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
	.capability = ECAP_TRACKS | IOMMU_ECAP_SMPWC,
	.entry = vtd_entry,
	.accessed_bit = 8,
	.dirty_bit = 9,
	.probes = vtd_probes,
	.nprobes = ARRAY_SIZE(vtd_probes),
};

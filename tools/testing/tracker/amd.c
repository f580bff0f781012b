// SPDX-License-Identifier: GPL-2.0-only
/*
 * AMD's IOMMUs, as their specification has them, with host page tables
 */
#include <linux/bitfield.h>
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/iommu.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/pci.h>

#include "hardware.h"

#define FEATURE_TRACKS		BIT_ULL(52)
#define CAPABILITY		0x0f	/* of the IOMMU's PCI function */
#define CAPABILITY_LOW		4	/* where its registers are */
#define CAPABILITY_HIGH		8
#define DEVICE_VALID		(BIT_ULL(0) | BIT_ULL(1))
#define DEVICE_TRACKS		GENMASK_ULL(8, 7)
#define ENTRY_PRESENT		BIT_ULL(0)
#define ENTRY_LEVEL		GENMASK_ULL(11, 9)	/* of what it points to */
#define ENTRY_WRITABLE		BIT_ULL(62)
#define LEVEL_PAGE		0
#define LEVEL_SIZED_PAGE	7	/* its size is in the address */

static u64 device_table;

/* The struct of an IOMMU has the features, and the IOMMU core's part behind. */
static int amd_find(struct iommu_device *iommu, u64 **copy)
{
	u64 features[2], *words;
	struct pci_dev *pdev;
	u32 low, high;
	int rc, at;

	rc = tracker_attribute(iommu, "amd-iommu", "features", features, 2);
	if (rc)
		return rc;
	pdev = to_pci_dev(iommu->dev->parent);
	at = pci_find_capability(pdev, CAPABILITY);
	if (!at || pci_read_config_dword(pdev, at + CAPABILITY_LOW, &low) ||
	    pci_read_config_dword(pdev, at + CAPABILITY_HIGH, &high))
		return -ENXIO;
	rc = tracker_register((u64)high << 32 | (low & GENMASK(31, 14)),
			      &device_table);
	if (rc)
		return rc;
	words = tracker_find_words(iommu, features);
	if (!words)
		return -ENXIO;
	*copy = words;
	return 0;
}

static u64 *amd_entry(u32 requester, u64 iova, u64 *size, bool *tracks)
{
	u64 *entry = tracker_table(device_table) + requester * 4;
	u64 table = READ_ONCE(*entry);
	unsigned int level = FIELD_GET(ENTRY_LEVEL, table);
	u64 step;

	if ((table & DEVICE_VALID) != DEVICE_VALID || level == LEVEL_PAGE)
		return NULL;
	*tracks = (table & DEVICE_TRACKS) == DEVICE_TRACKS;
	for (;;) {
		*size = PAGE_SIZE << 9 * (level - 1);
		entry = tracker_table(table) + (iova / *size & 0x1ff);
		table = READ_ONCE(*entry);
		if (!(table & ENTRY_PRESENT) || !(table & ENTRY_WRITABLE))
			return NULL;
		level = FIELD_GET(ENTRY_LEVEL, table);
		if (level == LEVEL_PAGE)
			return entry;
		if (level == LEVEL_SIZED_PAGE) {
			/* Any entry of the page will do: take the first. */
			step = *size;
			*size = 2ULL << ffz(table | (PAGE_SIZE - 1));
			return entry - iova % *size / step;
		}
	}
}

/* amd_iommu_iotlb_sync(domain, gather) */
static int flushes_range(struct kprobe *probe, struct pt_regs *regs)
{
	const struct iommu_iotlb_gather *gather =
		(void *)regs_get_kernel_argument(regs, 1);

	tracker_flush(gather->start, gather->end);
	return 0;
}

/* Of this domain or another one */
static int flushes_all(struct kprobe *probe, struct pt_regs *regs)
{
	tracker_flush(0, U64_MAX);
	return 0;
}

static struct kprobe amd_probes[] = {
	{
		.symbol_name = "amd_iommu_iotlb_sync",
		.pre_handler = flushes_range,
	},
	{
		.symbol_name = "amd_iommu_flush_iotlb_all",
		.pre_handler = flushes_all,
	},
	{
		.symbol_name = "amd_iommu_set_dirty_tracking",
		.pre_handler = flushes_all,
	},
};

const struct tracker_hardware tracker_amd = {
	.find = amd_find,
	.capability = { FEATURE_TRACKS, 0 },
	.entry = amd_entry,
	.accessed_bit = 5,
	.dirty_bit = 6,
	.probes = amd_probes,
	.nprobes = ARRAY_SIZE(amd_probes),
};

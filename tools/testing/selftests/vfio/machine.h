/* SPDX-License-Identifier: GPL-2.0-only */
/* What the IOMMU of the VM is, see tools/testing/vm/profiles */
#ifndef SELFTESTS_VFIO_MACHINE_H
#define SELFTESTS_VFIO_MACHINE_H

#include "test.h"

enum iommu_kind { NO_IOMMU, INTEL, AMD, SMMU, VIRTIO };

/* Of a device that has a driver, by the name that the kernel gives the IOMMU */
static inline enum iommu_kind iommu_of(const char *bdf)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *name;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu", bdf);
	if (!realpath(path, target))
		return NO_IOMMU;
	name = strrchr(target, '/') + 1;
	if (!strncmp(name, "dmar", 4))
		return INTEL;
	if (!strncmp(name, "ivhd", 4))
		return AMD;
	if (!strncmp(name, "smmu3", 5))
		return SMMU;
	/* It has the name of its PCI device, below its virtio device. */
	return strstr(target, "/virtio") ? VIRTIO : NO_IOMMU;
}

/* The ID by which the IOMMU knows a device */
static inline __u32 requester(const char *bdf)
{
	unsigned int bus, slot, function;

	if (sscanf(bdf, "0000:%x:%x.%x", &bus, &slot, &function) != 3)
		abort();
	return bus << 8 | slot << 3 | function;
}

/* A register of VT-d, 0 if the device is behind another IOMMU */
static inline __u64 vtd_register(const char *bdf, const char *name)
{
	char file[64], text[32] = "";

	snprintf(file, sizeof(file), "iommu/intel-iommu/%s", name);
	return pci_read(bdf, file, text, sizeof(text)) ?
		0 : strtoull(text, NULL, 16);
}

#define CAP_MGAW(cap)	(((cap) >> 16 & 0x3f) + 1)
#define ECAP_SC(ecap)	((ecap) >> 7 & 1)
#define ECAP_PSS(ecap)	((ecap) >> 35 & 0x1f)
#define ECAP_PASID(ecap) ((ecap) >> 40 & 1)
#define ECAP_SMTS(ecap)	((ecap) >> 43 & 1)
#define ECAP_SSTS(ecap)	((ecap) >> 46 & 1)
#define ECAP_FSTS(ecap)	((ecap) >> 47 & 1)

/*
 * From 6.12 on, the kernel's drivers of VT-d, AMD-Vi and SMMUv3 make a domain for
 * a device, so that the domain can be filled at once; 6.12's for VT-d only one of
 * the second level.  That of virtio-iommu does not.
 */
static inline bool domains_are_final(const char *bdf)
{
	__u64 ecap = vtd_register(bdf, "ecap");

	if (iommu_of(bdf) == VIRTIO)
		return false;
	return !kernel_before(7, 0, 0) ||
	       (!kernel_before(6, 12, 0) &&
		!(ECAP_FSTS(ecap) && !ECAP_SSTS(ecap)));
}

/*
 * 6.12 and 7.3 give VT-d in scalable mode no context entry for the requester ID of
 * a PCIe-to-PCI bridge: their pci_pasid_table_setup() passes over each alias that
 * pci_for_each_dma_alias() finds at a bridge.  No DMA from behind it reaches memory,
 * whoever has the devices.
 */
static inline bool dma_ends_at_bridges(void)
{
	return !kernel_before(6, 12, 0) &&
	       ECAP_SMTS(vtd_register(BRIDGE, "ecap"));
}

/* Page tables can be attached to PASIDs by the kernel's driver of VT-d, from 7.3 on */
static inline bool has_pasids(const char *bdf)
{
	return !kernel_before(7, 3, 0) && ECAP_PASID(vtd_register(bdf, "ecap"));
}

/* These kernels report hardware information of VT-d only */
static inline bool has_hw_info(const char *bdf)
{
	return !kernel_before(6, 12, 0) && iommu_of(bdf) == INTEL;
}

/*
 * The number of ranges of IOVA: none of them has the addresses of interrupts,
 * nor, behind AMD-Vi, those of HyperTransport (0xfd00000000 to 0xffffffffff).
 */
static inline unsigned int iova_ranges(const char *bdf)
{
	return iommu_of(bdf) == AMD ? 3 : 2;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* The module that stands for devices with PASIDs */
#ifndef SELFTESTS_VFIO_PASID_H
#define SELFTESTS_VFIO_PASID_H

#include "../../pasid/pasid.h"
#include "machine.h"

#define PASID_MODULE	"iommufd_pasid", "/sys/module/iommufd_pasid"
#define PASID_BITS	18	/* of a device: the IOMMU may have less, or more */
#define COMPATIBLE	IOMMU_HWPT_ALLOC_PASID

/* Devices that have PASIDs while the module is loaded */
static const char *const pasid_devices[] = { EDU, PAIR_0, PAIR_1 };

/* The IOMMU driver finds out what a device has when it finds the device. */
static inline int find_anew(const char *bdf)
{
	return pci_release(bdf) ?: pci_remove(bdf) ?: pci_rescan();
}

static inline int find_all_anew(void)
{
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(pasid_devices); i++) {
		if (!pci_exists(pasid_devices[i]))
			continue;
		rc = pci_release(pasid_devices[i]) ?:
		     pci_remove(pasid_devices[i]);
		if (rc)
			return rc;
	}
	return pci_rescan();
}

/* Load the module, and have devices with PASIDs */
static inline int pasids_begin(void)
{
	char command[160];

	snprintf(command, sizeof(command),
		 "iommufd_pasid registers=0x%llx bits=%u devices=%s,%s,%s",
		 vtd_register(EDU, "address"), PASID_BITS, pasid_devices[0],
		 pasid_devices[1], pasid_devices[2]);
	return module_load(command, "/sys/module/iommufd_pasid") ?:
	       find_all_anew();
}

/* Unload the module, and have devices without PASIDs */
static inline int pasids_end(void)
{
	return module_unload(PASID_MODULE) ?: find_all_anew();
}

/* Run tests while devices have PASIDs: the exit code */
static inline int run_with_pasids(int (*run)(int argc, char **argv), int argc,
				  char **argv)
{
	int rc = pci_bind(EDU, "vfio-pci") ?: pasids_begin();

	if (rc) {
		printf("Bail out! no device with PASIDs: %d\n", rc);
		return 1;
	}
	rc = run(argc, argv);
	if (pasids_end())
		puts("# the devices keep their PASIDs");
	return rc;
}

/* A parameter of the module, N or Y */
static inline int pasid_parameter(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/iommufd_pasid/parameters/%s",
		 name);
	return write_file(path, value);
}

static inline int pasid_open(void)
{
	return ERR(open("/dev/iommufd_pasid", O_RDWR | O_CLOEXEC));
}

/*
 * DMA by the IOMMU's tables; PASID 0 is none.  -ENXIO: they have no page table for
 * the PASID.  -EFAULT: the page table does not let the device.
 */
static inline int dma_read(int tables, const char *bdf, __u32 pasid, __u64 iova,
			   __u64 *value)
{
	struct pasid_dma dma = {
		.iova = iova,
		.requester = requester(bdf),
		.pasid = pasid,
	};
	int rc = ERR(ioctl(tables, PASID_DMA, &dma));

	*value = dma.value;
	return rc;
}

static inline int dma_write(int tables, const char *bdf, __u32 pasid,
			    __u64 iova, __u64 value)
{
	struct pasid_dma dma = {
		.iova = iova,
		.value = value,
		.requester = requester(bdf),
		.pasid = pasid,
		.write = 1,
	};

	return ERR(ioctl(tables, PASID_DMA, &dma));
}

static inline int pasid_attach(int dev, __u32 pasid, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.flags = VFIO_DEVICE_ATTACH_PASID,
		.pt_id = pt,
		.pasid = pasid,
	};
	int rc = ERR(ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));

	return rc ?: attach.pt_id == pt ? 0 : -EBADE;
}

static inline int pasid_detach(int dev, __u32 pasid)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach),
		.flags = VFIO_DEVICE_DETACH_PASID,
		.pasid = pasid,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
}

/* Width of the PASIDs that the device can have attached */
static inline int get_hw_info(int iommu, __u32 dev_id, __u64 *capabilities)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = dev_id };
	int rc = ERR(ioctl(iommu, IOMMU_GET_HW_INFO, &info));

	*capabilities = info.out_capabilities;
	return rc ?: info.out_max_pasid_log2;
}

/* That of a device of the module, by the register of the IOMMU */
static inline int expected_bits(void)
{
	int bits = ECAP_PSS(vtd_register(EDU, "ecap")) + 1;

	return bits < PASID_BITS ? bits : PASID_BITS;
}

#endif

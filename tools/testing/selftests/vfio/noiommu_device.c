// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a device without an IOMMU has of the calls on devices besides DMA (profile
 * "noiommu", see noiommu.c): resets, dma-bufs of its BARs, no PASID, no vIOMMU.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "disk.h"
#include "export.h"
#include "mmio.h"
#include "noiommu.h"

#define BAR_AT		0x200000ULL
#define BAR_LENGTH	(4 * PAGE)
#define NVME_CSTS	0x1c	/* bit 0: the controller is ready */

/* A device, bound and attached */
FIXTURE(noiommu_device)
{
	int dev;
	int iommu;
	__u32 ioas;
	__u32 devid;
};

FIXTURE_SETUP(noiommu_device)
{
	ASSERT_EQ(0, load_vfio_pci(true));
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
	ASSERT_EQ(1, vfio_is_noiommu(self->dev));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
}

FIXTURE_TEARDOWN(noiommu_device)
{
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(0, load_vfio_pci(false));
}

static int viommu_alloc(int iommu, __u32 type, __u32 devid, __u32 hwpt)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg),
		.type = type,
		.dev_id = devid,
		.hwpt_id = hwpt,
	};

	return ERR(ioctl(iommu, IOMMU_VIOMMU_ALLOC, &arg));
}

/* That the type is not supported comes before what hwpt_id is */
TEST_F(noiommu_device, no_viommu)
{
	static const __u32 types[] = {
		IOMMU_VIOMMU_TYPE_DEFAULT, IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
		IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV, 0xdeadbeef, ~0U
	};
	struct iommu_vdevice_alloc vdevice = {
		.size = sizeof(vdevice),
		.dev_id = self->devid,
	};
	__u32 hwpt;
	size_t i;

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->devid, self->ioas, 0, &hwpt));
	for (i = 0; i < ARRAY_SIZE(types); i++) {
		EXPECT_EQ(-EOPNOTSUPP, viommu_alloc(self->iommu, types[i],
						    self->devid, hwpt));
		EXPECT_EQ(-EOPNOTSUPP, viommu_alloc(self->iommu, types[i],
						    self->devid, ~0U));
	}
	EXPECT_EQ(-ENOENT, viommu_alloc(self->iommu, types[1], hwpt, hwpt));
	/* For one of a vIOMMU of another device see ../iommu/hwpt/noiommu.c */
	vdevice.viommu_id = hwpt;
	EXPECT_EQ(-ENOENT, ERR(ioctl(self->iommu, IOMMU_VDEVICE_ALLOC,
				     &vdevice)));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->devid, self->ioas,
					  IOMMU_HWPT_ALLOC_NEST_PARENT, &hwpt));
}

static int attach_pasid(int dev, __u32 pasid, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_ATTACH_PASID,
		.pasid = pasid,
		.pt_id = pt,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg));
}

static int detach_pasid(int dev, __u32 pasid)
{
	struct vfio_device_detach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_DETACH_PASID,
		.pasid = pasid,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg));
}

TEST_F(noiommu_device, no_pasid)
{
	__u32 hwpt, got;

	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->devid, self->ioas,
					  IOMMU_HWPT_ALLOC_PASID, &hwpt));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->devid, self->ioas, 0, &hwpt));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, 1, hwpt));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, 1, self->ioas));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, 0, hwpt));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, ~0U, hwpt));
	/* Nor with nothing attached, nor with that page table */
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, 1, hwpt));
	ASSERT_EQ(0, vfio_attach(self->dev, hwpt, &got));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, 1, hwpt));
	EXPECT_EQ(0, detach_pasid(self->dev, 1));
	EXPECT_EQ(0, detach_pasid(self->dev, ~0U));
	/* It has held no page table, and the device has still its own */
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, hwpt));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, iommu_destroy(self->iommu, hwpt));
}

/* edu has no reset, NVMe has one */
TEST_F_TIMEOUT(noiommu_device, reset, PATIENCE)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	char *image = disk_image(), *memory = anon_pages(MIB / PAGE), *csts;
	struct disk disk;
	__u64 iova;

	ASSERT_NE(NULL, image);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_FALSE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->dev, VFIO_DEVICE_RESET)));

	ASSERT_EQ(0, disk_open(&disk));
	ASSERT_EQ(0, ioctl(disk.dev, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	ASSERT_EQ(0, ioas_map(disk.iommu, disk.ioas, disk.nvme.bar, PAGE,
			      BAR_AT));
	csts = (char *)disk.nvme.bar + NVME_CSTS;
	EXPECT_EQ(1, mmio_read32(csts) & 1);
	EXPECT_EQ(0, ERR(ioctl(disk.dev, VFIO_DEVICE_RESET)));
	EXPECT_EQ(0, mmio_read32(csts) & 1);
	/* The BAR is where it was, for others, too */
	EXPECT_EQ(0, get_pa(disk.iommu, disk.ioas, BAR_AT));
	EXPECT_EQ(0, disk_close(&disk));

	ASSERT_EQ(0, disk_open(&disk));
	ASSERT_EQ(0, ioas_map_anywhere(disk.iommu, disk.ioas, memory, MIB,
				       &iova));
	EXPECT_EQ(0, nvme_read(&disk.nvme, 0, iova, MIB));
	EXPECT_EQ(0, memcmp(image, memory, MIB));
	EXPECT_EQ(0, disk_close(&disk));
	EXPECT_EQ(0, pci_bind(NVME, NULL));
}

/* Physical addresses in a dma-buf are those of the BAR, while it is on */
TEST_F(noiommu_device, dma_buf)
{
	const __u16 off = 0;
	__u64 length = 2 * BAR_LENGTH, phys;
	long long start = bar_start(EDU, 0);
	int buf;

	ASSERT_LT(0, start);
	ASSERT_EQ(0, vfio_bus_master(self->dev, true)); /* and decoding */
	EXPECT_EQ(-EINVAL, export(self->dev, 0, PAGE / 2, PAGE));
	buf = export(self->dev, 0, PAGE, BAR_LENGTH);
	ASSERT_LE(0, buf);
	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, buf, PAGE,
				   BAR_LENGTH - PAGE, BAR_AT));
	close(buf);
	ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas, BAR_AT + 16,
					 &length, &phys));
	EXPECT_EQ(start + 2 * (long long)PAGE + 16, (long long)phys);
	EXPECT_EQ(BAR_LENGTH - PAGE - 16, length);
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas,
				  BAR_AT + BAR_LENGTH - PAGE));

	/* Revoked with memory decoding, and restored with it */
	ASSERT_EQ(0, vfio_config_write(self->dev, PCI_COMMAND, &off,
				       sizeof(off)));
	EXPECT_EQ(-EINVAL, get_pa(self->iommu, self->ioas, BAR_AT));
	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas, BAR_AT,
					 &length, &phys));
	EXPECT_EQ(start + 2 * (long long)PAGE, (long long)phys);
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, BAR_AT));

	/* Revoked for good with the close of its device */
	close(self->dev);
	self->dev = open_vfio(EDU);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, get_pa(self->iommu, self->ioas, BAR_AT));
	EXPECT_EQ(0, ioas_unmap(self->iommu, self->ioas, BAR_AT,
				BAR_LENGTH - PAGE));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, BAR_AT));
}

TEST_HARNESS_MAIN

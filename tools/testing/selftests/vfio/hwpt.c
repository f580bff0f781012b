// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of HWPT_ALLOC, for devices behind the real IOMMU: the calls of
 * QEMU when it starts, and others.
 */
#include <linux/pci_regs.h>

#include "fault.h"

#define IOVA	0x10000000ULL
#define TRACKED	IOMMU_HWPT_ALLOC_DIRTY_TRACKING

#define FINAL		domains_are_final(EDU)
#define VTD_INFO_BYTES	24	/* flags, and the registers CAP and ECAP */

FIXTURE(hwpt)
{
	int iommu;
	__u32 ioas;
	__u32 id;
	int dev;
	__u32 dev_id;
	struct edu edu;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(hwpt)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(1);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
}

FIXTURE_TEARDOWN(hwpt)
{
	edu_close(&self->edu);
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, bind_anew(EDU));
}

#define MAP(ioas)							\
	ioas_map(self->iommu, ioas, self->memory, PAGE, IOVA)

#define EXPECT_DMA_WORKS()						\
do {									\
	memset(self->memory, 'd', PAGE);				\
	EXPECT_EQ(0, edu_from_memory(&self->edu, IOVA, EDU_DMA_MAX));	\
	memset(self->memory, 'm', PAGE);				\
	EXPECT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->memory, 'd', EDU_DMA_MAX));		\
} while (0)

#define EXPECT_DMA_BLOCKED()						\
do {									\
	memset(self->memory, 'm', PAGE);				\
	EXPECT_TRUE(edu_write_is_blocked(&self->edu, IOVA, EDU));	\
	EXPECT_TRUE(filled(self->memory, 'm', PAGE));			\
} while (0)

/* The calls of QEMU, from BIND to the end */
TEST_F_TIMEOUT(hwpt, as_qemu_does, PATIENCE)
{
	struct iommu_iova_range ranges[8] = {};
	struct iommu_ioas_iova_ranges ask = {
		.size = sizeof(ask),
		.ioas_id = self->ioas,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)ranges,
	};
	unsigned char data[64];
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = self->dev_id,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)data,
		.out_capabilities = ~0ULL,
	};

	memset(data, 0xaa, sizeof(data));
	ASSERT_EQ(0, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO, &info)));
	EXPECT_EQ(has_hw_info(EDU) ? IOMMU_HW_INFO_TYPE_INTEL_VTD :
				     IOMMU_HW_INFO_TYPE_NONE,
		  info.out_data_type);
	EXPECT_EQ(has_hw_info(EDU) ? VTD_INFO_BYTES : 0, info.data_len);
	EXPECT_EQ(0, info.out_max_pasid_log2);
	EXPECT_EQ(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED, info.out_capabilities);
	EXPECT_EQ(!has_hw_info(EDU), filled(data, 0, VTD_INFO_BYTES));
	EXPECT_TRUE(filled(data + VTD_INFO_BYTES, 0,
			   sizeof(data) - VTD_INFO_BYTES));

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-EMSGSIZE, ERR(ioctl(self->iommu, IOMMU_IOAS_IOVA_RANGES,
				       &ask)));
	ASSERT_EQ(iova_ranges(EDU), ask.num_iovas);
	EXPECT_EQ(0, ERR(ioctl(self->iommu, IOMMU_IOAS_IOVA_RANGES, &ask)));
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(MSI_START - 1, ranges[0].last);
	EXPECT_EQ(MSI_LAST + 1, ranges[1].start);
	EXPECT_EQ(PAGE, ask.out_iova_alignment);

	ASSERT_EQ(0, MAP(self->ioas));
	EXPECT_DMA_WORKS();
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

/* DMA reaches nothing before the attach, and all mappings after it */
TEST_F_TIMEOUT(hwpt, filled_before_the_attach, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	ASSERT_EQ(0, MAP(self->ioas));
	EXPECT_EQ(self->pinned, pinned());
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&self->id));
	EXPECT_EQ(self->pinned + 1, pinned());
	EXPECT_DMA_BLOCKED();
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_DMA_WORKS();
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(self->pinned + 1, pinned());
	EXPECT_DMA_BLOCKED();

	/* Once more, with the mappings made meanwhile */
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_DMA_WORKS();
}

/* A page table of an attached device is filled at its first use, or at once */
TEST_F_TIMEOUT(hwpt, made_while_attached, PATIENCE)
{
	__u32 other, second;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &other));
	ASSERT_EQ(0, MAP(other));
	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(self->pinned + 1, pinned());
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, other, 0,
				&self->id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, other, 0, &second));
	EXPECT_EQ(self->pinned + (FINAL ? 2 : 1), pinned());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, other));
	EXPECT_DMA_WORKS();

	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(self->pinned + 1, pinned());
	EXPECT_DMA_WORKS();
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, iommu_destroy(self->iommu, second));
	ASSERT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, iommu_destroy(self->iommu, other));
}

/* If filling it fails, in attach or in the call, everything stays as it was */
TEST_F_TIMEOUT(hwpt, made_while_attached_and_cannot_be_filled, PATIENCE)
{
	char *gone = anon_pages(1);
	__u32 other;

	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, ioas_alloc(self->iommu, &other));
	ASSERT_EQ(0, ioas_map(self->iommu, other, gone, PAGE, IOVA));
	if (!FINAL)
		ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, other, 0,
					&self->id));
	ASSERT_EQ(0, munmap(gone, PAGE));
	EXPECT_EQ(-EFAULT, FINAL ? hwpt_alloc(self->iommu, self->dev_id, other,
					      0, &self->id) :
				   vfio_attach(self->dev, self->id, NULL));
	EXPECT_DMA_WORKS();
	/* Remove the cause of the failure */
	ASSERT_EQ(0, ioas_unmap(self->iommu, other, IOVA, PAGE));
	ASSERT_EQ(0, MAP(other));
	if (FINAL)
		ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, other, 0,
					&self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_DMA_WORKS();
}

TEST_F_TIMEOUT(hwpt, ioas_and_page_table_replace_each_other, PATIENCE)
{
	__u32 pt;

	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &pt));
	EXPECT_NE(self->id, pt);
	EXPECT_DMA_WORKS();
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->iommu, pt));
	EXPECT_DMA_WORKS();
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &pt));
	EXPECT_NE(self->id, pt);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_DMA_WORKS();
	EXPECT_EQ(self->pinned + 1, pinned());
}

/* Closing the files undoes everything */
TEST_F(hwpt, close_while_attached)
{
	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
}

TEST_F(hwpt, what_the_iommu_cannot_do)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev_id,
		.pt_id = self->ioas,
		.data_type = 0xdead,
		.data_len = 8,
		.data_uptr = (uintptr_t)self->memory,
	};
	struct iommu_hwpt_set_dirty_tracking set = {
		.size = sizeof(set),
		.flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE,
	};
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.iova = IOVA,
		.length = PAGE,
		.page_size = PAGE,
		.data = (uintptr_t)self->memory,
	};
	__u32 flag, queue;
	int file;

	for (flag = 1; flag; flag <<= 1)
		EXPECT_EQ(flag == IOMMU_HWPT_ALLOC_PASID && has_pasids(EDU) ?
			  0 : -EOPNOTSUPP,
			  hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				     flag, &self->id));
	file = fault_queue_alloc(self->iommu, &queue);
	ASSERT_LE(0, file);
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc_faults(self->iommu, self->dev_id,
						 self->ioas, queue, &self->id));
	close(file);
	EXPECT_EQ(0, iommu_destroy(self->iommu, queue));
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu, IOMMU_HWPT_ALLOC, &arg)));
	arg.data_type = IOMMU_HWPT_DATA_VTD_S1;
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu, IOMMU_HWPT_ALLOC, &arg)));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&self->id));
	set.hwpt_id = self->id;
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu,
					 IOMMU_HWPT_SET_DIRTY_TRACKING, &set)));
	get.hwpt_id = self->id;
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu,
					 IOMMU_HWPT_GET_DIRTY_BITMAP, &get)));
}

/* Two devices, in groups of their own and in one */
TEST_F_TIMEOUT(hwpt, of_two_devices, PATIENCE)
{
	int pair[2] = { open_vfio(PAIR_0), open_vfio(PAIR_1) };
	__u32 pair_id[2], other;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vfio_bind(pair[i], self->iommu, &pair_id[i]));
	ASSERT_EQ(0, MAP(self->ioas));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, pair_id[0], self->ioas, 0,
				&self->id));
	ASSERT_EQ(0, vfio_attach(pair[1], self->id, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_DMA_WORKS();
	/* Not filled, since another function of the group is attached */
	ASSERT_EQ(0, hwpt_alloc(self->iommu, pair_id[0], self->ioas, 0,
				&other));
	EXPECT_EQ(-EINVAL, vfio_attach(pair[0], other, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(pair[0], self->ioas, NULL));
	EXPECT_EQ(0, vfio_attach(pair[0], self->id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(pair[0], other, NULL));
	close(pair[0]);
	close(pair[1]);
	EXPECT_DMA_WORKS();
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->id));
	/* A page table outlives the device that it was made for */
	ASSERT_EQ(0, vfio_attach(self->dev, other, NULL));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_DMA_WORKS();
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA of a device reaches the memory that is mapped in the IOAS of the device,
 * as long as it is mapped, and nothing else.
 */
#include "fault.h"

#define IOVA	0x10000000ULL

FIXTURE(dma)
{
	int dev;
	int iommu;
	__u32 ioas;
	struct edu edu;
	char *memory;		/* two pages; tests map the first at IOVA */
};

FIXTURE_SETUP(dma)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
	self->memory = anon_pages(2);
	ASSERT_NE(MAP_FAILED, self->memory);

	/* Put known content into the device, to recognize its writes */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      IOVA));
	memset(self->memory, 'd', PAGE);
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA, EDU_DMA_MAX));
	memset(self->memory, 'm', 2 * PAGE);
}

FIXTURE_TEARDOWN(dma)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

/* The device has written to neither page */
#define EXPECT_UNTOUCHED() EXPECT_TRUE(filled(self->memory, 'm', 2 * PAGE))

#define EXPECT_WRITE_ARRIVES()						\
do {									\
	EXPECT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->memory, 'd', EDU_DMA_MAX));		\
	EXPECT_TRUE(filled(self->memory + EDU_DMA_MAX, 'm',		\
			   2 * PAGE - EDU_DMA_MAX));			\
	memset(self->memory, 'm', 2 * PAGE);				\
} while (0)

TEST_F_TIMEOUT(dma, both_ways, PATIENCE)
{
	size_t i;

	EXPECT_WRITE_ARRIVES();
	for (i = 0; i < EDU_DMA_MAX; i++)
		self->memory[i] = i * 7 + i / 256;
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA, EDU_DMA_MAX));
	memset(self->memory, 0, PAGE);
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	for (i = 0; i < EDU_DMA_MAX; i++)
		ASSERT_EQ((char)(i * 7 + i / 256), self->memory[i]);
}

TEST_F_TIMEOUT(dma, across_a_page_border, PATIENCE)
{
	char *memory = self->memory;

	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory + PAGE, PAGE,
			      IOVA + PAGE));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + PAGE - 1000, 2000));
	EXPECT_TRUE(filled(memory, 'm', PAGE - 1000));
	EXPECT_TRUE(filled(memory + PAGE - 1000, 'd', 2000));
	EXPECT_TRUE(filled(memory + PAGE + 1000, 'm', PAGE - 1000));
}

TEST_F_TIMEOUT(dma, outside_the_mapping, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA + PAGE, EDU));
	EXPECT_UNTOUCHED();
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA - PAGE, EDU));
	EXPECT_UNTOUCHED();
	/* A user address means nothing to the device */
	EXPECT_TRUE(edu_write_faults(&self->edu, (__u64)self->memory, EDU));
	EXPECT_UNTOUCHED();
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, read_outside_the_mapping, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	/* The second page holds a secret that the device must not get */
	memset(self->memory + PAGE, 's', PAGE);
	EXPECT_TRUE(edu_read_faults(&self->edu, IOVA + PAGE, EDU));
	memset(self->memory + PAGE, 'm', PAGE);
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	EXPECT_EQ(NULL, memchr(self->memory, 's', PAGE));
}

TEST_F_TIMEOUT(dma, after_unmap, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA, EDU));
	EXPECT_UNTOUCHED();
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      IOVA));
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, after_detach, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_TRUE(edu_write_is_blocked(&self->edu, IOVA, EDU));
	EXPECT_UNTOUCHED();
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, before_attach, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	/* The device has just been used: bind it anew */
	edu_close(&self->edu);
	ASSERT_EQ(0, close(self->dev));
	self->dev = open_vfio(EDU);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
	EXPECT_TRUE(edu_write_is_blocked(&self->edu, IOVA, EDU));
	EXPECT_UNTOUCHED();
	/* Attached, the device is able to */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, write_to_a_read_only_mapping, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	ASSERT_EQ(0, ioas_map_ro(self->iommu, self->ioas, self->memory, PAGE,
				 IOVA));
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA, EDU));
	EXPECT_UNTOUCHED();

	/* Reading is allowed */
	memset(self->memory, 'r', PAGE);
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA, EDU_DMA_MAX));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      IOVA));
	memset(self->memory, 0, PAGE);
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->memory, 'r', EDU_DMA_MAX));
}

/*
 * Reading is not tested: the kernel's driver of the Intel IOMMU makes
 * write-only mappings readable as well.
 */
TEST_F_TIMEOUT(dma, write_to_a_write_only_mapping, PATIENCE)
{
	__u64 iova = IOVA;

	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	ASSERT_EQ(0, ioas_map_flags(self->iommu, self->ioas,
				    IOMMU_IOAS_MAP_WRITEABLE |
				    IOMMU_IOAS_MAP_FIXED_IOVA,
				    self->memory, PAGE, &iova));
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, after_moving_to_another_ioas, PATIENCE)
{
	char *memory2 = anon_pages(1);
	__u32 ioas2;

	ASSERT_NE(MAP_FAILED, memory2);
	memset(memory2, '2', PAGE);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, ioas_map(self->iommu, ioas2, memory2, PAGE, IOVA));
	ASSERT_EQ(0, vfio_attach(self->dev, ioas2, NULL));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(memory2, 'd', EDU_DMA_MAX));
	EXPECT_UNTOUCHED();

	memset(memory2, '2', PAGE);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_WRITE_ARRIVES();
	EXPECT_TRUE(filled(memory2, '2', PAGE));
}

TEST_F_TIMEOUT(dma, mapped_before_attach, PATIENCE)
{
	__u32 ioas2;

	/* Map has pinned nothing: attach does */
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, ioas_map(self->iommu, ioas2, self->memory, PAGE, IOVA));
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, vfio_attach(self->dev, ioas2, NULL));
	EXPECT_WRITE_ARRIVES();
}

TEST_F_TIMEOUT(dma, two_groups_on_one_ioas, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	int dev2 = open_vfio(PAIR_0);
	struct edu edu2;

	ASSERT_EQ(0, vfio_bind(dev2, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev2, self->ioas, NULL));
	ASSERT_EQ(0, edu_open(&edu2, dev2));
	EXPECT_WRITE_ARRIVES();

	/* From one device to the other through the same memory */
	memset(self->memory, '1', PAGE);
	ASSERT_EQ(0, edu_from_memory(&edu2, IOVA, EDU_DMA_MAX));
	memset(self->memory, 'm', PAGE);
	ASSERT_EQ(0, edu_to_memory(&edu2, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->memory, '1', EDU_DMA_MAX));
	memset(self->memory, 'm', PAGE);

	/* Unmap is for both devices; detach is for one only */
	ASSERT_EQ(0, vfio_detach(dev2));
	EXPECT_WRITE_ARRIVES();
	EXPECT_TRUE(edu_write_is_blocked(&edu2, IOVA, PAIR_0));
	EXPECT_UNTOUCHED();
	ASSERT_EQ(0, vfio_attach(dev2, self->ioas, NULL));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA, EDU));
	EXPECT_TRUE(edu_write_faults(&edu2, IOVA, PAIR_0));
	EXPECT_UNTOUCHED();
	edu_close(&edu2);
	close(dev2);
}

/* The device has the pages that were mapped, not those at the address now */
TEST_F_TIMEOUT(dma, other_memory_at_the_same_address, PATIENCE)
{
	char *again;

	ASSERT_EQ(0, munmap(self->memory, 2 * PAGE));
	/* The pages are pinned: they are not reused before the unmap */
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	again = mmap(self->memory, 2 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE,
		     -1, 0);
	ASSERT_EQ(self->memory, again);
	memset(again, 'm', 2 * PAGE);
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	EXPECT_UNTOUCHED();
}

/*
 * 4 MiB that straddle the border between two pages of the IOMMU's page table of
 * the third level (at 1 GiB): IOVA pages 0x3fe00 to 0x401ff.  Some IOMMU
 * drivers have left entries behind there, which the kernel then finds when it
 * maps again ("DMA PTE for vPFN ... already set").
 */
#define R15_IOVA	(0x3fe00ULL * PAGE)
#define R15_LENGTH	(0x400 * PAGE)
#define HUGE		0x200000UL

FIXTURE(border)
{
	int dev;
	int iommu;
	int log;
	__u32 ioas;
	struct edu edu;
	char *memory;
};

FIXTURE_VARIANT(border)
{
	bool huge_pages;
};

FIXTURE_VARIANT_ADD(border, small_pages)
{
	.huge_pages = false,
};

FIXTURE_VARIANT_ADD(border, huge_pages)
{
	.huge_pages = true,
};

FIXTURE_SETUP(border)
{
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = variant->huge_pages,
	};
	char *memory;

	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	option.object_id = self->ioas;
	ASSERT_EQ(0, ioctl(self->iommu, IOMMU_OPTION, &option));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));

	/* Memory that huge pages fit in, if the kernel has any */
	memory = mmap(NULL, R15_LENGTH + HUGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	self->memory = (char *)(((__u64)memory + HUGE - 1) & ~(HUGE - 1));
	madvise(self->memory, R15_LENGTH,
		variant->huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(self->memory, 'm', R15_LENGTH);
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(border)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F_TIMEOUT(border, mapping_across_1_gib, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	static const __u64 samples[] = {
		0, 0x1ff * PAGE, 0x200 * PAGE, R15_LENGTH - PAGE,
	};
	char line[1024];
	size_t i;
	int round;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory,
				      R15_LENGTH, R15_IOVA));
		for (i = 0; i < ARRAY_SIZE(samples); i++) {
			char *page = self->memory + samples[i];

			memset(page, 'a' + round, PAGE);
			ASSERT_EQ(0, edu_from_memory(&self->edu,
						     R15_IOVA + samples[i],
						     EDU_DMA_MAX));
			memset(page, 'm', PAGE);
			ASSERT_EQ(0, edu_to_memory(&self->edu,
						   R15_IOVA + samples[i],
						   EDU_DMA_MAX));
			EXPECT_TRUE(filled(page, 'a' + round, EDU_DMA_MAX));
			memset(page, 'm', PAGE);
		}
		ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, R15_IOVA,
					R15_LENGTH));
		for (i = 0; i < ARRAY_SIZE(samples); i++)
			ASSERT_EQ(0, edu_to_memory(&self->edu,
						   R15_IOVA + samples[i],
						   EDU_DMA_MAX));
		EXPECT_TRUE(filled(self->memory, 'm', R15_LENGTH));
	}
	EXPECT_FALSE(kmsg_find(self->log, "DMA PTE", "already set", 0, line))
		TH_LOG("%s", line);
	EXPECT_TRUE(edu_write_faults(&self->edu, R15_IOVA + 0x1ff * PAGE,
				     EDU));
}

TEST_HARNESS_MAIN

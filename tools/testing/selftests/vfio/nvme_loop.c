// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmap returns only when the device can no longer reach the memory: ten
 * thousand times, new memory is mapped at one IOVA, with DMA from and to it.
 */
#include "fault.h"

#define ROUNDS	((int)patient_rounds(10000))
#define IOVA	0x100000000ULL
#define LBA	0x8000	/* beyond the first MiB, which other tests read */

FIXTURE(loop)
{
	int dev;
	int iommu;
	__u32 ioas;
	struct nvme nvme;
};

FIXTURE_SETUP(loop)
{
	self->dev = open_vfio(NVME);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, nvme_open(&self->nvme, self->dev, self->iommu,
			       self->ioas));
}

FIXTURE_TEARDOWN(loop)
{
	nvme_close(&self->nvme);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

static void fill(__u64 *page, __u64 seed)
{
	size_t i;

	for (i = 0; i < PAGE / 8; i++)
		page[i] = seed * 0x9e3779b97f4a7c15ULL + i;
}

static int differs(const __u64 *page, __u64 seed)
{
	size_t i;

	for (i = 0; i < PAGE / 8; i++)
		if (page[i] != seed * 0x9e3779b97f4a7c15ULL + i)
			return 1;
	return 0;
}

/*
 * Each round has two new pages: the disk reads the first and writes the second.
 * The pages of the round before are still there, unmapped from the IOMMU and
 * marked: had the IOMMU kept them, the disk would read or overwrite the mark.
 */
TEST_F_TIMEOUT(loop, other_memory_at_one_iova, 600)
{
	char *last = NULL;
	int round;

	for (round = 1; round <= ROUNDS; round++) {
		char *out = anon_pages(2);
		char *in = out + PAGE;

		ASSERT_NE(MAP_FAILED, out);
		fill((__u64 *)out, round);
		memset(in, 0, PAGE);
		ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, out, 2 * PAGE,
				      IOVA));
		ASSERT_EQ(0, nvme_write(&self->nvme, LBA, IOVA, PAGE));
		ASSERT_EQ(0, nvme_read(&self->nvme, LBA, IOVA + PAGE, PAGE));
		ASSERT_EQ(0, differs((__u64 *)in, round))
			TH_LOG("round %d: the page has other data", round);
		ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA,
					2 * PAGE));
		if (last) {
			ASSERT_TRUE(filled(last, 0xff, 2 * PAGE))
				TH_LOG("round %d: wrote to older memory",
				       round);
			ASSERT_EQ(0, munmap(last, 2 * PAGE));
		}
		memset(out, 0xff, 2 * PAGE);
		last = out;
	}
}

/*
 * QEMU's controller does not report a DMA that the IOMMU blocks; the kernel
 * does.  The disk goes on working.
 */
TEST_F_TIMEOUT(loop, nothing_is_there_after_unmap, PATIENCE)
{
	char *memory = anon_pages(1);

	ASSERT_NE(MAP_FAILED, memory);
	fill((__u64 *)memory, 0);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, IOVA));
	ASSERT_EQ(0, nvme_write(&self->nvme, LBA, IOVA, PAGE));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, PAGE));

	memset(memory, 'm', PAGE);
	EXPECT_TRUE(DMA_FAULTS((nvme_read(&self->nvme, LBA, IOVA, PAGE), true),
			       NVME, "DMA Write", IOVA));
	EXPECT_TRUE(filled(memory, 'm', PAGE));
	EXPECT_TRUE(DMA_FAULTS((nvme_write(&self->nvme, LBA, IOVA, PAGE), true),
			       NVME, "DMA Read", IOVA));

	/* The content of the disk has not come from our memory */
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, IOVA));
	ASSERT_EQ(0, nvme_read(&self->nvme, LBA, IOVA, PAGE));
	EXPECT_EQ(NULL, memchr(memory, 'm', PAGE));
}

/* A transfer larger than one command, page by page through PRP lists */
TEST_F_TIMEOUT(loop, large_transfer, PATIENCE)
{
	const size_t pages = 1024;
	char *memory = anon_pages(pages);
	size_t i;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, pages * PAGE,
			      IOVA));
	for (i = 0; i < pages; i++)
		fill((__u64 *)(memory + i * PAGE), i + 1);
	ASSERT_EQ(0, nvme_write(&self->nvme, LBA, IOVA, pages * PAGE));
	memset(memory, 0, pages * PAGE);
	ASSERT_EQ(0, nvme_read(&self->nvme, LBA, IOVA, pages * PAGE));
	for (i = 0; i < pages; i++)
		ASSERT_EQ(0, differs((__u64 *)(memory + i * PAGE), i + 1));
}

TEST_HARNESS_MAIN

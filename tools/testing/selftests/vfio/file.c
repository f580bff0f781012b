// SPDX-License-Identifier: GPL-2.0-only
/* DMA of a device to files that no process has mapped meanwhile */
#include "fault.h"

#define IOVA		0x10000000ULL
#define FILE_BYTES	(2UL << 20)	/* a huge page */
#define AT		(FILE_BYTES - 3 * PAGE / 2)	/* offset of DMA */

FIXTURE(file)
{
	int dev;
	int iommu;
	int file;
	__u32 ioas;
	struct edu edu;
};

FIXTURE_VARIANT(file)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(file, memfd) { 0 };
FIXTURE_VARIANT_ADD(file, hugetlb) { MFD_HUGETLB };

static int set_huge_pages(const char *n)
{
	int fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);
	int rc = write(fd, n, strlen(n)) < 0 ? -errno : 0;

	close(fd);
	return rc;
}

FIXTURE_SETUP(file)
{
	char *pattern = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, pattern);

	ASSERT_EQ(0, set_huge_pages("2"));
	self->file = memfd_create("test", MFD_CLOEXEC | variant->flags);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, FILE_BYTES));
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));

	/* Put known content into the device, to recognize its writes */
	memset(pattern, 'd', EDU_DMA_MAX);
	ASSERT_EQ(0, ioas_map_ro(self->iommu, self->ioas, pattern, PAGE, IOVA -
				 PAGE));
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA - PAGE, EDU_DMA_MAX));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA - PAGE, PAGE));
}

FIXTURE_TEARDOWN(file)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	close(self->file);
	EXPECT_EQ(0, set_huge_pages("0"));
}

static char *show(int file)
{
	char *p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
		       file, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The file has the data of the device, and zero elsewhere */
static int has_dma(const char *p)
{
	return filled(p, 0, AT) && filled(p + AT, 'd', EDU_DMA_MAX) &&
	       filled(p + AT + EDU_DMA_MAX, 0, FILE_BYTES - AT - EDU_DMA_MAX);
}

TEST_F_TIMEOUT(file, write_arrives, PATIENCE)
{
	char *p;

	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	p = show(self->file);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(has_dma(p));
	/* It keeps the data when nothing is pinned any more */
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, FILE_BYTES));
	EXPECT_TRUE(has_dma(p));
}

/* The first access of the process must not clear the data of the device */
TEST_F_TIMEOUT(file, write_arrives_in_what_was_preallocated, PATIENCE)
{
	char *p;

	ASSERT_EQ(0, fallocate(self->file, 0, 0, FILE_BYTES));
	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	p = show(self->file);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(has_dma(p));
}

TEST_F_TIMEOUT(file, read_sees_what_a_process_writes, PATIENCE)
{
	char *p = show(self->file);

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	memset(p + AT, 'p', EDU_DMA_MAX);
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(p, 'p', EDU_DMA_MAX));
}

TEST_F_TIMEOUT(file, write_to_what_is_readable_faults, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	__u64 iova = IOVA;
	char *p;

	ASSERT_EQ(0, ioas_map_file_flags(self->iommu, self->ioas, IOAS_RO |
					 IOMMU_IOAS_MAP_FIXED_IOVA, self->file,
					 0, FILE_BYTES, &iova));
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA, EDU));
	p = show(self->file);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(filled(p, 0, FILE_BYTES));
}

/* The device may write to pinned pages, which are not the file's any more */
TEST_F_TIMEOUT(file, write_after_truncation_hits_nothing, PATIENCE)
{
	char *p;

	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	ASSERT_EQ(0, ftruncate(self->file, 0));
	ASSERT_EQ(0, ftruncate(self->file, FILE_BYTES));
	p = show(self->file);
	ASSERT_NE(NULL, p);
	p[0] = 'p';
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	EXPECT_TRUE(filled(p + 1, 0, FILE_BYTES - 1));
	/* It reads back what it wrote */
	ASSERT_EQ(0, edu_from_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, IOVA, FILE_BYTES));
	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	EXPECT_EQ('p', p[0]);
	p[0] = 0;
	EXPECT_TRUE(has_dma(p));
}

TEST_F_TIMEOUT(file, closed_and_mapped_nowhere, PATIENCE)
{
	char path[64];
	int again;
	char *p;

	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, self->file, 0,
				   FILE_BYTES, IOVA));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->file);
	again = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, again);
	ASSERT_EQ(0, close(self->file));
	ASSERT_EQ(0, edu_to_memory(&self->edu, IOVA + AT, EDU_DMA_MAX));
	self->file = again;
	p = show(self->file);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(has_dma(p));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmap for an IOMMU that can only flush ranges which are aligned to their
 * length, as Intel's driver of 6.1 at the first level.  The mock warns of a
 * range that would stay in the IOTLB in part.
 */
#include "kmsg.h"
#include "mock.h"

#define AT	(64 * MiB)
#define MEMORY	(2 * HUGE)

FIXTURE(flush)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *memory;
	int log;
};

FIXTURE_SETUP(flush)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, system("modprobe " MOCK_MODULE " aligned_flush=Y"));
	self->memory = huge_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(flush)
{
	char line[1024];

	EXPECT_FALSE(kmsg_find(self->log, "WARNING", "mock_iotlb_sync", 0,
			       line));
	close(self->log);
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_unload());
}

/* Each length and alignment, in units of the mock's page, within 16 */
TEST_F(flush, each_small_range)
{
	unsigned int first, n;

	for (first = 0; first < 16; first++) {
		for (n = 1; n <= 16; n++) {
			__u64 iova = AT + first * HALF;
			__u64 length = n * HALF;

			ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id,
					      self->memory + first * HALF,
					      length, iova));
			ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id,
						    iova, &length));
			ASSERT_EQ(n * HALF, length);
		}
	}
}

/* Huge pages with small ones before and after them */
TEST_F(flush, ranges_with_huge_pages)
{
	static const __u64 before[] = { 0, HALF, PAGE, 3 * PAGE + HALF };
	static const __u64 after[] = { 0, HALF, 5 * PAGE, MiB - HALF };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(before); i++) {
		for (j = 0; j < ARRAY_LEN(after); j++) {
			__u64 length = before[i] + 2 * MiB + after[j];
			__u64 at = MiB - before[i], unmapped = length;

			ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id,
					      self->memory + at, length,
					      AT + at));
			EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
						    self->memory + at, length,
						    AT + at));
			ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id,
						    AT + at, &unmapped));
			ASSERT_EQ(length, unmapped);
		}
	}
}

/* All of it goes with the last device */
TEST_F(flush, detach)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory + PAGE,
			      3 * MiB, AT + PAGE));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(3 * MiB, (__u64)ioas_empty(self->fd, self->ioas_id));
}

TEST_HARNESS_MAIN

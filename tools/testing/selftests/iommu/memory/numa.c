// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of more than one NUMA node: pinned pages are counted in their node.
 */
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "mock.h"

#define AT		(64 * HUGE)
#define NODE		"/sys/devices/system/node/node"
#define NNODES		2

FIXTURE(nodes)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *va;
	long pinned[NNODES];
};

FIXTURE_VARIANT(nodes)
{
	size_t npages;
};

FIXTURE_VARIANT_ADD(nodes, one_page_each) { NNODES };
FIXTURE_VARIANT_ADD(nodes, some_pages) { 16 };
FIXTURE_VARIANT_ADD(nodes, many_pages) { 1200 };

/* Number of pinned pages of a node, -1 if it is not known */
static long pinned_of_node(int node)
{
	char path[64];

	snprintf(path, sizeof(path), NODE "%d/vmstat", node);
	/* pinned() has the kernel sum up the counts of CPUs. */
	return pinned() < 0 ? -1 : pinned_of(path);
}

FIXTURE_SETUP(nodes)
{
	const size_t length = variant->npages * PAGE;

	ASSERT_EQ(0, mock_load());
	self->va = anon(length);
	ASSERT_NE(NULL, self->va);
	ASSERT_EQ(0, madvise(self->va, length, MADV_NOHUGEPAGE));
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(nodes)
{
	close(self->fd);
	EXPECT_EQ(0, mock_unload());
}

TEST_F(nodes, each_counts_its_own)
{
	const size_t length = variant->npages * PAGE;
	const long half = variant->npages / NNODES;
	unsigned long mask = (1UL << NNODES) - 1;
	int i, round;

	if (access(NODE "1", F_OK))
		SKIP(return, "there is one node");
	ASSERT_EQ(0, syscall(SYS_mbind, self->va, length, MPOL_INTERLEAVE,
			     &mask, sizeof(mask) * 8, 0));
	memset(self->va, 1, length);
	for (i = 0; i < NNODES; i++) {
		self->pinned[i] = pinned_of_node(i);
		ASSERT_LE(0, self->pinned[i]);
	}
	/* In the second round all pages are dirty, and counted together. */
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->va, length,
				      AT));
		for (i = 0; i < NNODES; i++)
			EXPECT_EQ(half, pinned_of_node(i) - self->pinned[i]);
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
		for (i = 0; i < NNODES; i++)
			EXPECT_EQ(0, pinned_of_node(i) - self->pinned[i]);
		EXPECT_EQ(0, mock_check_refs(self->fd, self->va, length, 0));
	}
}

TEST_HARNESS_MAIN

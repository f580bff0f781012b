// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins of software devices while mappings, devices, address spaces, files and
 * processes go away.
 */
#include <linux/vfio.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "access.h"
#include "hwpt.h"

#define AT		(64 * MiB)
#define SRC		(1024 * MiB)	/* where copies come from */
#define MEMORY		(16 * PAGE)
#define ALICE		12345

/*
 * One access that pins, on an IOAS with no domain, that of a mock device, or
 * two.  Memory is mapped, or mapped in another IOAS and copied.
 */
FIXTURE(unmap)
{
	int fd;
	int access;
	__u32 ioas_id;
	__u32 other_id;
	__u32 src_id;
	bool copy;
	struct mock_dev dev;
	__u32 refs;
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(unmap)
{
	unsigned int domains;
	bool huge;
	__u32 scratch;
	bool copy;
};

/*
 * Domains, huge pages, bytes of scratch memory, copied: each number of domains
 * is combined with both values of each other parameter, and any two of the
 * other parameters with each other
 */
FIXTURE_VARIANT_ADD(unmap, none_huge_64k_map) { 0, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(unmap, none_small_16_copy) { 0, false, 16, true };
FIXTURE_VARIANT_ADD(unmap, one_huge_16_copy) { 1, true, 16, true };
FIXTURE_VARIANT_ADD(unmap, one_small_64k_map) { 1, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(unmap, two_huge_64k_copy) { 2, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(unmap, two_small_16_map) { 2, false, 16, false };

FIXTURE_SETUP(unmap)
{
	__u32 hwpt_id;

	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_limit(self->fd, variant->scratch));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->src_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, variant->huge));
	self->copy = variant->copy;
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->refs = !!variant->domains;
	if (variant->domains)
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	if (variant->domains == 2)
		ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id,
					self->ioas_id, 0, &hwpt_id));
	self->access = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, self->access);
}

FIXTURE_TEARDOWN(unmap)
{
	/* If the file was closed, the module was unloaded since. */
	if (self->fd >= 0)
		EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	close(self->access);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

/* Map n pages of memory, from a page on, at their place in the IOAS. */
static int map_pages(struct _test_data_unmap *self, unsigned long page,
		     unsigned long n)
{
	const char *va = self->memory + page * PAGE;

	if (!self->copy)
		return ioas_map(self->fd, self->ioas_id, va, n * PAGE,
				AT + page * PAGE);
	return ioas_map_by_copy(self->fd, self->ioas_id, self->src_id, SRC, va,
				n * PAGE, AT + page * PAGE);
}

static int unmap_pages(struct _test_data_unmap *self, unsigned long page,
		       unsigned long n)
{
	return ioas_unmap(self->fd, self->ioas_id, AT + page * PAGE, n * PAGE);
}

static int pin_pages(struct _test_data_unmap *self, unsigned long page,
		     unsigned long n, __u32 *id)
{
	return access_pin(self->fd, self->access, AT + page * PAGE, n * PAGE,
			  self->memory + page * PAGE, PIN_WRITE, id);
}

static int unpin(struct _test_data_unmap *self, __u32 id)
{
	return access_unpin(self->fd, self->access, id);
}

static int check_refs(struct _test_data_unmap *self, unsigned long page,
		      unsigned long n, __u32 refs)
{
	return mock_check_refs(self->fd, self->memory + page * PAGE, n * PAGE,
			       refs);
}

/* UNMAP */

TEST_F(unmap, drops_items)
{
	__u32 ids[4];

	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, map_pages(self, 4, 4));
	ASSERT_EQ(0, pin_pages(self, 0, 1, &ids[0]));
	ASSERT_EQ(0, pin_pages(self, 2, 4, &ids[1]));	/* of both */
	ASSERT_EQ(0, pin_pages(self, 7, 1, &ids[2]));
	ASSERT_EQ(0, pin_pages(self, 7, 1, &ids[3]));

	/* An unmap that fails drops no pin. */
	EXPECT_EQ(-ENOENT, unmap_pages(self, 0, 5));
	EXPECT_EQ(-ENOENT, unmap_pages(self, 1, 7));
	EXPECT_EQ(0, check_refs(self, 2, 4, 1));

	ASSERT_EQ(0, unmap_pages(self, 0, 4));
	EXPECT_EQ(0, check_refs(self, 0, 4, 0));
	EXPECT_EQ(0, check_refs(self, 4, 3, self->refs));
	EXPECT_EQ(0, check_refs(self, 7, 1, 1));
	EXPECT_EQ(-ENOENT, unpin(self, ids[0]));
	EXPECT_EQ(-ENOENT, unpin(self, ids[1]));
	EXPECT_EQ(0, unpin(self, ids[2]));
	EXPECT_EQ(0, check_refs(self, 7, 1, 1));

	EXPECT_EQ(4 * PAGE, (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(-ENOENT, unpin(self, ids[3]));
	EXPECT_EQ(0, check_refs(self, 0, 16, 0));
	EXPECT_EQ(-ENOENT, pin_pages(self, 0, 1, &ids[0]));
}

TEST_F(unmap, asks_every_access)
{
	const int second = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	const int third = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	__u32 id, id2, id3;

	ASSERT_LE(0, second);
	ASSERT_LE(0, third);
	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, map_pages(self, 4, 4));
	ASSERT_EQ(0, pin_pages(self, 0, 4, &id));
	ASSERT_EQ(0, access_pin(self->fd, second, AT + 3 * PAGE, PAGE,
				self->memory + 3 * PAGE, 0, &id2));
	ASSERT_EQ(0, access_pin(self->fd, third, AT + 4 * PAGE, PAGE,
				self->memory + 4 * PAGE, 0, &id3));
	ASSERT_EQ(0, unmap_pages(self, 0, 4));
	EXPECT_EQ(-ENOENT, unpin(self, id));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, second, id2));
	EXPECT_EQ(0, access_unpin(self->fd, third, id3));
	close(second);
	close(third);
}

/* Up to the last byte of the IOVA space */
TEST_F(unmap, of_the_end_of_the_iova_space)
{
	const __u64 end = -PAGE;
	__u32 id;

	if (variant->domains) {
		EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id,
					    self->memory, PAGE, end));
		return;
	}
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, end));
	ASSERT_EQ(0, access_pin(self->fd, self->access, ALL, 1,
				self->memory + PAGE - 1, 0, &id));
	ASSERT_EQ(0, access_replace(self->fd, self->access, self->other_id));
	EXPECT_EQ(0, check_refs(self, 0, 1, 0));
	EXPECT_EQ(-ENOENT, unpin(self, id));
	ASSERT_EQ(0, access_replace(self->fd, self->access, self->ioas_id));
	ASSERT_EQ(0, access_pin(self->fd, self->access, ALL, 1,
				self->memory + PAGE - 1, 0, &id));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, end, PAGE));
	EXPECT_EQ(-ENOENT, unpin(self, id));
}

/* VFIO's container calls: split mappings, and report dirty pages */

static int container_unmap(struct _test_data_unmap *self, unsigned long page,
			   unsigned long n, __u64 *bitmap)
{
	struct {
		struct vfio_iommu_type1_dma_unmap arg;
		__u64 pgsize;
		__u64 size;
		__u64 data;
	} unmap = {
		.arg.argsz = bitmap ? sizeof(unmap) : sizeof(unmap.arg),
		.arg.flags = bitmap ? VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP : 0,
		.arg.iova = AT + page * PAGE,
		.arg.size = n * PAGE,
		.pgsize = PAGE,
		.size = sizeof(*bitmap),
		.data = addr(bitmap),
	};

	return call(self->fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static int container_start(struct _test_data_unmap *self, unsigned long type)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = self->ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};
	int rc = call(self->fd, IOMMU_VFIO_IOAS, &arg);

	return rc ? rc : call(self->fd, VFIO_SET_IOMMU, (void *)type);
}

TEST_F(unmap, that_cuts_drops_items_of_all_the_mapping)
{
	__u32 ids[4];

	ASSERT_EQ(0, container_start(self, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_pages(self, 0, 8));
	ASSERT_EQ(0, map_pages(self, 8, 2));
	ASSERT_EQ(0, pin_pages(self, 0, 2, &ids[0]));
	ASSERT_EQ(0, pin_pages(self, 3, 1, &ids[1]));
	ASSERT_EQ(0, pin_pages(self, 7, 1, &ids[2]));
	ASSERT_EQ(0, pin_pages(self, 9, 1, &ids[3]));
	ASSERT_EQ(0, container_unmap(self, 3, 2, NULL));
	EXPECT_EQ(-ENOENT, unpin(self, ids[0]));
	EXPECT_EQ(-ENOENT, unpin(self, ids[1]));
	EXPECT_EQ(-ENOENT, unpin(self, ids[2]));
	EXPECT_EQ(0, unpin(self, ids[3]));
	EXPECT_EQ(0, check_refs(self, 0, 3, self->refs));
	EXPECT_EQ(0, check_refs(self, 3, 2, 0));
	EXPECT_EQ(0, check_refs(self, 5, 5, self->refs));

	/* Two mappings are left, to be pinned and unmapped. */
	EXPECT_EQ(-ENOENT, pin_pages(self, 2, 2, &ids[0]));
	ASSERT_EQ(0, pin_pages(self, 0, 3, &ids[0]));
	ASSERT_EQ(0, pin_pages(self, 5, 5, &ids[1]));
	EXPECT_EQ(0, check_refs(self, 5, 5, 1));
	ASSERT_EQ(0, unmap_pages(self, 5, 3));
	EXPECT_EQ(-ENOENT, unpin(self, ids[1]));
	EXPECT_EQ(0, unpin(self, ids[0]));
	EXPECT_EQ(0, check_refs(self, 0, 3, self->refs));
}

TEST_F(unmap, that_reports_drops_items)
{
	struct vfio_iommu_type1_dirty_bitmap start = {
		.argsz = sizeof(start),
		.flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START,
	};
	__u64 bitmap = 0;
	__u32 id;

	ASSERT_EQ(0, container_start(self, VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &start));
	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, pin_pages(self, 1, 2, &id));
	ASSERT_EQ(0, container_unmap(self, 0, 4, &bitmap));
	EXPECT_EQ(0xf, bitmap);
	EXPECT_EQ(-ENOENT, unpin(self, id));
	EXPECT_EQ(0, check_refs(self, 0, 4, 0));
}

/* Devices come and go */

TEST_F(unmap, devices_come_and_go_under_items)
{
	/* The second domain stays, with no device */
	const __u32 stays = variant->domains == 2;
	struct mock_dev dev;
	__u32 id;

	ASSERT_EQ(0, map_pages(self, 0, 8));
	ASSERT_EQ(0, pin_pages(self, 2, 3, &id));
	if (variant->domains) {
		ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
		EXPECT_EQ(0, check_refs(self, 0, 2, stays));
		EXPECT_EQ(0, check_refs(self, 2, 3, 1));
		EXPECT_EQ(0, check_refs(self, 5, 3, stays));
	}
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->memory,
				    8 * PAGE, AT));
	EXPECT_EQ(0, check_refs(self, 0, 8, 1));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->other_id));
	EXPECT_EQ(0, check_refs(self, 0, 2, stays));
	EXPECT_EQ(0, check_refs(self, 2, 3, 1));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->ioas_id));
	ASSERT_EQ(0, unpin(self, id));
	EXPECT_EQ(0, check_refs(self, 0, 8, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(0, check_refs(self, 0, 8, stays));
}

/* ACCESS_REPLACE_IOAS */

TEST_F(unmap, replace_drops_items)
{
	__u32 id, id2;

	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory + 8 * PAGE,
			      4 * PAGE, AT));
	ASSERT_EQ(0, pin_pages(self, 0, 4, &id));

	/* Replacing the IOAS by itself does nothing. */
	EXPECT_EQ(0, access_replace(self->fd, self->access, self->ioas_id));
	EXPECT_EQ(0, check_refs(self, 0, 4, 1));

	ASSERT_EQ(0, access_replace(self->fd, self->access, self->other_id));
	EXPECT_EQ(0, check_refs(self, 0, 4, self->refs));
	EXPECT_EQ(-ENOENT, unpin(self, id));
	EXPECT_EQ(-EBADE, access_pin(self->fd, self->access, AT, PAGE,
				     self->memory, 0, &id));
	ASSERT_EQ(0, access_pin(self->fd, self->access, AT, PAGE,
				self->memory + 8 * PAGE, 0, &id2));
	EXPECT_EQ(0, check_refs(self, 8, 1, 1));

	/* The access uses the new IOAS, and no longer the old one. */
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->other_id));
	ASSERT_EQ(0, unmap_pages(self, 0, 4));
	EXPECT_EQ(variant->domains ? -EBUSY : 0, iommu_destroy(self->fd,
							       self->ioas_id));
	EXPECT_EQ(0, unpin(self, id2));
}

TEST_F(unmap, replace_that_fails_changes_nothing)
{
	__u32 id;

	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, pin_pages(self, 0, 4, &id));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, HALF,
			      AT));
	EXPECT_EQ(-EADDRINUSE, access_replace(self->fd, self->access,
					      self->other_id));
	EXPECT_EQ(-ENOENT, access_replace(self->fd, self->access, BAD_ID));
	EXPECT_EQ(-ENOENT, access_replace(self->fd, self->access, 0));
	EXPECT_EQ(0, check_refs(self, 0, 4, 1));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
	EXPECT_EQ(0, unpin(self, id));
}

/* Files */

TEST_F(unmap, last_close_drops_items)
{
	const int second = dup(self->access);
	__u32 id;
	pid_t pid;

	ASSERT_LE(0, second);
	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, pin_pages(self, 0, 4, &id));
	ASSERT_EQ(0, close(self->access));
	self->access = -1;
	EXPECT_EQ(0, check_refs(self, 0, 4, 1));
	/* A child has it too, for a while. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(access_unpin(self->fd, second, id + 1) != -ENOENT);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	EXPECT_EQ(0, check_refs(self, 0, 4, 1));
	ASSERT_EQ(0, close(second));
	EXPECT_EQ(0, check_refs(self, 0, 4, self->refs));
	EXPECT_EQ(4 * PAGE, (__u64)ioas_empty(self->fd, self->ioas_id));
}

/* The context lives as long as the access; both keep the module. */
TEST_F(unmap, context_is_closed_first)
{
	__u32 id;

	ASSERT_EQ(0, map_pages(self, 0, 4));
	ASSERT_EQ(0, pin_pages(self, 0, 4, &id));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_EQ(4, pinned() - self->pinned);
	EXPECT_EQ(-EWOULDBLOCK, mock_unload());
	ASSERT_EQ(0, close(self->access));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_unload());
	EXPECT_EQ(0, mock_load());
	self->access = -1;
	self->fd = -1;
}

/* Processes */

static int exit_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* In the child: use the mapped memory, which is the parent's. */
static int use_memory_of_parent(struct _test_data_unmap *self)
{
	const __u32 ways[] = { 0, RW_SLOW };
	unsigned int i;
	char buf[8];
	__u32 id;

	/* The child has a copy of the memory, once it writes to it. */
	memset(self->memory, 'c', MEMORY);
	if (pin_pages(self, 0, 4, &id) != -EBADE)
		return 1;
	for (i = 0; i < ARRAY_LEN(ways); i++) {
		if (access_rw(self->fd, self->access, AT + PAGE - 4, 8, buf,
			      ways[i]) || memcmp(buf, "pppppppp", 8))
			return 2;
		if (access_rw(self->fd, self->access, AT + 2 * PAGE - 4, 8,
			      "wwwwwwww", ways[i] | RW_WRITE))
			return 3;
	}
	return self->memory[2 * PAGE] == 'c' ? 0 : 4;
}

TEST_F(unmap, child_uses_memory_of_its_parent)
{
	pid_t pid;

	memset(self->memory, 'p', MEMORY);
	ASSERT_EQ(0, map_pages(self, 0, 2));
	ASSERT_EQ(0, map_pages(self, 2, 2));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(use_memory_of_parent(self));
	EXPECT_EQ(0, exit_code(pid));
	EXPECT_EQ(0, memcmp(self->memory + 2 * PAGE - 4, "wwwwwwww", 8));
	EXPECT_EQ('p', self->memory[2 * PAGE - 5]);
	EXPECT_EQ('p', self->memory[2 * PAGE + 4]);
	EXPECT_EQ(0, check_refs(self, 0, 4, self->refs));
}

/* Pages 0 and 1 of a child's memory; only the first has an item. */
static int map_and_pin(struct _test_data_unmap *self)
{
	__u32 id;

	memset(self->memory, 'c', MEMORY);
	return map_pages(self, 0, 2) || pin_pages(self, 0, 1, &id) || id != 1;
}

TEST_F(unmap, memory_of_a_dead_process)
{
	const int rc = variant->domains ? 0 : -EFAULT;
	char buf[PAGE] = "";
	pid_t pid = fork();
	__u32 id;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(map_and_pin(self));
	ASSERT_EQ(0, exit_code(pid));
	EXPECT_EQ(1 + self->refs, pinned() - self->pinned);

	/* The pinned page is still there. */
	EXPECT_EQ(0, access_rw(self->fd, self->access, AT, PAGE, buf, 0));
	EXPECT_EQ('c', buf[0]);
	EXPECT_EQ('c', buf[PAGE - 1]);
	EXPECT_EQ(0, access_rw(self->fd, self->access, AT + 5, 1, "w",
			       RW_WRITE));
	EXPECT_EQ(rc, access_rw(self->fd, self->access, AT + PAGE, 1, buf, 0));
	EXPECT_EQ(rc, access_rw(self->fd, self->access, AT + PAGE, 1, buf,
				RW_WRITE | RW_SLOW));
	EXPECT_EQ(rc ? rc : -EBADE, pin_pages(self, 1, 1, &id));
	EXPECT_EQ(1 + self->refs, pinned() - self->pinned);
	EXPECT_EQ(0, unpin(self, 1));
	EXPECT_EQ(2 * self->refs, pinned() - self->pinned);
	EXPECT_EQ(rc, access_rw(self->fd, self->access, AT, 1, buf, 0));
	EXPECT_EQ(0, unmap_pages(self, 0, 2));
}

/* A user without privilege may lock two pages. */
static int pin_to_the_limit(struct _test_data_unmap *self)
{
	struct rlimit memlock = { 2 * PAGE, 2 * PAGE };
	char buf[PAGE];
	__u32 id[3];

	if (setrlimit(RLIMIT_MEMLOCK, &memlock) ||
	    setresuid(ALICE, ALICE, ALICE))
		return 1;
	memset(self->memory, 1, MEMORY);
	if (map_pages(self, 0, 2) || map_pages(self, 2, 2))
		return 2;
	if (pin_pages(self, 0, 3, &id[0]) != -ENOMEM ||
	    check_refs(self, 0, 4, 0))
		return 3;
	if (pin_pages(self, 1, 2, &id[0]) || pin_pages(self, 1, 1, &id[1]) ||
	    pin_pages(self, 3, 1, &id[2]) != -ENOMEM)
		return 4;
	/* A copy from its own memory pins nothing. */
	if (access_rw(self->fd, self->access, AT, PAGE, buf, 0) ||
	    access_rw(self->fd, self->access, AT, PAGE, buf, RW_SLOW) !=
		    -ENOMEM)
		return 5;
	if (unpin(self, id[0]) || pin_pages(self, 3, 1, &id[2]) ||
	    pin_pages(self, 0, 1, &id[0]) != -ENOMEM)
		return 6;
	if (ioas_empty(self->fd, self->ioas_id) != (long long)(4 * PAGE) ||
	    map_pages(self, 0, 2) || pin_pages(self, 0, 2, &id[0]))
		return 7;
	return 0;
}

/* With a device: memory that it has pinned costs an access nothing. */
static int map_to_the_limit(struct _test_data_unmap *self)
{
	struct rlimit memlock = { 2 * PAGE, 2 * PAGE };
	char buf[PAGE];
	__u32 id[2];

	if (setrlimit(RLIMIT_MEMLOCK, &memlock) ||
	    setresuid(ALICE, ALICE, ALICE))
		return 1;
	memset(self->memory, 1, MEMORY);
	if (map_pages(self, 0, 2) || map_pages(self, 2, 1) != -ENOMEM)
		return 2;
	if (pin_pages(self, 0, 2, &id[0]) || pin_pages(self, 1, 1, &id[1]) ||
	    access_rw(self->fd, self->access, AT, PAGE, buf, RW_SLOW))
		return 3;
	if (unpin(self, id[0]) || unpin(self, id[1]) ||
	    map_pages(self, 2, 1) != -ENOMEM)
		return 4;
	return 0;
}

TEST_F(unmap, limit_of_locked_memory)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(variant->domains ? map_to_the_limit(self) :
					pin_to_the_limit(self));
	EXPECT_EQ(0, exit_code(pid));
	EXPECT_EQ(2, pinned() - self->pinned);
}

/* Threads */

#define SECONDS		1
#define ROUNDS		7
#define THREADS		5

struct thread {
	pthread_t id;
	struct _test_data_unmap *self;
	const atomic_bool *stop;
	unsigned long done;	/* calls that returned 0 */
	const char *what;	/* the call that failed, and its errno */
	int rc;
};

static void expect(struct thread *t, const char *what, int rc, int other,
		   int another)
{
	if (!rc) {
		t->done++;
	} else if (rc != other && rc != another) {
		t->what = what;
		t->rc = rc;
	}
}

static void *thread_map(void *arg)
{
	struct thread *t = arg;

	while (!*t->stop && !t->what) {
		expect(t, "map", map_pages(t->self, 0, 4), -EEXIST, 0);
		expect(t, "map", map_pages(t->self, 4, 4), -EEXIST, 0);
	}
	return NULL;
}

static void *thread_unmap(void *arg)
{
	struct thread *t = arg;

	while (!*t->stop && !t->what) {
		expect(t, "unmap", unmap_pages(t->self, 0, 4), -ENOENT, -EBUSY);
		expect(t, "unmap", unmap_pages(t->self, 0, 8), -ENOENT, -EBUSY);
	}
	return NULL;
}

static void *thread_pin(void *arg)
{
	struct thread *t = arg;
	__u32 id;

	while (!*t->stop && !t->what) {
		int rc = pin_pages(t->self, 2, 4, &id);

		expect(t, "pin", rc, -ENOENT, 0);
		if (!rc && id % 2)
			expect(t, "unpin", unpin(t->self, id), -ENOENT, 0);
		/* The other half is left to unmap and replace. */
	}
	return NULL;
}

static void *thread_rw(void *arg)
{
	struct thread *t = arg;
	char buf[PAGE];
	__u32 way = 0;

	while (!*t->stop && !t->what) {
		way = (way + 1) % 8;
		expect(t, "rw", access_rw(t->self->fd, t->self->access,
					  AT + 3 * PAGE + 9, PAGE, buf,
					  way & (RW_WRITE | RW_SLOW)),
		       -ENOENT, 0);
	}
	return NULL;
}

/* Replace the IOAS by an empty one, and back; a device comes and goes */
static void *thread_replace(void *arg)
{
	struct thread *t = arg;
	struct mock_dev dev;

	while (!*t->stop && !t->what) {
		expect(t, "replace", access_replace(t->self->fd,
						    t->self->access,
						    t->self->other_id), 0, 0);
		expect(t, "replace", access_replace(t->self->fd,
						    t->self->access,
						    t->self->ioas_id), 0, 0);
		expect(t, "attach", mock_attach(t->self->fd, t->self->ioas_id,
						&dev), 0, 0);
		usleep(1000);
		expect(t, "destroy", iommu_destroy(t->self->fd, dev.id), 0, 0);
	}
	return NULL;
}

static void *(*const bodies[THREADS])(void *) = {
	thread_map, thread_unmap, thread_pin, thread_rw, thread_replace,
};

TEST_F(unmap, races_with_everything_else)
{
	struct thread threads[THREADS] = {};
	atomic_bool stop = false;
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		threads[i].self = self;
		threads[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&threads[i].id, NULL, bodies[i],
					    &threads[i]));
	}
	sleep(SECONDS * time_factor());
	stop = true;
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i].id, NULL));
		EXPECT_EQ(NULL, threads[i].what) {
			TH_LOG("%s: %d", threads[i].what, threads[i].rc);
		}
		EXPECT_LT(0, threads[i].done);
	}
	EXPECT_LE(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, check_refs(self, 0, 16, 0));
}

/* An access dies in the middle of unmaps, pins and copies. */
TEST_F(unmap, races_with_close)
{
	struct thread threads[4] = {};
	unsigned int i, round;
	atomic_bool stop;

	for (round = 0; round < ROUNDS; round++) {
		stop = false;
		for (i = 0; i < ARRAY_LEN(threads); i++) {
			threads[i].self = self;
			threads[i].stop = &stop;
			ASSERT_EQ(0, pthread_create(&threads[i].id, NULL,
						    bodies[i], &threads[i]));
		}
		usleep(50000);
		EXPECT_EQ(0, close(self->access));
		usleep(10000);
		stop = true;
		for (i = 0; i < ARRAY_LEN(threads); i++)
			ASSERT_EQ(0, pthread_join(threads[i].id, NULL));
		/* Calls on an access that is gone fail. */
		for (i = 0; i < ARRAY_LEN(threads); i++)
			if (threads[i].what)
				EXPECT_EQ(-EBADFD, threads[i].rc);
		memset(threads, 0, sizeof(threads));
		self->access = access_create(self->fd, self->ioas_id,
					     NEEDS_PIN);
		ASSERT_LE(0, self->access);
	}
	EXPECT_LE(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, check_refs(self, 0, 16, 0));
}

TEST_HARNESS_MAIN

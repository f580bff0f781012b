// SPDX-License-Identifier: GPL-2.0-only
/* Memory allocated for a user is charged to the user's memory cgroup. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "access.h"
#include "populate.h"

#define AT	(256 * HUGE)
#define MAPS	20000
/* An area and its pages are two objects in trees: they cannot be smaller */
#define BYTES	128
/* Bytes that the kernel charges in advance, on all CPUs */
#define ADVANCE	1048576L

#define ROOT	"/tmp/iommu-memcg"
#define GROUP	ROOT "/test"

/* The bytes in a field of memory.stat */
static long charged_as(const char *field)
{
	FILE *f = fopen(GROUP "/memory.stat", "re");
	long value = -1, found = -1;
	char name[64];

	if (!f)
		return -1;
	while (fscanf(f, "%63s %ld", name, &value) == 2)
		if (!strcmp(name, field))
			found = value;
	fclose(f);
	return found;
}

static long charged(void)
{
	FILE *f = fopen(GROUP "/memory.current", "re");
	long value = -1;

	if (f) {
		if (fscanf(f, "%ld", &value) != 1)
			value = -1;
		fclose(f);
	}
	return value;
}

static int group_make(void)
{
	int rc;

	if (mkdir(ROOT, 0700) || mount("none", ROOT, "cgroup2", 0, NULL))
		return -errno;
	rc = write_file(ROOT "/cgroup.subtree_control", "+memory");
	if (rc)
		return rc;
	return mkdir(GROUP, 0700) ? -errno : 0;
}

static int group_enter(void)
{
	return write_file(GROUP "/cgroup.procs", "0");
}

static int group_remove(void)
{
	int rc = write_file(ROOT "/cgroup.procs", "0");

	if (rc)
		return rc;
	return rmdir(GROUP) || umount(ROOT) || rmdir(ROOT) ? -errno : 0;
}

FIXTURE(memcg)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
};

FIXTURE_VARIANT(memcg)
{
	bool device;
};

FIXTURE_VARIANT_ADD(memcg, no_device)
{
};

FIXTURE_VARIANT_ADD(memcg, device)
{
	.device = true,
};

FIXTURE_SETUP(memcg)
{
	ASSERT_EQ(0, group_make());

	/* Open and attach outside of the group, use inside */
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	if (variant->device)
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, group_enter());
}

FIXTURE_TEARDOWN(memcg)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(0, group_remove());
}

TEST_F_TIMEOUT(memcg, mappings_are_charged, 120)
{
	char *p = anon(PAGE);
	long before, full, after;
	int i;

	/* Count from the second mapping on, with the memory faulted in */
	memset(p, 1, PAGE);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, AT));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 1; i <= MAPS; i++)
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE,
				      AT + i * 2 * PAGE));
	full = charged();
	EXPECT_LT(before + MAPS * BYTES, full);
	TH_LOG("%ld bytes a mapping", (full - before) / MAPS);
	ASSERT_EQ((MAPS + 1) * PAGE, ioas_empty(self->fd, self->ioas_id));
	after = charged();
	EXPECT_GT(before + MAPS * BYTES / 4, after);
}

TEST_F_TIMEOUT(memcg, objects_are_charged, 60)
{
	long before, full;
	__u32 id;
	int i;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 0; i < MAPS / 4; i++)
		ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	full = charged();
	EXPECT_LT(before + MAPS / 4 * BYTES, full);
	TH_LOG("%ld bytes an IOAS", (full - before) / (MAPS / 4));
}

/*
 * Memory whose pages are not adjacent, mapped again and again and pinned by a
 * software device: there is no page table that would be charged as well.
 */
FIXTURE(frames)
{
	int fd;
	int access;
	__u32 ioas_id;
	char *memory;
};

#define FRAMES	(ACCESS_MAX / PAGE)	/* of each pin */
#define PINS	128

/* First the even pages, then the odd ones */
static char *scattered(size_t length)
{
	char *p = anon(length);
	size_t i;

	if (!p || madvise(p, length, MADV_NOHUGEPAGE))
		return NULL;
	for (i = 0; i < length; i += 2 * PAGE)
		p[i] = 1;
	for (i = PAGE; i < length; i += 2 * PAGE)
		p[i] = 1;
	return p;
}

FIXTURE_SETUP(frames)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, group_make());
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->access = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, self->access);
	ASSERT_EQ(0, group_enter());
	self->memory = scattered(ACCESS_MAX);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(frames)
{
	close(self->access);
	close(self->fd);
	EXPECT_EQ(0, group_remove());
}

TEST_F_TIMEOUT(frames, are_charged, 120)
{
	const long bytes = PINS * FRAMES * sizeof(long);
	long before, full;
	__u64 iova;
	__u32 id;
	int i;

	before = charged();
	ASSERT_LT(0, before);
	for (i = 0; i < PINS; i++) {
		iova = AT + i * ACCESS_MAX;
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory,
				      ACCESS_MAX, iova));
		ASSERT_EQ(0, access_pin(self->fd, self->access, iova,
					ACCESS_MAX, self->memory, 0, &id));
	}
	full = charged();
	EXPECT_LT(before + bytes - ADVANCE, full);
	TH_LOG("%ld bytes a page", (full - before) / (PINS * FRAMES));
	ASSERT_EQ(PINS * ACCESS_MAX,
		  (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_GT(before + ADVANCE, charged());
}

/*
 * Page tables of the IOMMU are charged to whoever maps, by the IOMMU's driver or,
 * where it does not, by iommufd.
 */
FIXTURE(tables)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
};

#define GiB		0x40000000UL
#define TABLES_AT	(4 * GiB)	/* above the window for interrupts */
#define LENGTH		(4 * HUGE)
#define TIMES		256

FIXTURE_SETUP(tables)
{
	ASSERT_EQ(0, group_make());
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	/* Whatever the memory is like, the IOMMU maps it in small pages. */
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, 0));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, group_enter());
}

static void tables_close(struct _test_data_tables *self)
{
	close(self->dev);
	close(self->fd);
	self->dev = -1;
	self->fd = -1;
}

FIXTURE_TEARDOWN(tables)
{
	tables_close(self);
	EXPECT_EQ(0, group_remove());
}

/* What the kernel frees after a grace period is uncharged later. */
static long charged_at_last(long below)
{
	int i;

	for (i = 0; i < 100 && charged() >= below; i++)
		usleep(100000);
	return charged();
}

/* Copy a page n times.  Returns what was charged before. */
static long copy_often(struct __test_metadata *_metadata,
		       struct _test_data_tables *self, __u64 spacing, long n)
{
	char *p = anon(PAGE);
	long before, i;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, TABLES_AT));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 1; i <= n; i++)
		ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				       PAGE, TABLES_AT + i * spacing,
				       TABLES_AT));
	return before;
}

/* Each of n copies of a page needs page tables of its own. */
static void copies_are_charged(struct __test_metadata *_metadata,
			       struct _test_data_tables *self, __u64 spacing,
			       long n, long tables)
{
	long before = copy_often(_metadata, self, spacing, n);
	long full = charged();

	EXPECT_LE(before + n * tables * (long)PAGE - ADVANCE, full);
	TH_LOG("%ld bytes a copy", (full - before) / n);
	tables_close(self);
	EXPECT_GT(before + ADVANCE, charged_at_last(before + ADVANCE));
}

TEST_F_TIMEOUT(tables, of_the_lowest_level_are_charged, 60)
{
	copies_are_charged(_metadata, self, HUGE, 2048, 1);
}

TEST_F_TIMEOUT(tables, of_two_levels_are_charged, 60)
{
	copies_are_charged(_metadata, self, GiB, 400, 2);
}

/* An IOMMU driver keeps no page table all of which is unmapped at once. */
TEST_F_TIMEOUT(tables, are_uncharged_when_unmapped, 120)
{
	char *p = anon(LENGTH);
	__u64 iova = TABLES_AT;
	long before;
	int i;

	ASSERT_NE(NULL, p);
	memset(p, 1, LENGTH);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, LENGTH, iova));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 0; i < TIMES; i++) {
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iova, LENGTH));
		iova += LENGTH;
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, LENGTH,
				      iova));
	}
	EXPECT_GT(before + ADVANCE, charged_at_last(before + ADVANCE));
}

/* A page table that stays when it is empty is charged once. */
TEST_F_TIMEOUT(tables, are_charged_once, 60)
{
	const long n = 1024;
	long before = copy_often(_metadata, self, HUGE, n);
	long full = charged(), i;

	for (i = 1; i <= n; i++) {
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id,
					TABLES_AT + i * HUGE, PAGE));
		ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				       PAGE, TABLES_AT + i * HUGE + PAGE,
				       TABLES_AT));
	}
	EXPECT_GT(full + ADVANCE, charged_at_last(full + ADVANCE));
	EXPECT_LE(before + n * (long)PAGE - ADVANCE, charged());
}

/* Memory that workers fault in is charged to the caller's group. */

#define MEMORY	(64 * MiB)

FIXTURE(helped)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *va;
};

FIXTURE_SETUP(helped)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, group_make());
	ASSERT_EQ(0, populate_with_helper("32"));
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	ASSERT_EQ(0, group_enter());
	self->va = missing(MEMORY);
	ASSERT_NE(NULL, self->va);
}

FIXTURE_TEARDOWN(helped)
{
	close(self->fd);
	EXPECT_EQ(0, group_remove());
}

TEST_F_TIMEOUT(helped, memory_is_charged_to_the_caller, 120)
{
	const long tables = MEMORY / HUGE * PAGE;
	long before = charged(), nfaults = faults();
	int i;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->va, MEMORY, AT));
	EXPECT_GT((long)(MEMORY / PAGE), faults() - nfaults);
	EXPECT_LE(before + (long)MEMORY - ADVANCE, charged());
	/* The kernel sums this up every two seconds. */
	for (i = 0; i < 100 && (charged_as("anon") < (long)MEMORY ||
				charged_as("pagetables") < tables); i++)
		usleep(100000);
	EXPECT_LE((long)MEMORY, charged_as("anon"));
	EXPECT_LE(tables, charged_as("pagetables"));
}

TEST_HARNESS_MAIN

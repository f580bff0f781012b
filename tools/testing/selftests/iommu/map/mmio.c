// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a device's MMIO, of which the mock makes regions: their place in
 * page tables, while the region is revoked and restored.  selftests/vfio/bar
 * tests this with real devices.
 */
#include "../race.h"
#include "access.h"
#include "hwpt.h"

#define AT	(32 * MiB)
#define LENGTH	(2 * MiB)

FIXTURE(mmio)
{
	int fd;
	__u32 ioas;
	struct mock_dev dev;	/* attached */
	int region;		/* reachable */
	char *mmio;		/* all of it, mapped by the process */
};

FIXTURE_SETUP(mmio)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	self->region = mock_mmio(self->fd, LENGTH);
	ASSERT_LE(0, self->region);
	self->mmio = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->region, 0);
	ASSERT_NE(MAP_FAILED, self->mmio);
	ASSERT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
}

FIXTURE_TEARDOWN(mmio)
{
	munmap(self->mmio, LENGTH);
	close(self->region);
	close(self->fd);
}

#define map_all()	ioas_map(self->fd, self->ioas, self->mmio, LENGTH, AT)

/* 0 if a page table has all of the region at AT, else ENOENT */
#define check(hwpt_id)							\
	mock_check_mmio(self->fd, hwpt_id, self->region, 0, LENGTH, AT, 1)

TEST_F(mmio, is_not_mapped_as_memory_is)
{
	char *memory = small_pages(PAGE);

	ASSERT_EQ(0, map_all());
	EXPECT_EQ(0, check(self->dev.hwpt_id));
	/* The mock looks for the mappings that it warns of */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, PAGE, AT + LENGTH));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, memory, PAGE,
				    AT + LENGTH));
	EXPECT_EQ(-EINVAL, mock_check_mmio(self->fd, self->dev.hwpt_id,
					   self->region, 0, PAGE, AT + LENGTH,
					   1));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
	EXPECT_EQ(-ENOENT, check(self->dev.hwpt_id));
}

TEST_F(mmio, may_only_be_read)
{
	const __u32 flags = FIXED | IOMMU_IOAS_MAP_READABLE;
	__u64 iova = AT;

	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas, flags, self->mmio,
				    LENGTH, &iova));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->region,
				     0, LENGTH, AT, 0));
	EXPECT_EQ(-EINVAL, check(self->dev.hwpt_id));
}

/* Map any part, by an address of a part that the process has mapped */
TEST_F(mmio, begins_where_the_address_does)
{
	char *part = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->region, 8 * PAGE);

	ASSERT_NE(MAP_FAILED, part);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, part + HALF, 3 * HALF, AT));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->region,
				     8 * PAGE + HALF, 3 * HALF, AT, 1));
	EXPECT_EQ(-EFAULT, ioas_map(self->fd, self->ioas, part, 4 * PAGE + HALF,
				    AT + LENGTH));
	munmap(part, 4 * PAGE);
}

TEST_F(mmio, page_by_page)
{
	struct mock_dev dev;
	__u32 ioas;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, ioas,
				      0));
	ASSERT_EQ(0, ioas_map(self->fd, ioas, self->mmio, LENGTH, AT));
	ASSERT_EQ(0, mock_attach(self->fd, ioas, &dev));
	EXPECT_EQ(0, check(dev.hwpt_id));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	EXPECT_EQ(-ENOENT, check(dev.hwpt_id));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	EXPECT_EQ(0, check(dev.hwpt_id));
}

/* If a domain's iotlb_sync_map fails, nothing is mapped. */
TEST_F(mmio, not_seen_is_not_mapped)
{
	int huge;

	if (!access(MOCK_PARAMETERS "map_one", F_OK))
		SKIP(return, "before 6.7 it cannot fail");
	for (huge = 1; huge >= 0; huge--) {
		ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
					      self->ioas, huge));
		ASSERT_EQ(0, write_file(MOCK_PARAMETERS "fail_sync", "1"));
		EXPECT_EQ(-ENOMEM, map_all());
		EXPECT_EQ(0, write_file(MOCK_PARAMETERS "fail_sync", "0"));
		EXPECT_EQ(-ENOENT, check(self->dev.hwpt_id));
		EXPECT_EQ(0, ioas_empty(self->fd, self->ioas));
		EXPECT_EQ(0, map_all());
		EXPECT_EQ(0, check(self->dev.hwpt_id));
		EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
	}
}

TEST_F(mmio, goes_from_all_page_tables_and_comes_back)
{
	__u32 hwpt[3], i;

	ASSERT_EQ(0, map_all());
	hwpt[0] = self->dev.hwpt_id;
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt[1]));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, check(hwpt[i]));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-ENOENT, check(hwpt[i]));

	/* One more page table meanwhile */
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt[2]));
	EXPECT_EQ(-ENOENT, check(hwpt[2]));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, check(hwpt[i]));

	/* The first goes while MMIO is reachable; the second while it is not */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, hwpt[0]));
	EXPECT_EQ(0, check(hwpt[1]));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	ASSERT_EQ(0, iommu_destroy(self->fd, hwpt[1]));
	EXPECT_EQ(-ENOENT, check(hwpt[2]));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	EXPECT_EQ(0, check(hwpt[2]));

	/* The last one goes */
	ASSERT_EQ(0, iommu_destroy(self->fd, hwpt[2]));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	EXPECT_EQ(0, check(self->dev.hwpt_id));
}

TEST_F(mmio, comes_once_however_often_it_is_asked_for)
{
	ASSERT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	ASSERT_EQ(0, mock_mmio_set(self->fd, self->region, 0));
	ASSERT_EQ(0, map_all());
	EXPECT_EQ(-ENOENT, check(self->dev.hwpt_id));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region, 1));
	EXPECT_EQ(0, check(self->dev.hwpt_id));
}

TEST_F(mmio, leads_nowhere_when_its_driver_is_gone)
{
	int other = mock_mmio(self->fd, LENGTH);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, map_all());
	ASSERT_EQ(0, munmap(self->mmio, LENGTH));
	ASSERT_EQ(0, close(self->region));
	/* No page table has any of it, whichever region is looked for */
	EXPECT_EQ(-ENOENT, mock_check_mmio(self->fd, self->dev.hwpt_id, other,
					   0, LENGTH, AT, 1));
	EXPECT_EQ(-EEXIST, ioas_map(self->fd, self->ioas, small_pages(PAGE),
				    PAGE, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
}

TEST_F(mmio, is_out_of_reach_of_software_devices)
{
	int access = access_create(self->fd, self->ioas, NEEDS_PIN);
	char buffer[16];
	__u32 item;

	ASSERT_LE(0, access);
	ASSERT_EQ(0, map_all());
	EXPECT_EQ(-EINVAL, access_pin(self->fd, access, AT, PAGE, self->mmio, 0,
				      &item));
	EXPECT_EQ(-EINVAL, access_rw(self->fd, access, AT, sizeof(buffer),
				     buffer, 0));
	EXPECT_EQ(0, check(self->dev.hwpt_id));
	close(access);
}

TEST_F(mmio, is_left_out_of_dirty_pages)
{
	__u64 bits[LENGTH / PAGE / 64] = {};
	__u32 hwpt;
	size_t i;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, TRACKED,
				&hwpt));
	ASSERT_EQ(0, dirty_set(self->fd, hwpt, ENABLE));
	ASSERT_EQ(0, map_all());
	ASSERT_EQ(0, mock_write(self->fd, hwpt, AT));
	ASSERT_EQ(0, dirty_get(self->fd, hwpt, 0, AT, LENGTH, PAGE, bits));
	for (i = 0; i < ARRAY_LEN(bits); i++)
		EXPECT_EQ(0, bits[i]);
}

/* Another context, with a device of its own */
FIXTURE(peer)
{
	int fd[2];
	__u32 ioas[2];
	struct mock_dev dev[2];	/* attached */
	int region;		/* reachable */
	char *mmio;		/* all of it, mapped by the process */
};

FIXTURE_SETUP(peer)
{
	int i;

	for (i = 0; i < 2; i++) {
		self->fd[i] = mock_open(&self->ioas[i]);
		ASSERT_LE(0, self->fd[i]);
		ASSERT_EQ(0, mock_attach(self->fd[i], self->ioas[i],
					 &self->dev[i]));
	}
	self->region = mock_mmio(self->fd[0], LENGTH);
	ASSERT_LE(0, self->region);
	self->mmio = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			  self->region, 0);
	ASSERT_NE(MAP_FAILED, self->mmio);
	ASSERT_EQ(0, mock_mmio_set(self->fd[0], self->region, 1));
}

FIXTURE_TEARDOWN(peer)
{
	munmap(self->mmio, LENGTH);
	close(self->region);
	close(self->fd[0]);
	close(self->fd[1]);
	EXPECT_EQ(0, mock_devices());
}

static int peer_map(FIXTURE_DATA(peer) const *self, int i)
{
	return ioas_map(self->fd[i], self->ioas[i], self->mmio, LENGTH, AT);
}

/* 0 if the page table of a context's device has all of the region */
static int peer_check(FIXTURE_DATA(peer) const *self, int i)
{
	return mock_check_mmio(self->fd[i], self->dev[i].hwpt_id, self->region,
			       0, LENGTH, AT, 1);
}

#define map_by(i)		peer_map(self, i)
#define check_by(i)		peer_check(self, i)
#define set_reachable(on)	mock_mmio_set(self->fd[0], self->region, on)

TEST_F(peer, in_both_contexts_or_in_none)
{
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, map_by(i));
		EXPECT_EQ(0, check_by(i));
	}
	EXPECT_EQ(0, set_reachable(0));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-ENOENT, check_by(i));
	EXPECT_EQ(0, set_reachable(1));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, check_by(i));
	EXPECT_EQ(0, ioas_unmap(self->fd[0], self->ioas[0], AT, LENGTH));
	EXPECT_EQ(-ENOENT, check_by(0));
	EXPECT_EQ(0, check_by(1));
	EXPECT_EQ(0, ioas_unmap(self->fd[1], self->ioas[1], AT, LENGTH));
	EXPECT_EQ(-ENOENT, check_by(1));
}

/* The first page table of the IOAS comes while the region is away */
TEST_F(peer, mapped_before_a_device_comes)
{
	__u32 ioas;
	struct mock_dev dev;

	ASSERT_EQ(0, ioas_alloc(self->fd[1], &ioas));
	ASSERT_EQ(0, ioas_map(self->fd[1], ioas, self->mmio, LENGTH, AT));
	ASSERT_EQ(0, mock_attach(self->fd[1], ioas, &dev));
	EXPECT_EQ(0, mock_check_mmio(self->fd[1], dev.hwpt_id, self->region, 0,
				     LENGTH, AT, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd[1], dev.id));
	EXPECT_EQ(0, set_reachable(0));
	ASSERT_EQ(0, mock_attach(self->fd[1], ioas, &dev));
	EXPECT_EQ(-ENOENT, mock_check_mmio(self->fd[1], dev.hwpt_id,
					   self->region, 0, LENGTH, AT, 1));
	EXPECT_EQ(0, set_reachable(1));
	EXPECT_EQ(0, mock_check_mmio(self->fd[1], dev.hwpt_id, self->region, 0,
				     LENGTH, AT, 1));
}

/* A device moves between two IOAS that both have the region */
TEST_F(peer, moves)
{
	__u32 ioas, old;
	int i;

	ASSERT_EQ(0, ioas_alloc(self->fd[1], &ioas));
	ASSERT_EQ(0, map_by(1));
	ASSERT_EQ(0, ioas_copy(self->fd[1], ioas, self->ioas[1], LENGTH, AT,
			       AT));
	for (i = 0; i < 4; i++) {
		old = self->dev[1].hwpt_id;
		ASSERT_EQ(0, mock_replace(self->fd[1], &self->dev[1],
					  i % 2 ? self->ioas[1] : ioas));
		EXPECT_NE(old, self->dev[1].hwpt_id);
		EXPECT_EQ(0, check_by(1));
		EXPECT_EQ(0, set_reachable(0));
		EXPECT_EQ(-ENOENT, check_by(1));
		EXPECT_EQ(0, set_reachable(1));
		EXPECT_EQ(0, check_by(1));
	}
}

/* By the address of a mapping; a context does not matter, nor a part of it */
TEST_F(peer, what_the_mmap_does_not_allow_is_refused)
{
	ASSERT_EQ(0, mprotect(self->mmio, LENGTH, PROT_READ));
	EXPECT_EQ(-EFAULT, map_by(1));
	EXPECT_EQ(0, ioas_empty(self->fd[1], self->ioas[1]));
	ASSERT_EQ(0, munmap(self->mmio, LENGTH));
	EXPECT_EQ(-EFAULT, map_by(1));
}

TEST_F(peer, goes_first)
{
	ASSERT_EQ(0, map_by(0));
	ASSERT_EQ(0, map_by(1));
	ASSERT_EQ(0, close(self->fd[1]));
	self->fd[1] = -1;
	EXPECT_EQ(0, check_by(0));
	EXPECT_EQ(0, set_reachable(0));
	EXPECT_EQ(-ENOENT, check_by(0));
	EXPECT_EQ(0, set_reachable(1));
	EXPECT_EQ(0, check_by(0));
}

/* While the region is away, too */
TEST_F(peer, goes_first_without_the_region)
{
	ASSERT_EQ(0, map_by(1));
	EXPECT_EQ(0, set_reachable(0));
	ASSERT_EQ(0, close(self->fd[1]));
	self->fd[1] = -1;
	EXPECT_EQ(0, set_reachable(1));
	EXPECT_EQ(0, map_by(0));
	EXPECT_EQ(0, check_by(0));
}

TEST_F(peer, stays_when_the_driver_is_gone)
{
	int other = mock_mmio(self->fd[1], LENGTH);

	ASSERT_LE(0, other);
	ASSERT_EQ(0, map_by(0));
	ASSERT_EQ(0, map_by(1));
	ASSERT_EQ(0, close(self->fd[0]));
	EXPECT_EQ(0, check_by(1));
	self->fd[0] = -1;
	ASSERT_EQ(0, munmap(self->mmio, LENGTH));
	ASSERT_EQ(0, close(self->region));
	EXPECT_EQ(-ENOENT, mock_check_mmio(self->fd[1], self->dev[1].hwpt_id,
					   other, 0, LENGTH, AT, 1));
	EXPECT_EQ(-EEXIST, ioas_map(self->fd[1], self->ioas[1],
				    small_pages(PAGE), PAGE, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd[1], self->ioas[1], AT, LENGTH));
	close(other);
}

/* Another process has the region by fork(), or is sent its file */
TEST_F(peer, of_another_process)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		__u32 ioas;
		struct mock_dev dev;
		int fd = mock_open(&ioas);

		_exit(fd < 0 || mock_attach(fd, ioas, &dev) ||
		      ioas_map(fd, ioas, self->mmio, LENGTH, AT) ||
		      mock_check_mmio(fd, dev.hwpt_id, self->region, 0, LENGTH,
				      AT, 1) ||
		      set_reachable(0) ||
		      mock_check_mmio(fd, dev.hwpt_id, self->region, 0, LENGTH,
				      AT, 1) != -ENOENT);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* It has ended with the region mapped and revoked */
	EXPECT_EQ(2, mock_devices());
	EXPECT_EQ(0, set_reachable(1));
	EXPECT_EQ(0, map_by(1));
	EXPECT_EQ(0, check_by(1));
}

/* Everything at once: the region comes and goes, and so do those who map it */
struct at_once {
	struct race race;
	int owner;
	int region;
	char *mmio;
};

static void *race_revoke(void *arg)
{
	struct at_once *r = arg;

	for (; !r->race.stop; r->race.rounds[0]++) {
		race_expect(arg, mock_mmio_set(r->owner, r->region, 0));
		race_expect(arg, mock_mmio_set(r->owner, r->region, 1));
	}
	return NULL;
}

/* A context that is closed with all it has */
static void *race_context(void *arg)
{
	struct at_once *r = arg;
	struct mock_dev dev;
	__u32 ioas;
	int fd;

	for (; !r->race.stop; r->race.rounds[1]++) {
		fd = mock_open(&ioas);
		race_expect(arg, fd < 0 ? fd : 0);
		race_expect(arg, ioas_map(fd, ioas, r->mmio, LENGTH, AT));
		race_expect(arg, mock_attach(fd, ioas, &dev));
		race_expect(arg, ioas_copy(fd, ioas, ioas, LENGTH, AT + LENGTH,
					   AT));
		close(fd);
	}
	return NULL;
}

/* One that maps, unmaps, and splits */
static void *race_map(void *arg)
{
	struct at_once *r = arg;
	struct mock_dev dev;
	__u32 ioas;
	int fd = mock_open(&ioas);

	race_expect(arg, iommu_option_set(fd, IOMMU_OPTION_HUGE_PAGES, ioas,
					  0));
	race_expect(arg, mock_attach(fd, ioas, &dev));
	for (; !r->race.stop; r->race.rounds[2]++) {
		race_expect(arg, ioas_map(fd, ioas, r->mmio, LENGTH, AT));
		race_expect(arg, ioas_unmap(fd, ioas, AT, LENGTH));
	}
	close(fd);
	return NULL;
}

/* One whose devices come, go and move */
static void *race_attach(void *arg)
{
	struct at_once *r = arg;
	struct mock_dev dev;
	__u32 ioas, other;
	int fd = mock_open(&ioas);

	race_expect(arg, ioas_alloc(fd, &other));
	race_expect(arg, ioas_map(fd, ioas, r->mmio, LENGTH, AT));
	race_expect(arg, ioas_map(fd, other, r->mmio, LENGTH, AT));
	for (; !r->race.stop; r->race.rounds[3]++) {
		race_expect(arg, mock_attach(fd, ioas, &dev));
		race_expect(arg, mock_replace(fd, &dev, other));
		race_expect(arg, mock_replace(fd, &dev, ioas));
		race_expect(arg, iommu_destroy(fd, dev.id));
	}
	close(fd);
	return NULL;
}

TEST_F_TIMEOUT(peer, all_at_once, 60)
{
	static void *(*const calls[])(void *arg) = {
		race_revoke, race_context, race_map, race_attach,
	};
	struct at_once r = {
		.owner = self->fd[0],
		.region = self->region,
		.mmio = self->mmio,
	};
	size_t i;

	ASSERT_EQ(0, map_by(0));
	ASSERT_EQ(0, race_run(&r.race, calls, ARRAY_LEN(calls), 5));
	for (i = 0; i < ARRAY_LEN(calls); i++)
		EXPECT_LT(0, r.race.rounds[i]);
	EXPECT_EQ(0, r.race.failed);
	EXPECT_EQ(2, mock_devices());
	EXPECT_EQ(0, check_by(0));
	EXPECT_EQ(0, set_reachable(0));
	EXPECT_EQ(-ENOENT, check_by(0));
	/* Nothing of the others counts any more */
	EXPECT_EQ(0, set_reachable(1));
	EXPECT_EQ(0, map_by(1));
	EXPECT_EQ(0, check_by(1));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a call does is repeated with its first, second, third ... allocation (or
 * copy of user memory) failing, until none fails.  A call that fails leaves all
 * as it was.  Needs a kernel with fault injection.
 *
 * An ATTACH that moves a device from one IOAS to another is not here: with an
 * allocation failing in it, Linux 6.1 cannot take the device away from the first
 * one, and complains itself.
 */
#include <sys/resource.h>

#include "common.h"

#define ROOT	0
#define USER	12345		/* somebody whose memory is limited */
#define PAGES	600UL		/* needs two page tables, and two batches */
#define AT	(64 * HUGE - 100 * PAGE)
#define COPY_AT	(128 * HUGE - 100 * PAGE)
#define DEBUGFS	"/sys/kernel/debug/"
#define SYSFS	"/sys/bus/pci/devices/"

struct subject {
	int nth;	/* /proc/self/fail-nth */
	int fd;
	int dev;
	int other;	/* made by the call that is repeated */
	int file;
	__u32 ioas_id;
	__u32 spare_id;
	__u32 dev_id;
	char *memory;
};

FIXTURE(fail)
{
	struct subject subject;
};

/* What must not change when a call fails */
struct state {
	struct iommu_iova_range ranges[16];
	__u32 nranges;
	__u64 alignment;
	long pinned;
	char vm[2][64];	/* VmLck and VmPin of this process */
};

static int be(uid_t uid)
{
	return seteuid(uid) ? -errno : 0;
}

/* The state of the objects and of the machine, as root may see it */
static int look(const struct subject *self, struct state *state)
{
	char line[128];
	FILE *f;
	int rc;

	memset(state, 0, sizeof(*state));
	state->nranges = ARRAY_LEN(state->ranges);
	rc = ioas_ranges(self->fd, self->ioas_id, state->ranges,
			 &state->nranges, &state->alignment);
	if (rc)
		return rc;
	state->pinned = pinned();
	f = fopen("/proc/self/status", "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmLck:", 6))
			snprintf(state->vm[0], 64, "%.60s", line);
		if (!strncmp(line, "VmPin:", 6))
			snprintf(state->vm[1], 64, "%.60s", line);
	}
	fclose(f);
	return 0;
}

static int set_nth(const struct subject *self, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	return pwrite(self->nth, text, length, 0) == length ? 0 : -errno;
}

/* Has nothing failed?  Reading is itself a copy that fails if it is the nth */
static bool nothing_failed(const struct subject *self)
{
	char text[16] = "";

	return pread(self->nth, text, sizeof(text) - 1, 0) < 0 ||
	       atoi(text) > 0;
}

/* Let any allocation fail, without a call trace */
static int allow_failures(const char *name, bool pages)
{
	static const char *const files[] = {
		"verbose", "ignore-gfp-wait", "min-order"
	};
	char path[128];
	size_t i;
	int rc;

	for (i = 0; i < (pages ? 3 : 2); i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/%s", name, files[i]);
		rc = write_file(path, "0");
		if (rc)
			return rc;
	}
	return 0;
}

FIXTURE_SETUP(fail)
{
	if (access(DEBUGFS "failslab", F_OK))
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, allow_failures("failslab", false));
	ASSERT_EQ(0, allow_failures("fail_page_alloc", true));
	ASSERT_EQ(0, write_file(DEBUGFS "fail_usercopy/verbose", "0"));

	self->subject.other = -1;
	self->subject.fd = iommufd_open();
	ASSERT_LE(0, self->subject.fd);
	ASSERT_EQ(0, ioas_alloc(self->subject.fd, &self->subject.ioas_id));
	ASSERT_EQ(0, ioas_alloc(self->subject.fd, &self->subject.spare_id));
	self->subject.dev = vfio_open_bound(EDU, self->subject.fd, &self->subject.dev_id);
	ASSERT_LE(0, self->subject.dev);

	self->subject.memory = anon(PAGES * PAGE);
	ASSERT_NE(NULL, self->subject.memory);
	ASSERT_EQ(0, madvise(self->subject.memory, PAGES * PAGE, MADV_NOHUGEPAGE));
	memset(self->subject.memory, 1, PAGES * PAGE);

	self->subject.file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->subject.file);
	ASSERT_EQ(0, ftruncate(self->subject.file, PAGES * PAGE));

	self->subject.nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->subject.nth);
}

FIXTURE_TEARDOWN(fail)
{
	close(self->subject.other);
	close(self->subject.dev);
	close(self->subject.fd);
	close(self->subject.nth);
	close(self->subject.file);
}

/*
 * From here on calls are a user's whose limit is as low as can be: an account
 * that is not put right after a failure makes the call fail for ever.
 */
static int limit_memory(unsigned long pages)
{
	struct rlimit memlock = { pages * PAGE, pages * PAGE };

	if (setrlimit(RLIMIT_MEMLOCK, &memlock) || setresuid(USER, USER, 0))
		return -errno;
	return be(ROOT);
}

typedef int (*step_fn)(struct subject *self);

/*
 * Do it with each allocation failing; undo what was done all the same.  uid:
 * who does it.
 */
static void walk(struct __test_metadata *_metadata, struct subject *self,
		 const char *name, uid_t uid, step_fn act, step_fn undo)
{
	unsigned int n, failed = 0, absorbed = 0;
	struct state before, after;
	bool done = false;
	int rc;

	for (n = 1; !done; n++) {
		ASSERT_GT(2000, n);
		ASSERT_EQ(0, look(self, &before));
		ASSERT_EQ(0, be(uid));
		ASSERT_EQ(0, set_nth(self, n));
		rc = act(self);
		done = nothing_failed(self);
		set_nth(self, 0);
		set_nth(self, 0); /* the first may have been made to fail */
		ASSERT_EQ(0, be(ROOT));
		if (rc) {
			ASSERT_FALSE(done) {
				TH_LOG("%s: %d without a failure", name, rc);
			}
			ASSERT_TRUE(rc == -ENOMEM || rc == -EFAULT) {
				TH_LOG("%s: %d from failure %u", name, rc, n);
			}
			failed++;
		} else {
			absorbed += !done;
			ASSERT_EQ(0, undo(self));
		}
		ASSERT_EQ(0, look(self, &after));
		ASSERT_EQ(0, memcmp(&before, &after, sizeof(before))) {
			TH_LOG("%s: failure %u (%d): %u ranges, were %u; %ld pins, were %ld; %s%s",
			       name, n, rc, after.nranges, before.nranges,
			       after.pinned, before.pinned, after.vm[0],
			       after.vm[1]);
		}
	}
	EXPECT_LT(0, failed);
	printf("# %s: %u failures, of which %u failed the call\n", name,
	       failed + absorbed, failed);
	fflush(stdout);
}

static int map(struct subject *self)
{
	return ioas_map(self->fd, self->ioas_id, self->memory, PAGES * PAGE,
			AT);
}

static int unmap(struct subject *self)
{
	return ioas_unmap(self->fd, self->ioas_id, AT, PAGES * PAGE);
}

static int map_file(struct subject *self)
{
	return ioas_map_file(self->fd, self->ioas_id, self->file, 0,
			     PAGES * PAGE, AT);
}

/* What was a hole is filled now: make it one again. */
static int unmap_file(struct subject *self)
{
	int rc = unmap(self);

	if (fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      PAGES * PAGE))
		return -errno;
	return rc;
}

static int map_anywhere(struct subject *self)
{
	__u64 iova = 0;

	return ioas_map_flags(self->fd, self->ioas_id, RW, self->memory,
			      PAGES * PAGE, &iova);
}

static int unmap_all(struct subject *self)
{
	return ioas_empty(self->fd, self->ioas_id) == PAGES * PAGE ? 0 : -EIO;
}

static int attach(struct subject *self)
{
	return vfio_attach(self->dev, self->ioas_id, NULL);
}

static int detach(struct subject *self)
{
	return vfio_detach(self->dev);
}

/* By the user, as undoing is root's */
static int map_by_user(struct subject *self)
{
	int rc = be(USER) ?: map(self);

	return be(ROOT) ?: rc;
}

TEST_F_TIMEOUT(fail, map, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, device attached", USER, map, unmap);
}

TEST_F_TIMEOUT(fail, map_without_a_device, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, no device", USER, map, unmap);
}

TEST_F_TIMEOUT(fail, map_anywhere, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, IOVA by the kernel", USER, map_anywhere,
	     unmap_all);
}

TEST_F_TIMEOUT(fail, map_file, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP_FILE, device attached", USER,
	     map_file, unmap_file);
}

/* When only the result cannot be written, what was mapped is gone */
static int unmap_or_tell(struct subject *self)
{
	int rc = unmap(self);

	if (rc != -EFAULT)
		return rc;
	rc = ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT);
	if (rc == -EEXIST)
		return -EFAULT;
	return rc ?: ioas_unmap(self->fd, self->ioas_id, AT, PAGE);
}

TEST_F_TIMEOUT(fail, unmap, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "UNMAP, device attached", USER, unmap_or_tell,
	     map_by_user);
}

/* One mapping, two places: its frames are pinned once, and once more */
static int copy(struct subject *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->spare_id, PAGES * PAGE,
			 COPY_AT, AT);
}

static int map_into_spare(struct subject *self)
{
	return ioas_map(self->fd, self->spare_id, self->memory, PAGES * PAGE,
			AT);
}

static int unmap_copy(struct subject *self)
{
	return ioas_unmap(self->fd, self->ioas_id, COPY_AT, PAGES * PAGE);
}

TEST_F_TIMEOUT(fail, copy, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, be(USER));
	ASSERT_EQ(0, map_into_spare(&self->subject));
	ASSERT_EQ(0, be(ROOT));
	walk(_metadata, &self->subject, "COPY, device attached", USER, copy, unmap_copy);
}

TEST_F_TIMEOUT(fail, attach, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "ATTACH, memory mapped", USER, attach, detach);
}

static int alloc(struct subject *self)
{
	return ioas_alloc(self->fd, &self->spare_id);
}

static int destroy(struct subject *self)
{
	return obj_destroy(self->fd, self->spare_id);
}

TEST_F_TIMEOUT(fail, ioas_alloc, 300)
{
	walk(_metadata, &self->subject, "IOAS_ALLOC", ROOT, alloc, destroy);
}

TEST_F_TIMEOUT(fail, destroy, 300)
{
	walk(_metadata, &self->subject, "DESTROY", ROOT, destroy, alloc);
}

static int allow(struct subject *self)
{
	static const struct iommu_iova_range ranges[] = {
		{ 0x100000, 0x1fffff },
		{ 0x300000, 0x3fffff },
		{ 0x80000000, 0x8fffffff },
	};

	return ioas_allow(self->fd, self->ioas_id, ranges, ARRAY_LEN(ranges));
}

static int allow_all(struct subject *self)
{
	return ioas_allow(self->fd, self->ioas_id, NULL, 0);
}

TEST_F_TIMEOUT(fail, allow_iovas, 300)
{
	walk(_metadata, &self->subject, "IOAS_ALLOW_IOVAS", ROOT, allow, allow_all);
}

static int ranges(struct subject *self)
{
	struct iommu_iova_range room[16];
	__u32 n = ARRAY_LEN(room);
	__u64 alignment = 0;

	return ioas_ranges(self->fd, self->ioas_id, room, &n, &alignment);
}

static int nothing(struct subject *self)
{
	(void)self;
	return 0;
}

TEST_F_TIMEOUT(fail, iova_ranges, 300)
{
	walk(_metadata, &self->subject, "IOAS_IOVA_RANGES", ROOT, ranges, nothing);
}

static int small_pages(struct subject *self)
{
	return option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id, 0);
}

static int huge_pages(struct subject *self)
{
	return option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id, 1);
}

TEST_F_TIMEOUT(fail, option, 300)
{
	walk(_metadata, &self->subject, "OPTION", ROOT, small_pages, huge_pages);
}

static int bind(struct subject *self)
{
	return vfio_bind(self->dev, self->fd, &self->dev_id);
}

static int open_dev(struct subject *self)
{
	self->dev = vfio_open(EDU);
	return self->dev < 0 ? self->dev : 0;
}

static int unbind(struct subject *self)
{
	close(self->dev);
	return open_dev(self);
}

/* So that BIND need not: ACPI code that it calls is not up to failures */
static int enable_first(struct subject *self)
{
	int rc;

	close(self->dev);
	self->dev = -1;
	rc = write_file(SYSFS EDU "/driver/unbind", EDU) ?:
		write_file(SYSFS EDU "/enable", "1");
	return rc ?: open_dev(self);
}

TEST_F_TIMEOUT(fail, bind, 300)
{
	ASSERT_EQ(0, enable_first(&self->subject));
	walk(_metadata, &self->subject, "BIND_IOMMUFD", ROOT, bind, unbind);
}

static int open_iommu(struct subject *self)
{
	self->other = iommufd_open();
	return self->other < 0 ? self->other : 0;
}

static int close_iommu(struct subject *self)
{
	int rc = close(self->other);

	self->other = -1;
	return rc;
}

TEST_F_TIMEOUT(fail, open, 300)
{
	walk(_metadata, &self->subject, "open", ROOT, open_iommu, close_iommu);
}

TEST_HARNESS_MAIN

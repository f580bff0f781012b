// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a call does is repeated with its first, second, third ... allocation (or
 * copy of user memory) failing, until none fails.  A call that fails leaves all
 * as it was.  Needs a kernel with fault injection.
 *
 * An ATTACH that moves a device from one IOAS to another is here for the mock
 * only: with an allocation failing in it, Linux 6.1 cannot take a real device
 * away from the first one, and complains itself.
 *
 * To walk one more call, write a function that makes it, one that undoes it, and
 * a test that has both walked.
 */
#include <sys/resource.h>

#include <linux/vfio.h>

#include "access.h"
#include "common.h"
#include "hwpt.h"

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
	struct mock_dev mock;
	__u32 hwpt_id;
	int access;
	__u32 item_id;
	__u64 bitmap[PAGES / 64 + 1];
	int region;	/* of MMIO, 0 without */
	char *mmio;
};

FIXTURE(fail)
{
	struct subject subject;
};

/* Where the walks of the mock are made, which knows what is in its domain */
FIXTURE(mock)
{
	struct subject subject;
};

FIXTURE_VARIANT(mock)
{
	bool edu;		/* is attached to the same IOAS, before */
	__u32 scratch;
};

FIXTURE_VARIANT_ADD(mock, alone)
{
	.scratch = SCRATCH,
};

FIXTURE_VARIANT_ADD(mock, with_edu)
{
	.edu = true,
	.scratch = SCRATCH,
};

/* Each page is a step of its own */
FIXTURE_VARIANT_ADD(mock, tiny_steps)
{
	.scratch = 16,
};

/* What must not change when a call fails */
struct state {
	struct iommu_iova_range ranges[16];
	__u32 nranges;
	__u64 alignment;
	long pinned;
	char vm[2][64];	/* VmLck and VmPin of this process */
	__u32 next_id;	/* that a new object would get */
	int mock_devices;
	int mapped[2];	/* Is all of it there, its first page?  0 or an errno */
	int mmio;	/* Is it there? */
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

	rc = ioas_alloc(self->fd, &state->next_id) ?:
		obj_destroy(self->fd, state->next_id);
	state->mock_devices = mock_devices();
	if (self->mock.hwpt_id) {
		state->mapped[0] = mock_check_map(self->fd, self->mock.hwpt_id,
						  self->memory, PAGES * PAGE, AT);
		state->mapped[1] = mock_check_map(self->fd, self->mock.hwpt_id,
						  self->memory, PAGE, AT);
	}
	if (self->mock.hwpt_id && self->region)
		state->mmio = mock_check_mmio(self->fd, self->mock.hwpt_id,
					      self->region, 0, PAGES * PAGE, AT,
					      1);
	return rc;
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

static int allow_all_failures(void)
{
	return allow_failures("failslab", false) ?:
		allow_failures("fail_page_alloc", true) ?:
		write_file(DEBUGFS "fail_usercopy/verbose", "0");
}

/* Two IOAS, and memory that is in no huge page */
static int set_up(struct subject *self)
{
	int rc;

	self->other = -1;
	self->dev = -1;
	self->file = -1;
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		return -errno;
	self->fd = iommufd_open();
	if (self->fd < 0)
		return self->fd;
	rc = ioas_alloc(self->fd, &self->ioas_id) ?:
		ioas_alloc(self->fd, &self->spare_id);
	if (rc)
		return rc;
	self->memory = small_pages(PAGES * PAGE);
	if (!self->memory)
		return -ENOMEM;
	self->file = memfd_create("test", MFD_CLOEXEC);
	return self->file < 0 || ftruncate(self->file, PAGES * PAGE) ?
		-errno : 0;
}

static void tear_down(struct subject *self)
{
	if (self->other >= 0)
		close(self->other);
	if (self->dev >= 0)
		close(self->dev);
	close(self->file);
	close(self->fd);
	close(self->nth);
}

FIXTURE_SETUP(fail)
{
	struct subject *subject = &self->subject;

	if (access(DEBUGFS "failslab", F_OK))
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
}

FIXTURE_TEARDOWN(fail)
{
	tear_down(&self->subject);
}

FIXTURE_SETUP(mock)
{
	struct subject *subject = &self->subject;

	if (access(DEBUGFS "failslab", F_OK))
		SKIP(return, "the kernel has no fault injection");
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, mock_limit(subject->fd, variant->scratch));
	if (!variant->edu)
		return;
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, vfio_attach(subject->dev, subject->ioas_id, NULL));
}

FIXTURE_TEARDOWN(mock)
{
	EXPECT_EQ(0, mock_limit(self->subject.fd, SCRATCH));
	tear_down(&self->subject);
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

static void print_state(const struct state *state)
{
	printf("# %u ranges, %ld pins, next ID %u, %d mock devices, ",
	       state->nranges, state->pinned, state->next_id,
	       state->mock_devices);
	printf("mapped: %d %d, MMIO: %d, %.30s %.30s\n", state->mapped[0],
	       state->mapped[1], state->mmio, state->vm[0], state->vm[1]);
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
			TH_LOG("%s: failure %u (%d) changed this to that:",
			       name, n, rc);
			print_state(&before);
			print_state(&after);
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

TEST_F_TIMEOUT(fail, unmap, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "UNMAP, device attached", USER, unmap,
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

/* The same frames once more in the same domain */
static int copy_here(struct subject *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGES * PAGE,
			 COPY_AT, AT);
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

static int only_small(struct subject *self)
{
	return option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id, 0);
}

static int huge_again(struct subject *self)
{
	return option_set(self->fd, IOMMU_OPTION_HUGE_PAGES, self->ioas_id, 1);
}

TEST_F_TIMEOUT(fail, option, 300)
{
	walk(_metadata, &self->subject, "OPTION", ROOT, only_small, huge_again);
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

/* VFIO's container calls; the IOAS is the compatibility IOAS */

static int vfio_ioas_op(struct subject *self, __u16 op, __u32 *id)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = *id,
		.op = op,
	};
	int rc = call(self->fd, IOMMU_VFIO_IOAS, &arg);

	*id = arg.ioas_id;
	return rc;
}

static int set_vfio_ioas(struct subject *self)
{
	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_SET, &self->ioas_id);
}

static int get_vfio_ioas(struct subject *self)
{
	__u32 id = 0;

	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_GET, &id);
}

static int clear_vfio_ioas(struct subject *self)
{
	__u32 id = 0;

	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_CLEAR, &id);
}

static int vfio_info(struct subject *self)
{
	struct {
		struct vfio_iommu_type1_info info;
		char caps[1024];
	} arg = { .info.argsz = sizeof(arg) };

	return call(self->fd, VFIO_IOMMU_GET_INFO, &arg);
}

static int vfio_map(struct subject *self)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = addr(self->memory),
		.iova = AT,
		.size = PAGES * PAGE,
	};

	return call(self->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int vfio_unmap_range(struct subject *self, __u32 flags, __u64 iova,
			    __u64 size)
{
	struct {
		struct vfio_iommu_type1_dma_unmap unmap;
		struct vfio_bitmap bitmap;
	} arg = {
		.unmap = {
			.argsz = sizeof(arg),
			.flags = flags,
			.iova = iova,
			.size = size,
		},
		.bitmap = {
			.pgsize = PAGE,
			.size = sizeof(self->bitmap),
			.data = self->bitmap,
		},
	};
	int rc = call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	return rc ?: arg.unmap.size == size ? 0 : -EIO;
}

static int vfio_unmap(struct subject *self)
{
	return vfio_unmap_range(self, 0, AT, PAGES * PAGE);
}

static int vfio_unmap_report(struct subject *self)
{
	return vfio_unmap_range(self, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, AT,
				PAGES * PAGE);
}

/* By the user, as undoing is root's */
static int vfio_map_by_user(struct subject *self)
{
	int rc = be(USER) ?: vfio_map(self);

	return be(ROOT) ?: rc;
}

/* Leaves two mappings of the one */
static int vfio_unmap_middle(struct subject *self)
{
	return vfio_unmap_range(self, 0, AT + 10 * PAGE, 3 * PAGE);
}

static int vfio_map_anew(struct subject *self)
{
	if (ioas_empty(self->fd, self->ioas_id) != (PAGES - 3) * PAGE)
		return -EIO;
	return vfio_map_by_user(self);
}

static int vfio_dirty(struct subject *self, __u32 flags)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap dirty;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.dirty = { .argsz = sizeof(arg), .flags = flags },
		.get = {
			.iova = AT,
			.size = PAGES * PAGE,
			.bitmap = {
				.pgsize = PAGE,
				.size = sizeof(self->bitmap),
				.data = self->bitmap,
			},
		},
	};

	return call(self->fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

static int vfio_dirty_bitmap(struct subject *self)
{
	return vfio_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP);
}

TEST_F_TIMEOUT(fail, vfio_ioas, 300)
{
	walk(_metadata, &self->subject, "VFIO_IOAS, set", ROOT, set_vfio_ioas,
	     clear_vfio_ioas);
	ASSERT_EQ(0, set_vfio_ioas(&self->subject));
	walk(_metadata, &self->subject, "VFIO_IOAS, get", ROOT, get_vfio_ioas,
	     nothing);
}

TEST_F_TIMEOUT(fail, vfio_info, 300)
{
	ASSERT_EQ(0, set_vfio_ioas(&self->subject));
	ASSERT_EQ(0, attach(&self->subject));
	walk(_metadata, &self->subject, "VFIO_IOMMU_GET_INFO", ROOT, vfio_info,
	     nothing);
}

TEST_F_TIMEOUT(fail, vfio_map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_vfio_ioas(subject));
	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, subject, "VFIO_IOMMU_MAP_DMA", USER, vfio_map,
	     vfio_unmap);
	ASSERT_EQ(0, vfio_map_by_user(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA", USER, vfio_unmap,
	     vfio_map_by_user);
	ASSERT_EQ(0, vfio_dirty(subject, VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	walk(_metadata, subject, "VFIO_IOMMU_DIRTY_PAGES", USER,
	     vfio_dirty_bitmap, nothing);
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA, dirty pages", USER,
	     vfio_unmap_report, vfio_map_by_user);
}

TEST_F_TIMEOUT(fail, vfio_unmap_in_the_middle, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_vfio_ioas(subject));
	ASSERT_EQ(0, ioctl(subject->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, vfio_map_by_user(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA, in the middle", USER,
	     vfio_unmap_middle, vfio_map_anew);
}

/* The mock */

static int make_mock(struct subject *self)
{
	struct mock_dev mock;
	int rc = mock_attach(self->fd, self->ioas_id, &mock);

	/* What it made is looked at only while it is sure to be there */
	if (!rc)
		self->other = mock.id;
	return rc;
}

static int unmake_mock(struct subject *self)
{
	__u32 id = self->other;

	self->other = -1;
	return obj_destroy(self->fd, id);
}

static int replace(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->spare_id);
}

static int replace_back(struct subject *self)
{
	return mock_replace(self->fd, &self->mock, self->ioas_id);
}

static int reserve(struct subject *self)
{
	return mock_reserve(self->fd, self->spare_id, 0x100000, 0x1000);
}

/* Reservations last as long as their IOAS */
static int make_spare_anew(struct subject *self)
{
	return obj_destroy(self->fd, self->spare_id) ?:
		ioas_alloc(self->fd, &self->spare_id);
}

static int attach_mock(struct subject *self)
{
	return mock_attach(self->fd, self->ioas_id, &self->mock);
}

TEST_F_TIMEOUT(mock, device, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "MOCK_DOMAIN, memory mapped", USER,
	     make_mock, unmake_mock);
}

TEST_F_TIMEOUT(mock, map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, subject, "MAP, mock attached", USER, map, unmap);
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "UNMAP, mock attached", USER, unmap,
	     map_by_user);
	walk(_metadata, subject, "COPY, mock attached", USER, copy_here,
	     unmap_copy);
}

TEST_F_TIMEOUT(mock, move, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, be(USER));
	ASSERT_EQ(0, map(subject));
	ASSERT_EQ(0, ioas_copy(subject->fd, subject->spare_id,
			       subject->ioas_id, PAGES * PAGE, AT, AT));
	ASSERT_EQ(0, be(ROOT));
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE", USER, replace,
	     replace_back);
}

TEST_F_TIMEOUT(mock, reserved_range, 300)
{
	walk(_metadata, &self->subject, "ADD_RESERVED", USER, reserve,
	     make_spare_anew);
}

static int alloc_hwpt(struct subject *self)
{
	return hwpt_alloc(self->fd, self->mock.dev_id, self->ioas_id, TRACKED,
			  &self->hwpt_id);
}

static int destroy_hwpt(struct subject *self)
{
	return obj_destroy(self->fd, self->hwpt_id);
}

static int track(struct subject *self)
{
	return dirty_set(self->fd, self->hwpt_id, ENABLE);
}

static int track_not(struct subject *self)
{
	return dirty_set(self->fd, self->hwpt_id, 0);
}

static int dirty_bitmap(struct subject *self)
{
	return dirty_get(self->fd, self->hwpt_id, NO_CLEAR, AT, PAGES * PAGE,
			 PAGE, self->bitmap);
}

static int hw_info(struct subject *self)
{
	struct iommu_test_hw_info info;
	struct iommu_hw_info arg = {
		.size = sizeof(arg),
		.dev_id = self->mock.dev_id,
		.data_len = sizeof(info),
		.data_uptr = addr(&info),
	};

	return call(self->fd, IOMMU_GET_HW_INFO, &arg);
}

TEST_F_TIMEOUT(mock, page_table, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "HWPT_ALLOC, memory mapped", USER, alloc_hwpt,
	     destroy_hwpt);
	walk(_metadata, subject, "GET_HW_INFO", USER, hw_info, nothing);
	ASSERT_EQ(0, alloc_hwpt(subject));
	walk(_metadata, subject, "HWPT_SET_DIRTY_TRACKING", USER, track,
	     track_not);
	ASSERT_EQ(0, track(subject));
	walk(_metadata, subject, "HWPT_GET_DIRTY_BITMAP", USER, dirty_bitmap,
	     nothing);
}

static int make_region(struct subject *self)
{
	self->other = mock_mmio(self->fd, PAGES * PAGE);
	return self->other < 0 ? self->other : 0;
}

static int unmake_region(struct subject *self)
{
	int region = self->other;

	self->other = -1;
	return close(region) ? -errno : 0;
}

static int restore_region(struct subject *self)
{
	return mock_mmio_set(self->fd, self->region, 1);
}

static int revoke_region(struct subject *self)
{
	return mock_mmio_set(self->fd, self->region, 0);
}

static int map_mmio(struct subject *self)
{
	return ioas_map(self->fd, self->ioas_id, self->mmio, PAGES * PAGE, AT);
}

/* Of two page tables, with edu, in both or in none */
TEST_F_TIMEOUT(mock, region_of_mmio, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "CREATE_MMIO", USER, make_region,
	     unmake_region);
	ASSERT_EQ(0, make_region(subject));
	subject->region = subject->other;
	subject->mmio = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, subject->region, 0);
	ASSERT_NE(MAP_FAILED, subject->mmio);
	ASSERT_EQ(0, restore_region(subject));
	ASSERT_EQ(0, map_mmio(subject));
	walk(_metadata, subject, "MOCK_DOMAIN, MMIO mapped", USER, make_mock,
	     unmake_mock);

	ASSERT_EQ(0, attach_mock(subject));
	walk(_metadata, subject, "UNMAP, MMIO", USER, unmap, map_mmio);
	ASSERT_EQ(0, unmap(subject));
	walk(_metadata, subject, "MAP, MMIO", USER, map_mmio, unmap);
	ASSERT_EQ(0, map_mmio(subject));
	ASSERT_EQ(0, revoke_region(subject));
	walk(_metadata, subject, "MMIO_SET, restore", USER,
	     restore_region, revoke_region);
	EXPECT_EQ(0, restore_region(subject));
	EXPECT_EQ(0, mock_check_mmio(subject->fd, subject->mock.hwpt_id,
				     subject->region, 0, PAGES * PAGE, AT, 1));
	munmap(subject->mmio, PAGES * PAGE);
}

static int make_access(struct subject *self)
{
	self->access = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	return self->access < 0 ? self->access : 0;
}

static int unmake_access(struct subject *self)
{
	return close(self->access) ? -errno : 0;
}

static int pin_by_access(struct subject *self)
{
	return access_pin(self->fd, self->access, AT, PAGES * PAGE,
			  self->memory, PIN_WRITE, &self->item_id);
}

static int unpin_by_access(struct subject *self)
{
	return access_unpin(self->fd, self->access, self->item_id);
}

static int copy_by_access(struct subject *self)
{
	return access_rw(self->fd, self->access, AT, PAGES * PAGE,
			 self->memory, RW_WRITE);
}

static int copy_slowly(struct subject *self)
{
	return access_rw(self->fd, self->access, AT, PAGES * PAGE,
			 self->memory, RW_SLOW);
}

static int move_access(struct subject *self)
{
	return access_replace(self->fd, self->access, self->spare_id);
}

static int move_access_back(struct subject *self)
{
	return access_replace(self->fd, self->access, self->ioas_id);
}

TEST_F_TIMEOUT(mock, access, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "CREATE_ACCESS", USER, make_access,
	     unmake_access);
	ASSERT_EQ(0, make_access(subject));
	walk(_metadata, subject, "ACCESS_PAGES", USER, pin_by_access,
	     unpin_by_access);
	walk(_metadata, subject, "ACCESS_RW", USER, copy_by_access, nothing);
	walk(_metadata, subject, "ACCESS_RW, slow path", USER, copy_slowly,
	     nothing);
	walk(_metadata, subject, "ACCESS_REPLACE_IOAS", USER, move_access,
	     move_access_back);
	ASSERT_EQ(0, unmake_access(subject));
}

TEST_HARNESS_MAIN

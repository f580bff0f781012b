/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call is repeated with its first, second, third ... allocation (or copy of
 * user memory) failing, until none fails.  A call that fails changes nothing.
 * Needs a kernel with fault injection.
 *
 * To walk one more call, write a function that makes it, one that undoes it,
 * and a test that has both walked.
 */
#ifndef IOMMU_FAILNTH_H
#define IOMMU_FAILNTH_H

#include <sys/resource.h>

#include "../../kernel.h"
#include "common.h"
#include "edu.h"
#include "hwpt.h"

#define ROOT	0
#define USER	12345		/* a user with a limit of locked memory */
#ifndef PAGES
#define PAGES	600UL		/* needs two page tables, and two steps */
#endif
#define FEW_PAGES 96UL		/* of programs for which the mock allocates each entry */
#define AT	(64 * HUGE - PAGES / 6 * PAGE)
#define COPY_AT	(384 * HUGE - PAGES / 6 * PAGE)
#define DEBUGFS	"/sys/kernel/debug/"
#define SLAB	"/sys/kernel/slab"

/* A BAR is mapped in two places at most, in two page tables each */
#define BAR_PAGES	8
#define BAR_LENGTH	(BAR_PAGES * PAGE)
#define BAR_AT(i)	((256 + 256 * (i)) * HUGE - 4 * PAGE)

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
	size_t length;	/* of the memory */
	bool process_pays;
	struct mock_dev mock;
	__u32 hwpt_id;
	__u32 other_hwpt_id;
	struct edu edu;
	int access;
	__u32 item_id;
	__u64 bitmap[PAGES / 64 + 1];
	__u64 at;	/* where the memory is mapped */
	__u64 copy_at;	/* and where once more */
	int target;	/* what has the BAR, if there is one */
	char *bar;
	__u64 bar_at[2];
	int region;	/* of the mock's MMIO, or a dma-buf, 0 without */
	size_t region_length;
	char *mmio;
	int (*prepare)(struct subject *self);	/* before each call, or NULL */
	int also;	/* a call may return this, too, when an allocation fails */
	unsigned int failed;	/* calls of the last walk */
	unsigned int absorbed;	/* failures with which the call succeeded */
};

/* The state that must not change when a call fails */
struct state {
	struct iommu_iova_range ranges[16];
	__u32 nranges;
	__u64 alignment;
	long pinned;
	char vm[2][64];	/* VmLck and VmPin of this process */
	__u32 next_id;	/* ID that a new object would get */
	int mock_devices;
	int mapped[2];	/* Is all of it there, its first page?  0 or an errno */
	__u64 bars[2];	/* pages of the BAR in each of its places */
	int mmio;	/* Is the region there? */
};

static inline int be(uid_t uid)
{
	return seteuid(uid) ? -errno : 0;
}

/* Look at the mock's page table; writes show the BAR, if they are tracked */
static inline int look_at_mock(const struct subject *self, struct state *state)
{
	const __u64 all = (1 << BAR_PAGES) - 1;
	unsigned int i;
	int rc = 0;

	state->mapped[0] = mock_check_map(self->fd, self->mock.hwpt_id,
					  self->memory, self->length, self->at);
	state->mapped[1] = mock_check_map(self->fd, self->mock.hwpt_id,
					  self->memory, PAGE, self->at);
	if (self->region)
		state->mmio = mock_check_mmio(self->fd, self->mock.hwpt_id,
					      self->region, 0,
					      self->region_length, self->at, 1);
	for (i = 0; !rc && self->bar && i < 2; i++)
		rc = mock_dirty_flags(self->fd, self->mock.hwpt_id,
				      MOCK_DIRTY_COUNT_MAPPED, self->bar_at[i],
				      BAR_LENGTH, PAGE, &all, &state->bars[i]);
	return rc;
}

/* The state of the objects and of the machine, as root may see it */
static inline int look(const struct subject *self, struct state *state)
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
		iommu_destroy(self->fd, state->next_id);
	state->mock_devices = mock_devices();
	return rc ?: self->mock.hwpt_id ? look_at_mock(self, state) : 0;
}

static inline int set_nth(const struct subject *self, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	return pwrite(self->nth, text, length, 0) == length ? 0 : -errno;
}

/* Read the rest of the count; -EFAULT if the copy of this read was next. */
static inline int read_nth(const struct subject *self)
{
	char text[16] = "";

	return pread(self->nth, text, sizeof(text) - 1, 0) < 0 ? -errno :
		atoi(text);
}

static inline bool nothing_failed(const struct subject *self)
{
	return read_nth(self) != 0;
}

/* Let any allocation fail, without a call trace */
static inline int allow_failures(const char *name, bool pages)
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

static inline bool file_has(const char *path, char first)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c = 0;
	bool has;

	has = fd >= 0 && read(fd, &c, 1) == 1 && c == first;
	close(fd);
	return has;
}

/*
 * If spare, let any allocation fail but those that Linux 6.1 cannot do without
 * when it takes a device away from a domain: Intel's driver allocates 16 bytes
 * then.  Allocations of our driver that are as small are charged, and so come
 * from another cache.  The VM's profile "debug" has marked all caches but that
 * one.  The driver of Linux 6.12 blocks a device without an allocation.
 */
static inline int spare_kernel(bool spare)
{
	if (!kernel_before(6, 12, 0))
		return 0;
	if (file_has(SLAB "/kmalloc-16/failslab", '0') &&
	    file_has(SLAB "/kmalloc-cg-16/failslab", '1'))
		return write_file(DEBUGFS "failslab/cache-filter",
				  spare ? "1" : "0");
	return -EINVAL;
}

/* Let allocations of user pages fail, too; there can be very many. */
static inline int allow_user_failures(bool allow)
{
	return write_file(DEBUGFS "fail_page_alloc/ignore-gfp-highmem",
			  allow ? "0" : "1");
}

static inline int allow_all_failures(void)
{
	return allow_failures("failslab", false) ?:
		allow_failures("fail_page_alloc", true) ?:
		allow_user_failures(false) ?:
		write_file(DEBUGFS "fail_usercopy/verbose", "0") ?:
		write_file(DEBUGFS "failslab/cache-filter", "0");
}

/* Make a context, whose pins count for the user or for the process. */
static inline int make_context(struct subject *self)
{
	self->fd = iommu_open();
	if (self->fd < 0)
		return self->fd;
	return (self->process_pays ?
		iommu_option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1) :
		0) ?:
		ioas_alloc(self->fd, &self->ioas_id) ?:
		ioas_alloc(self->fd, &self->spare_id);
}

/* Set up two IOAS, and memory without huge pages. */
static inline int set_up(struct subject *self)
{
	int rc;

	self->other = -1;
	self->dev = -1;
	self->file = -1;
	self->target = -1;
	self->at = AT;
	self->copy_at = COPY_AT;
	self->bar_at[0] = BAR_AT(0);
	self->bar_at[1] = BAR_AT(1);
	self->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self->nth < 0)
		return -errno;
	rc = make_context(self);
	if (rc)
		return rc;
	self->length = PAGES * PAGE;
	self->memory = small_pages(self->length);
	if (!self->memory)
		return -ENOMEM;
	self->file = memfd_create("test", MFD_CLOEXEC);
	return self->file < 0 || ftruncate(self->file, PAGES * PAGE) ?
		-errno : 0;
}

/* Undoes limit_memory(), too: a shell, as of system(), drops rights of another user. */
static inline void tear_down(struct subject *self)
{
	if (setresuid(ROOT, ROOT, ROOT))
		abort();
	if (self->other >= 0)
		close(self->other);
	if (self->dev >= 0)
		close(self->dev);
	if (self->target >= 0)
		close(self->target);
	close(self->file);
	close(self->fd);
	close(self->nth);
}

/*
 * From here on a user makes the calls, whose limit is as low as possible: a
 * charge that a failed call leaves behind makes the call fail for ever.
 */
static inline int limit_memory(unsigned long pages)
{
	struct rlimit memlock = { pages * PAGE, pages * PAGE };

	if (setrlimit(RLIMIT_MEMLOCK, &memlock) || setresuid(USER, USER, 0))
		return -errno;
	return be(ROOT);
}

static inline void print_state(const struct state *state)
{
	printf("# %u ranges, %ld pins, next ID %u, %d mock devices, ",
	       state->nranges, state->pinned, state->next_id,
	       state->mock_devices);
	printf("mapped: %d %d, BARs: %llu %llu, MMIO: %d, %.30s %.30s\n",
	       state->mapped[0], state->mapped[1], state->bars[0],
	       state->bars[1], state->mmio, state->vm[0], state->vm[1]);
}

typedef int (*step_fn)(struct subject *self);

/*
 * Make a call with each allocation failing, and undo it where it succeeded.
 * uid: the user who makes it.
 */
static inline void walk(struct __test_metadata *_metadata, struct subject *self,
			const char *name, uid_t uid, step_fn act, step_fn undo)
{
	struct state before, after;
	bool done = false;
	unsigned int n;
	int rc;

	self->failed = 0;
	self->absorbed = 0;
	for (n = 1; !done; n++) {
		ASSERT_GT(2000, n);
		ASSERT_EQ(0, look(self, &before));
		if (self->prepare)
			ASSERT_EQ(0, self->prepare(self));
		ASSERT_EQ(0, be(uid));
		ASSERT_EQ(0, set_nth(self, n));
		rc = act(self);
		done = nothing_failed(self);
		set_nth(self, 0);
		set_nth(self, 0); /* the first write itself may have failed */
		ASSERT_EQ(0, be(ROOT));
		if (rc) {
			ASSERT_FALSE(done) {
				TH_LOG("%s: %d without a failure", name, rc);
			}
			ASSERT_TRUE(rc == -ENOMEM || rc == -EFAULT ||
				    rc == self->also) {
				TH_LOG("%s: %d from failure %u", name, rc, n);
			}
			self->failed++;
		} else {
			self->absorbed += !done;
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
	EXPECT_LT(0, self->failed);
	printf("# %s: %u failures, of which %u failed the call\n", name,
	       self->failed + self->absorbed, self->failed);
	fflush(stdout);
}

/*
 * Walk a call that needs no memory: only the copy of its argument can fail.
 * The kernel's own bookkeeping, as of new stack traces, may allocate at first.
 */
static inline void walk_teardown(struct __test_metadata *_metadata,
				 struct subject *self, const char *name,
				 uid_t uid, step_fn act, step_fn undo)
{
	unsigned int tries = 3;

	do {
		walk(_metadata, self, name, uid, act, undo);
		EXPECT_EQ(1, self->failed);
	} while (self->absorbed && --tries);
	EXPECT_EQ(0, self->absorbed);
}

/* Steps */

static inline int map(struct subject *self)
{
	return ioas_map(self->fd, self->ioas_id, self->memory, self->length,
			self->at);
}

static inline int unmap(struct subject *self)
{
	return ioas_unmap(self->fd, self->ioas_id, self->at, self->length);
}

/*
 * An IOMMU driver may keep empty page tables.  So each map takes another IOVA,
 * of 256 in turn, so that it needs a new page table.
 */
static inline void go_on(__u64 *at, __u64 first)
{
	*at = first + (*at - first + HUGE) % (256 * HUGE);
}

static inline int unmap_and_go_on(struct subject *self)
{
	int rc = unmap(self);

	go_on(&self->at, AT);
	return rc;
}

/* Map as the user; root undoes it */
static inline int map_by_user(struct subject *self)
{
	int rc = be(USER) ?: map(self);

	return be(ROOT) ?: rc;
}

/* Map the same PFNs once more in the same domain */
static inline int copy_here(struct subject *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->ioas_id, self->length,
			 self->copy_at, self->at);
}

static inline int unmap_copy(struct subject *self)
{
	int rc = ioas_unmap(self->fd, self->ioas_id, self->copy_at,
			    self->length);

	go_on(&self->copy_at, COPY_AT);
	return rc;
}

static inline int attach(struct subject *self)
{
	return vfio_attach(self->dev, self->ioas_id, NULL);
}

static inline int detach(struct subject *self)
{
	return vfio_detach(self->dev);
}

static inline int move(struct subject *self)
{
	return vfio_attach(self->dev, self->spare_id, NULL);
}

static inline int alloc_page_table(struct subject *self)
{
	return hwpt_alloc(self->fd, self->dev_id, self->ioas_id, 0,
			  &self->hwpt_id);
}

static inline int destroy_page_table(struct subject *self)
{
	return iommu_destroy(self->fd, self->hwpt_id);
}

static inline int attach_page_table(struct subject *self)
{
	return vfio_attach(self->dev, self->hwpt_id, NULL);
}

/* A page table whose device is elsewhere is not filled: see device.c */
static inline int make_page_table_anew(struct subject *self)
{
	return detach(self) ?: destroy_page_table(self) ?: move(self) ?:
		alloc_page_table(self) ?: detach(self);
}

static inline int nothing(struct subject *self)
{
	(void)self;
	return 0;
}

static inline int attach_mock(struct subject *self)
{
	return mock_attach(self->fd, self->ioas_id, &self->mock);
}

static inline int move_mock_here(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->ioas_id);
}

static inline int move_mock_away(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->spare_id);
}

static inline int make_mock(struct subject *self)
{
	struct mock_dev mock;
	int rc = mock_attach(self->fd, self->ioas_id, &mock);

	/* Look at the new object only while it is sure to be there */
	if (!rc)
		self->other = mock.id;
	return rc;
}

static inline int unmake_mock(struct subject *self)
{
	__u32 id = self->other;

	self->other = -1;
	return iommu_destroy(self->fd, id);
}

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that wait, for memory or for each other: other calls that fail
 * meanwhile, and the state when a waiting call is killed.  The memory is a page
 * that userfaultfd provides when the test wants it.
 */
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "../userfault.h"
#include "access.h"
#include "hwpt.h"

#define AT		(64 * MiB)
#define N		8		/* pages of each of two mappings */
#define SECOND		(AT + N * PAGE)
#define LATE		4		/* page of the first that comes late */

struct context {
	int fd;
	__u32 ioas_id;
	__u32 other_id;
	char *memory;
	struct userfault fault;
	int access;	/* to use the first mapping by, or -1 */
	__u32 accessed_id;	/* an IOAS that only an access uses */
	struct mock_dev dev;
	bool pins;	/* the access pins */
	__u32 flags;	/* of its copies */
	int told[2];	/* pipe: a child tells that it waits */
	long pinned;
};

static int context_open(struct context *c)
{
	c->access = -1;
	c->fd = mock_open(&c->ioas_id);
	if (c->fd < 0)
		return c->fd;
	c->memory = anon(2 * N * PAGE);
	if (!c->memory || madvise(c->memory, 2 * N * PAGE, MADV_NOHUGEPAGE))
		return -ENOMEM;
	memset(c->memory, 1, LATE * PAGE);
	memset(c->memory + (LATE + 1) * PAGE, 1, (2 * N - LATE - 1) * PAGE);
	c->pinned = pinned();
	if (c->pinned < 0 || pipe2(c->told, O_CLOEXEC))
		return -EIO;
	return ioas_alloc(c->fd, &c->other_id);
}

/* Pages pinned since the context was opened */
static long pinned_by(const struct context *c)
{
	return pinned() - c->pinned;
}

/* Returns whether nothing is left. */
static bool context_close(struct context *c)
{
	close(c->access);
	close(c->fd);
	return !pinned_by(c) && !mock_devices();
}

/* Let a page of the first mapping come late */
static int be_late(struct context *c)
{
	return userfault_start(&c->fault, c->memory + LATE * PAGE,
			       UFFDIO_REGISTER_MODE_MISSING);
}

static int map_first(struct context *c)
{
	return ioas_map(c->fd, c->ioas_id, c->memory, N * PAGE, AT);
}

static int map_second(struct context *c)
{
	return ioas_map(c->fd, c->ioas_id, c->memory + N * PAGE,
			N * PAGE, SECOND);
}

/* Is there a mapping that can be used?  0 or -ENOENT */
static int look(struct context *c, __u64 iova)
{
	int rc = ioas_copy(c->fd, c->other_id, c->ioas_id, N * PAGE, AT, iova);

	return rc ?: ioas_unmap(c->fd, c->other_id, AT, N * PAGE);
}

/* Wait until a call returns rc, which shows that another has got so far. */
static bool becomes(int rc, int (*call)(struct context *c), struct context *c)
{
	unsigned int i;

	for (i = 0; i < 1000 * time_factor() && call(c) != rc; i++)
		usleep(10000);
	return call(c) == rc;
}

static int look_at_first(struct context *c)
{
	return look(c, AT);
}

static int look_at_second(struct context *c)
{
	return look(c, SECOND);
}

static int unmap_first(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, AT, N * PAGE);
}

static int unmap_both(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, AT, 2 * N * PAGE);
}

/* In a child: end by the call, or by a signal in the middle of it */
static pid_t in_child(int (*call)(struct context *c), struct context *c)
{
	pid_t pid = fork();

	if (!pid)
		_exit(call(c) ? 1 : 0);
	return pid;
}

static int kill_child(pid_t pid)
{
	int status;

	if (kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

/* A call in a thread */
struct call {
	pthread_t thread;
	struct context *context;
	int (*call)(struct context *c);
	atomic_bool done;
	int rc;
};

static void *call_thread(void *arg)
{
	struct call *call = arg;

	call->rc = call->call(call->context);
	call->done = true;
	return NULL;
}

static int call_start(struct call *call, struct context *c,
		      int (*fn)(struct context *c))
{
	call->context = c;
	call->call = fn;
	call->done = false;
	return pthread_create(&call->thread, NULL, call_thread, call);
}

/* Returns the result of the call. */
static int call_end(struct call *call)
{
	return pthread_join(call->thread, NULL) ? -ESRCH : call->rc;
}

/* MAP that waits: only its result is not written yet */

FIXTURE(map)
{
	struct context context;
	struct mock_dev dev;
};

FIXTURE_SETUP(map)
{
	struct context *c = &self->context;

	ASSERT_EQ(0, context_open(c));
	ASSERT_EQ(0, mock_attach(c->fd, c->ioas_id, &self->dev));
	ASSERT_EQ(0, map_second(c));
	memset(c->memory + LATE * PAGE, 1, PAGE);
}

FIXTURE_TEARDOWN(map)
{
	EXPECT_TRUE(context_close(&self->context));
}

/* Make an argument for map_late(), not writable before userfault_end() */
static int map_late_prepare(struct context *c)
{
	const struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = FIXED | RW,
		.ioas_id = c->ioas_id,
		.user_va = addr(c->memory),
		.length = N * PAGE,
		.iova = AT,
	};
	void *page = anon(PAGE);

	if (!page)
		return -ENOMEM;
	memcpy(page, &arg, sizeof(arg));
	return userfault_start(&c->fault, page, UFFDIO_REGISTER_MODE_WP);
}

static int map_late(struct context *c)
{
	return call(c->fd, IOMMU_IOAS_MAP, c->fault.page);
}

TEST_F(map, under_way_is_busy)
{
	struct context *c = &self->context;
	struct call map;

	ASSERT_EQ(0, map_late_prepare(c));
	ASSERT_EQ(0, call_start(&map, c, map_late));
	ASSERT_EQ(0, userfault_wait(&c->fault));
	EXPECT_EQ(2 * N, pinned_by(c));

	EXPECT_EQ(-EBUSY, unmap_first(c));
	EXPECT_EQ(-EBUSY, unmap_both(c));
	EXPECT_EQ(-EBUSY, ioas_empty(c->fd, c->ioas_id));
	EXPECT_EQ(-ENOENT, ioas_unmap(c->fd, c->ioas_id, AT, PAGE));
	EXPECT_EQ(-EEXIST, map_first(c));
	EXPECT_EQ(-ENOENT, look_at_first(c));
	EXPECT_FALSE(map.done);

	/* The other mapping in the range of the refused calls is unchanged. */
	EXPECT_EQ(0, look_at_second(c));
	EXPECT_EQ(0, mock_check_map(c->fd, self->dev.hwpt_id,
				    c->memory + N * PAGE, N * PAGE, SECOND));
	EXPECT_EQ(0, mock_check_refs(c->fd, c->memory + N * PAGE, N * PAGE, 1));

	ASSERT_EQ(0, userfault_end(&c->fault, NULL));
	ASSERT_EQ(0, call_end(&map));
	EXPECT_EQ(0, mock_check_map(c->fd, self->dev.hwpt_id, c->memory,
				    2 * N * PAGE, AT));
	EXPECT_EQ(0, unmap_both(c));
	EXPECT_EQ(0, pinned_by(c));
}

/* In the child, of its own memory */
static int map_and_tell(struct context *c)
{
	struct call map;

	if (map_late_prepare(c) || call_start(&map, c, map_late) ||
	    userfault_wait(&c->fault) || write(c->told[1], "w", 1) != 1)
		return -EIO;
	return pause();
}

TEST_F(map, that_is_killed_leaves_nothing)
{
	struct context *c = &self->context;
	pid_t child = in_child(map_and_tell, c);
	char told;

	ASSERT_LT(0, child);
	ASSERT_EQ(0, close(c->told[1]));
	ASSERT_EQ(1, read(c->told[0], &told, 1));
	EXPECT_EQ(-EBUSY, unmap_first(c));
	EXPECT_EQ(2 * N, pinned_by(c));
	ASSERT_EQ(SIGKILL, kill_child(child));
	EXPECT_EQ(N, pinned_by(c));
	EXPECT_EQ(-ENOENT, unmap_first(c));
	EXPECT_EQ(0, look_at_second(c));
	EXPECT_EQ(0, map_first(c));
	EXPECT_EQ(2 * N, pinned_by(c));
}

/* IOVA_RANGES that waits for the memory of its array delays no other call. */
static int ranges_late(struct context *c)
{
	__u64 alignment = 0;
	__u32 n = 1;

	return ioas_ranges(c->fd, c->ioas_id, c->fault.page, &n, &alignment);
}

TEST_F(map, goes_on_while_ranges_are_told)
{
	static const char empty[PAGE];
	struct context *c = &self->context;
	struct iommu_iova_range *late = anon(PAGE), now;
	__u64 alignment = 0;
	struct call ranges;
	__u32 n = 1;

	ASSERT_NE(NULL, late);
	ASSERT_EQ(0, ioas_ranges(c->fd, c->ioas_id, &now, &n, &alignment));
	ASSERT_EQ(0, userfault_start(&c->fault, late,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, call_start(&ranges, c, ranges_late));
	ASSERT_EQ(0, userfault_wait(&c->fault));
	EXPECT_EQ(0, map_first(c));
	EXPECT_EQ(0, unmap_both(c));
	EXPECT_FALSE(ranges.done);
	ASSERT_EQ(0, userfault_end(&c->fault, empty));
	EXPECT_EQ(0, call_end(&ranges));
	EXPECT_EQ(0, memcmp(late, &now, sizeof(now)));
}

static int set_vfio_ioas(struct context *c)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set),
		.ioas_id = c->ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	return call(c->fd, IOMMU_VFIO_IOAS, &set);
}

static int dirty_pages(struct context *c, __u32 flags, void *bitmap)
{
	struct {
		struct vfio_iommu_type1_dirty_bitmap head;
		struct vfio_iommu_type1_dirty_bitmap_get get;
	} arg = {
		.head.argsz = sizeof(arg),
		.head.flags = flags,
		.get.iova = SECOND,
		.get.size = N * PAGE,
		.get.bitmap.pgsize = PAGE,
		.get.bitmap.size = sizeof(__u64),
		.get.bitmap.data = bitmap,
	};

	return call(c->fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

/* Nor does VFIO_IOMMU_DIRTY_PAGES that waits for the memory of its bitmap. */
static int dirty_late(struct context *c)
{
	return dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
			   c->fault.page);
}

TEST_F(map, goes_on_while_dirty_pages_are_told)
{
	static const char empty[PAGE];
	struct context *c = &self->context;
	__u64 *late = anon(PAGE);
	struct call dirty;

	ASSERT_NE(NULL, late);
	ASSERT_EQ(0, set_vfio_ioas(c));
	ASSERT_EQ(0, dirty_pages(c, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, NULL));
	ASSERT_EQ(0, userfault_start(&c->fault, late,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, call_start(&dirty, c, dirty_late));
	ASSERT_EQ(0, userfault_wait(&c->fault));
	EXPECT_EQ(0, map_first(c));
	EXPECT_EQ(0, unmap_both(c));
	EXPECT_FALSE(dirty.done);
	ASSERT_EQ(0, userfault_end(&c->fault, empty));
	EXPECT_EQ(0, call_end(&dirty));
	EXPECT_EQ((1ULL << N) - 1, *late);
}

/* UNMAP that waits for a software device, which waits for memory */

FIXTURE(unmap)
{
	struct context context;
	struct call use;
	int second;	/* access that has the second mapping pinned */
	__u32 id;	/* of that item */
};

FIXTURE_VARIANT(unmap)
{
	bool pins;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(unmap, rw_by_owner) {};
FIXTURE_VARIANT_ADD(unmap, rw_by_other) { .flags = RW_SLOW };
FIXTURE_VARIANT_ADD(unmap, pin) { .pins = true };

/* Before 6.3, a long-term pin does not wait for userfaultfd but fails. */
static bool pins_wait(void)
{
	struct utsname name;
	int major, minor;

	if (uname(&name) || sscanf(name.release, "%d.%d", &major, &minor) != 2)
		abort();
	return major > 6 || (major == 6 && minor >= 3);
}

#define UNTESTABLE	((variant->pins || variant->flags) && !pins_wait())
#define WHY		"pins do not wait for userfaultfd on this kernel"

static int use_first(struct context *c)
{
	static char buf[N * PAGE];
	__u32 id;

	if (c->pins)
		return access_pin(c->fd, c->access, AT, N * PAGE, c->memory, 0,
				  &id);
	return access_rw(c->fd, c->access, AT, N * PAGE, buf, c->flags);
}

FIXTURE_SETUP(unmap)
{
	struct context *c = &self->context;

	ASSERT_EQ(0, context_open(c));
	c->pins = variant->pins;
	c->flags = variant->flags;
	c->access = access_create(c->fd, c->ioas_id, c->pins ? NEEDS_PIN : 0);
	ASSERT_LE(0, c->access);
	self->second = access_create(c->fd, c->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, self->second);
	ASSERT_EQ(0, map_first(c));
	ASSERT_EQ(0, map_second(c));
	ASSERT_EQ(0, access_pin(c->fd, self->second, SECOND, N * PAGE,
				c->memory + N * PAGE, 0, &self->id));
	if (UNTESTABLE)
		return;
	ASSERT_EQ(0, be_late(c));
	ASSERT_EQ(0, call_start(&self->use, c, use_first));
	ASSERT_EQ(0, userfault_wait(&c->fault));
}

FIXTURE_TEARDOWN(unmap)
{
	close(self->second);
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F(unmap, waits)
{
	struct context *c = &self->context;
	struct call unmap;

	if (UNTESTABLE)
		SKIP(return, WHY);
	ASSERT_EQ(0, call_start(&unmap, c, unmap_both));
	ASSERT_TRUE(becomes(-ENOENT, look_at_second, c));
	EXPECT_EQ(-EBUSY, unmap_first(c));
	EXPECT_EQ(-EBUSY, unmap_both(c));
	EXPECT_EQ(-EEXIST, map_second(c));
	usleep(100000);
	EXPECT_FALSE(unmap.done);
	EXPECT_FALSE(self->use.done);

	ASSERT_EQ(0, userfault_end(&c->fault, c->memory));
	/* A pin that comes too late finds nothing; a copy has begun before. */
	EXPECT_EQ(variant->pins ? -ENOENT : 0, call_end(&self->use));
	EXPECT_EQ(0, call_end(&unmap));
	EXPECT_EQ(-ENOENT, access_unpin(c->fd, self->second, self->id));
	EXPECT_EQ(0, pinned_by(c));
	EXPECT_EQ(0, ioas_empty(c->fd, c->ioas_id));
}

/* Nothing is removed, and the calls that had to wait are done. */
#define EXPECT_ALL_THERE()						\
do {									\
	EXPECT_EQ(0, look_at_first(c));					\
	EXPECT_EQ(0, look_at_second(c));				\
	EXPECT_FALSE(self->use.done);					\
	EXPECT_EQ(0, mock_check_refs(c->fd, c->memory + N * PAGE,	\
				     N * PAGE, 1));			\
	ASSERT_EQ(0, userfault_end(&c->fault, c->memory));		\
	EXPECT_EQ(0, call_end(&self->use));				\
	EXPECT_EQ(variant->pins ? 2 * N : N, pinned_by(c));		\
	EXPECT_EQ(0, access_unpin(c->fd, self->second, self->id));	\
	EXPECT_EQ(-ENOENT, ioas_unmap(c->fd, c->ioas_id, AT, PAGE));	\
	EXPECT_EQ(2 * N * PAGE, ioas_empty(c->fd, c->ioas_id));		\
	EXPECT_EQ(0, pinned_by(c));					\
} while (0)

TEST_F(unmap, that_is_killed_changes_nothing)
{
	struct context *c = &self->context;
	pid_t child;

	if (UNTESTABLE)
		SKIP(return, WHY);
	child = in_child(unmap_both, c);
	ASSERT_LT(0, child);
	ASSERT_TRUE(becomes(-ENOENT, look_at_second, c));
	ASSERT_EQ(SIGKILL, kill_child(child));
	EXPECT_ALL_THERE();
}

/* Unmap from the middle of the first mapping to the middle of the second */
static int cut(struct context *c)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = AT + PAGE,
		.size = N * PAGE,
	};

	return call(c->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

TEST_F(unmap, that_cuts_and_is_killed_changes_nothing)
{
	struct context *c = &self->context;
	pid_t child;

	if (UNTESTABLE)
		SKIP(return, WHY);
	ASSERT_EQ(0, set_vfio_ioas(c));
	ASSERT_EQ(0, call(c->fd, VFIO_SET_IOMMU, (void *)VFIO_TYPE1_IOMMU));
	child = in_child(cut, c);
	ASSERT_LT(0, child);
	ASSERT_TRUE(becomes(-ENOENT, look_at_second, c));
	ASSERT_EQ(SIGKILL, kill_child(child));
	EXPECT_ALL_THERE();
}

/* DESTROY that waits for a call, which waits for memory */

FIXTURE(destroy)
{
	struct context context;
	struct call allow;
};

/* A range is read from the page that comes late. */
static int allow_ranges(struct context *c)
{
	return ioas_allow(c->fd, c->ioas_id,
			  (void *)(c->memory + LATE * PAGE), 1);
}

static int end_late(struct context *c)
{
	static const union {
		struct iommu_iova_range all;
		char page[PAGE];
	} content = { .all = { 0, ALL } };

	return userfault_end(&c->fault, &content);
}

/* 0 or -ENOENT; waits for nothing */
static int get_option(struct context *c)
{
	__u64 value = 0;

	return iommu_option(c->fd, IOMMU_OPTION_OP_GET, IOMMU_OPTION_HUGE_PAGES,
			    c->ioas_id, &value);
}

static int destroy(struct context *c)
{
	return iommu_destroy(c->fd, c->ioas_id);
}

FIXTURE_SETUP(destroy)
{
	struct context *c = &self->context;

	ASSERT_EQ(0, context_open(c));
	ASSERT_EQ(0, map_second(c));
	ASSERT_EQ(0, be_late(c));
	ASSERT_EQ(0, call_start(&self->allow, c, allow_ranges));
	ASSERT_EQ(0, userfault_wait(&c->fault));
}

FIXTURE_TEARDOWN(destroy)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F(destroy, waits)
{
	struct context *c = &self->context;
	struct call call;

	ASSERT_EQ(0, call_start(&call, c, destroy));
	/* No call finds the object any more. */
	ASSERT_TRUE(becomes(-ENOENT, get_option, c));
	EXPECT_EQ(-ENOENT, destroy(c));
	usleep(100000);
	EXPECT_FALSE(call.done);
	ASSERT_EQ(0, end_late(c));
	EXPECT_EQ(0, call_end(&self->allow));
	EXPECT_EQ(0, call_end(&call));
	EXPECT_EQ(-ENOENT, get_option(c));
}

TEST_F(destroy, that_is_killed_changes_nothing)
{
	struct context *c = &self->context;
	pid_t child = in_child(destroy, c);

	ASSERT_LT(0, child);
	ASSERT_TRUE(becomes(-ENOENT, get_option, c));
	ASSERT_EQ(SIGKILL, kill_child(child));
	EXPECT_EQ(0, get_option(c));
	EXPECT_FALSE(self->allow.done);
	ASSERT_EQ(0, end_late(c));
	EXPECT_EQ(0, call_end(&self->allow));
	EXPECT_EQ(0, look_at_second(c));
	EXPECT_EQ(0, destroy(c));
}

/*
 * A call that is killed while it waits for another call is gone at once, and
 * has changed nothing.
 */

/* Wait until a child sleeps in a call such that only a fatal signal wakes it. */
static bool is_stuck(pid_t child)
{
	char path[64], line[512], *end;
	unsigned int i;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", child);
	for (i = 0; i < 1000 * time_factor(); i++) {
		f = fopen(path, "re");
		if (!f)
			return false;
		end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		fclose(f);
		if (!end || end[2] == 'Z')
			return false;
		if (end[2] == 'D')
			return true;
		usleep(10000);
	}
	return false;
}

/* Returns the signal, or -ETIMEDOUT when the child is not gone in a second. */
static int kill_at_once(pid_t child)
{
	unsigned int i;
	int status;

	if (kill(child, SIGKILL))
		return -errno;
	for (i = 0; i < 100 * time_factor(); i++) {
		if (waitpid(child, &status, WNOHANG) == child)
			return WIFSIGNALED(status) ? WTERMSIG(status) :
						     -WEXITSTATUS(status);
		usleep(10000);
	}
	return -ETIMEDOUT;
}

static int attach_another(struct context *c)
{
	struct mock_dev dev;

	return mock_attach(c->fd, c->ioas_id, &dev);
}

static int attach_to_other(struct context *c)
{
	struct mock_dev dev;

	return mock_attach(c->fd, c->other_id, &dev);
}

static int move_to_other(struct context *c)
{
	return mock_replace(c->fd, &c->dev, c->other_id);
}

static int alloc_hwpt(struct context *c)
{
	__u32 id;

	return hwpt_alloc_data(c->fd, c->dev.dev_id, c->ioas_id, 0, NULL, &id);
}

#define THIRD		(AT + 2 * N * PAGE)

static int map_third(struct context *c)
{
	return ioas_map(c->fd, c->ioas_id, c->memory + N * PAGE, N * PAGE,
			THIRD);
}

static int copy_to_third(struct context *c)
{
	return ioas_copy(c->fd, c->ioas_id, c->ioas_id, N * PAGE, THIRD,
			 SECOND);
}

static int unmap_second(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, SECOND, N * PAGE);
}

static int dma_map_third(struct context *c)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = addr(c->memory),
		.iova = THIRD,
		.size = N * PAGE,
	};

	return call(c->fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int dma_unmap_second(struct context *c)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = SECOND,
		.size = N * PAGE,
	};

	return call(c->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

static int get_info(struct context *c)
{
	struct vfio_iommu_type1_info arg = { .argsz = sizeof(arg) };

	return call(c->fd, VFIO_IOMMU_GET_INFO, &arg);
}

static int set_huge_pages(struct context *c)
{
	__u64 value = 1;

	return iommu_option(c->fd, IOMMU_OPTION_OP_SET,
			    IOMMU_OPTION_HUGE_PAGES, c->ioas_id, &value);
}

/*
 * One thread is stuck in MAP.  A child waits for it in ATTACH, and another
 * child for both of them.
 */
FIXTURE(behind_map)
{
	struct context context;
	struct call map;
	pid_t attach;
};

FIXTURE_VARIANT(behind_map)
{
	int (*call)(struct context *c);
};

FIXTURE_VARIANT_ADD(behind_map, attach) { attach_another };
FIXTURE_VARIANT_ADD(behind_map, replace) { move_to_other };
FIXTURE_VARIANT_ADD(behind_map, hwpt_alloc) { alloc_hwpt };
FIXTURE_VARIANT_ADD(behind_map, map) { map_third };
FIXTURE_VARIANT_ADD(behind_map, copy) { copy_to_third };
FIXTURE_VARIANT_ADD(behind_map, unmap) { unmap_second };
FIXTURE_VARIANT_ADD(behind_map, map_dma) { dma_map_third };
FIXTURE_VARIANT_ADD(behind_map, unmap_dma) { dma_unmap_second };
FIXTURE_VARIANT_ADD(behind_map, get_info) { get_info };
FIXTURE_VARIANT_ADD(behind_map, set_option) { set_huge_pages };

FIXTURE_SETUP(behind_map)
{
	struct context *c = &self->context;

	ASSERT_EQ(0, context_open(c));
	ASSERT_EQ(0, set_vfio_ioas(c));
	ASSERT_EQ(0, mock_attach(c->fd, c->ioas_id, &c->dev));
	ASSERT_EQ(0, map_second(c));
	memset(c->memory + LATE * PAGE, 1, PAGE);
	ASSERT_EQ(0, map_late_prepare(c));
	ASSERT_EQ(0, call_start(&self->map, c, map_late));
	ASSERT_EQ(0, userfault_wait(&c->fault));
	self->attach = in_child(attach_another, c);
	ASSERT_LT(0, self->attach);
	ASSERT_TRUE(is_stuck(self->attach));
}

FIXTURE_TEARDOWN(behind_map)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F(behind_map, is_killed_at_once)
{
	struct context *c = &self->context;
	pid_t child = in_child(variant->call, c);

	ASSERT_LT(0, child);
	EXPECT_TRUE(is_stuck(child));
	EXPECT_EQ(SIGKILL, kill_at_once(child));
	EXPECT_EQ(SIGKILL, kill_at_once(self->attach));
	EXPECT_FALSE(self->map.done);
	EXPECT_EQ(2 * N, pinned_by(c));
	EXPECT_EQ(1, mock_devices());

	ASSERT_EQ(0, userfault_end(&c->fault, NULL));
	ASSERT_EQ(0, call_end(&self->map));
	EXPECT_EQ(0, mock_check_map(c->fd, c->dev.hwpt_id, c->memory,
				    2 * N * PAGE, AT));
	EXPECT_EQ(-ENOENT, ioas_unmap(c->fd, c->ioas_id, THIRD, N * PAGE));
	EXPECT_EQ(0, variant->call(c));
	EXPECT_LT(0, ioas_empty(c->fd, c->ioas_id));
	EXPECT_EQ(0, pinned_by(c));
}

/*
 * One thread is stuck in ATTACH of the other IOAS, and pins the memory of which
 * a copy is mapped in the first one.
 */
FIXTURE(behind_attach)
{
	struct context context;
	struct call attach;
};

FIXTURE_VARIANT(behind_attach)
{
	int (*call)(struct context *c);
};

static int unmap_copy(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, AT, LATE * PAGE);
}

static int copy_more(struct context *c)
{
	return ioas_copy(c->fd, c->ioas_id, c->other_id, N * PAGE, THIRD,
			 SECOND);
}

/* The access is told, and gives back what it has pinned. */
static int unmap_accessed(struct context *c)
{
	return ioas_unmap(c->fd, c->accessed_id, AT, LATE * PAGE);
}

/* No IOMMU has it: nothing but the access has the copy pinned. */
static int pin_a_copy(struct context *c)
{
	int rc = ioas_alloc(c->fd, &c->accessed_id);
	__u32 id;

	rc = rc ?: ioas_copy(c->fd, c->accessed_id, c->other_id, LATE * PAGE,
			     AT, AT);
	if (rc)
		return rc;
	c->access = access_create(c->fd, c->accessed_id, NEEDS_PIN);
	return c->access < 0 ? c->access :
	       access_pin(c->fd, c->access, AT, PAGE, c->memory, 0, &id);
}

static int map_other(struct context *c)
{
	return ioas_map(c->fd, c->other_id, c->memory + N * PAGE, N * PAGE,
			THIRD);
}

static int unmap_other(struct context *c)
{
	return ioas_unmap(c->fd, c->other_id, AT, 2 * N * PAGE);
}

FIXTURE_VARIANT_ADD(behind_attach, attach) { attach_to_other };
FIXTURE_VARIANT_ADD(behind_attach, replace) { move_to_other };
FIXTURE_VARIANT_ADD(behind_attach, map) { map_other };
FIXTURE_VARIANT_ADD(behind_attach, unmap) { unmap_other };
FIXTURE_VARIANT_ADD(behind_attach, copy_of_what_is_being_pinned) { copy_more };
FIXTURE_VARIANT_ADD(behind_attach, unmap_of_what_is_being_pinned) { unmap_copy };
FIXTURE_VARIANT_ADD(behind_attach, unmap_of_what_an_access_has) { unmap_accessed };

FIXTURE_SETUP(behind_attach)
{
	struct context *c = &self->context;

	ASSERT_EQ(0, context_open(c));
	ASSERT_EQ(0, mock_attach(c->fd, c->ioas_id, &c->dev));
	ASSERT_EQ(0, ioas_map(c->fd, c->other_id, c->memory, 2 * N * PAGE, AT));
	ASSERT_EQ(0, ioas_copy(c->fd, c->ioas_id, c->other_id, LATE * PAGE, AT,
			       AT));
	ASSERT_EQ(0, pin_a_copy(c));
	ASSERT_EQ(LATE, pinned_by(c));
	if (!pins_wait())
		return;
	ASSERT_EQ(0, be_late(c));
	ASSERT_EQ(0, call_start(&self->attach, c, attach_to_other));
	ASSERT_EQ(0, userfault_wait(&c->fault));
}

FIXTURE_TEARDOWN(behind_attach)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F(behind_attach, is_killed_at_once)
{
	struct context *c = &self->context;
	pid_t child;

	if (!pins_wait())
		SKIP(return, WHY);
	child = in_child(variant->call, c);
	ASSERT_LT(0, child);
	EXPECT_TRUE(is_stuck(child));
	EXPECT_EQ(SIGKILL, kill_at_once(child));
	EXPECT_FALSE(self->attach.done);
	EXPECT_EQ(0, mock_check_map(c->fd, c->dev.hwpt_id, c->memory,
				    LATE * PAGE, AT));

	ASSERT_EQ(0, userfault_end(&c->fault, c->memory));
	ASSERT_EQ(0, call_end(&self->attach));
	EXPECT_EQ(2 * N, pinned_by(c));
	EXPECT_EQ(0, variant->call(c));
}

/*
 * One thread is in a long UNMAP, behind an IOMMU that is slow until the test has it
 * be fast.
 */
FIXTURE(behind_unmap)
{
	struct context context;
	struct call unmap;
};

#define LONG_AT		(256 * MiB)
#define LONG		(512 * MiB)
#define FOURTH		(LONG_AT + LONG)	/* free for the calls of tests */

static int be_fast(void)
{
	return write_file(MOCK_PARAMETERS "slow_unmap_ns", "0");
}

/* 50 ms for 2 MiB, which is one call; altogether 13 s */
static int be_slow(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", 100000 * time_factor());
	return write_file(MOCK_PARAMETERS "step_bytes", "2097152") ?:
	       write_file(MOCK_PARAMETERS "slow_unmap_ns", text);
}

static int unmap_long(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, LONG_AT, LONG);
}

static int look_at_long(struct context *c)
{
	return look(c, LONG_AT);
}

FIXTURE_SETUP(behind_unmap)
{
	struct context *c = &self->context;
	char *huge = huge_pages(HUGE);
	size_t done;

	ASSERT_NE(NULL, huge);
	ASSERT_EQ(0, context_open(c));
	memset(c->memory + LATE * PAGE, 1, PAGE);
	ASSERT_EQ(0, mock_attach_flags(c->fd, c->ioas_id,
				       MOCK_FLAGS_DEVICE_SLOW_UNMAP, &c->dev));
	ASSERT_EQ(0, map_first(c));
	ASSERT_EQ(0, map_second(c));
	for (done = 0; done < LONG; done += HUGE)
		ASSERT_EQ(0, ioas_map(c->fd, c->ioas_id, huge, HUGE,
				      LONG_AT + done));
	ASSERT_EQ(0, be_slow());
}

FIXTURE_TEARDOWN(behind_unmap)
{
	EXPECT_EQ(0, be_fast());
	EXPECT_TRUE(context_close(&self->context));
	EXPECT_EQ(0, mock_unload());
}

#define ASSERT_UNMAP_STARTED()						\
do {									\
	ASSERT_EQ(0, call_start(&self->unmap, c, unmap_long));		\
	ASSERT_TRUE(becomes(-ENOENT, look_at_long, c));			\
} while (0)

/* The range is empty, and nothing but the other mappings is pinned. */
#define EXPECT_UNMAPPED()						\
do {									\
	EXPECT_EQ(2 * N, pinned_by(c));					\
	EXPECT_EQ(-ENOENT, ioas_unmap(c->fd, c->ioas_id, LONG_AT,	\
				      LONG));				\
	EXPECT_EQ(0, look_at_first(c));					\
	EXPECT_EQ(0, mock_check_map(c->fd, c->dev.hwpt_id, c->memory,	\
				    2 * N * PAGE, AT));			\
} while (0)

/* Calls that another's UNMAP does not concern */

static int map_fourth(struct context *c)
{
	return ioas_map(c->fd, c->ioas_id, c->memory, N * PAGE, FOURTH);
}

static int unmap_fourth(struct context *c)
{
	return ioas_unmap(c->fd, c->ioas_id, FOURTH, N * PAGE);
}

static int map_in_other(struct context *c)
{
	return ioas_map(c->fd, c->other_id, c->memory, N * PAGE, FOURTH);
}

static int unmap_in_other(struct context *c)
{
	return ioas_unmap(c->fd, c->other_id, FOURTH, N * PAGE);
}

static int tell_ranges(struct context *c)
{
	struct iommu_iova_range range;
	__u64 alignment = 0;
	__u32 n = 1;

	return ioas_ranges(c->fd, c->ioas_id, &range, &n, &alignment);
}

static int make_and_destroy(struct context *c)
{
	__u32 id;

	return ioas_alloc(c->fd, &id) ?: iommu_destroy(c->fd, id);
}

TEST_F(behind_unmap, others_go_on)
{
	static int (* const calls[])(struct context *c) = {
		attach_to_other, map_in_other, unmap_in_other, make_and_destroy,
		tell_ranges, look_at_second, map_fourth, unmap_fourth,
	};
	struct context *c = &self->context;
	size_t i;

	ASSERT_UNMAP_STARTED();
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		EXPECT_EQ(0, calls[i](c)) TH_LOG("call %zu", i);
		EXPECT_FALSE(self->unmap.done) TH_LOG("call %zu", i);
	}
	/* The range itself is free when its devices reach it no more. */
	EXPECT_EQ(-EBUSY, unmap_long(c));
	EXPECT_EQ(-EEXIST, ioas_map(c->fd, c->ioas_id, c->memory, PAGE,
				    LONG_AT));
	EXPECT_FALSE(self->unmap.done);
	EXPECT_LT(2 * N, pinned_by(c));
	ASSERT_EQ(0, be_fast());
	EXPECT_EQ(0, call_end(&self->unmap));
	EXPECT_UNMAPPED();
}

/* A call that changes the page tables of the IOAS waits; a kill ends the wait. */
TEST_F(behind_unmap, who_waits_is_killed_at_once)
{
	static int (* const calls[])(struct context *c) = {
		attach_another, move_to_other, alloc_hwpt, set_huge_pages,
	};
	struct context *c = &self->context;
	pid_t child, behind;
	size_t i;

	ASSERT_UNMAP_STARTED();
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		child = in_child(calls[i], c);
		ASSERT_LT(0, child);
		EXPECT_TRUE(is_stuck(child)) TH_LOG("call %zu", i);
		/* And so do those that come after it. */
		behind = in_child(map_fourth, c);
		ASSERT_LT(0, behind);
		EXPECT_TRUE(is_stuck(behind)) TH_LOG("call %zu", i);
		EXPECT_EQ(SIGKILL, kill_at_once(behind)) TH_LOG("call %zu", i);
		EXPECT_EQ(SIGKILL, kill_at_once(child)) TH_LOG("call %zu", i);
		EXPECT_FALSE(self->unmap.done) TH_LOG("call %zu", i);
	}
	EXPECT_EQ(1, mock_devices());
	ASSERT_EQ(0, be_fast());
	EXPECT_EQ(0, call_end(&self->unmap));
	EXPECT_UNMAPPED();
}

/* What has left a page table in part leaves it as a whole. */
TEST_F(behind_unmap, that_is_killed_goes_to_its_end)
{
	struct context *c = &self->context;
	pid_t child = in_child(unmap_long, c);
	int status;

	ASSERT_LT(0, child);
	ASSERT_TRUE(becomes(-ENOENT, look_at_long, c));
	ASSERT_EQ(0, kill(child, SIGKILL));
	usleep(200000);
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	EXPECT_EQ(0, look_at_first(c));
	EXPECT_EQ(-EBUSY, unmap_long(c));
	ASSERT_EQ(0, be_fast());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_UNMAPPED();
}

TEST_HARNESS_MAIN

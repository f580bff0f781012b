// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_CHANGE_PROCESS: the process that is charged for pinned pages of
 * files.  Workers are processes of users without privilege that are sent a
 * context and a file, as a program hands them on to its successor.
 */
#include "files.h"
#include "mock.h"
#include "worker.h"

#define AT	(64 * MiB)
#define LIMIT	16UL		/* pages that a worker may pin, unless told */
#define FAR	(16 * MiB)	/* IOVA of a process' own memory */

enum operation { MAP_A_FILE, MAP_MEMORY, UNMAP, CHANGE };

/* Pages of the file, and of the IOAS from AT on */
struct request {
	enum operation op;
	__u32 ioas_id;
	unsigned long page;
	unsigned long pages;
};

static int change_process(int fd)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	return call(fd, IOMMU_IOAS_CHANGE_PROCESS, &arg);
}

static int perform(int fd, int file, char *memory, const struct request *r)
{
	switch (r->op) {
	case MAP_A_FILE:
		return ioas_map_file(fd, r->ioas_id, file, r->page * PAGE,
				     r->pages * PAGE, AT + r->page * PAGE);
	case MAP_MEMORY:
		return ioas_map(fd, r->ioas_id, memory, r->pages * PAGE,
				AT + FAR + r->page * PAGE);
	case UNMAP:
		return ioas_unmap(fd, r->ioas_id, AT + r->page * PAGE,
				  r->pages * PAGE);
	case CHANGE:
		return change_process(fd);
	}
	return -EINVAL;
}

static void serve(struct worker *w, uid_t uid, unsigned long limit)
{
	char *memory = anon(LIMIT * PAGE);
	struct request r;
	int fds[2];

	if (!memory || worker_become(uid, limit) ||
	    files_receive(w->sock, fds, 2))
		_exit(1);
	while (read(w->sock, &r, sizeof(r)) == sizeof(r))
		if (!worker_answer(w, perform(fds[0], fds[1], memory, &r)))
			break;
	_exit(0);
}

static int worker_start(struct worker *w, uid_t uid, unsigned long limit)
{
	int rc = worker_fork(w);

	if (!rc)
		serve(w, uid, limit);
	return rc < 0 ? rc : 0;
}

static int ask(struct worker *w, enum operation op, __u32 ioas_id,
	       unsigned long page, unsigned long pages)
{
	struct request r = {
		.op = op, .ioas_id = ioas_id, .page = page, .pages = pages,
	};

	return worker_ask(w, &r, sizeof(r));
}

/*
 * One context, opened by root, with two IOAS that have a mock device each, and
 * two workers that have it: of two users, or of one.
 */
FIXTURE(change)
{
	int fd;
	int file;
	__u32 a;
	__u32 b;
	struct mock_dev dev[2];
	struct worker old;
	struct worker new;
	long pinned;
};

FIXTURE_VARIANT(change)
{
	bool process_mode;
	uid_t new_user;
};

FIXTURE_VARIANT_ADD(change, to_another_user)
{
	.new_user = BOB,
};

FIXTURE_VARIANT_ADD(change, to_the_same_user)
{
	.new_user = ALICE,
};

FIXTURE_VARIANT_ADD(change, to_another_process)
{
	.process_mode = true,
	.new_user = ALICE,
};

static int worker_new(struct _test_data_change *self, struct worker *w,
		      uid_t uid, unsigned long limit)
{
	int fds[] = { self->fd, self->file };

	worker_stop(w);
	return worker_start(w, uid, limit) ?: files_send(w->sock, fds, 2);
}

FIXTURE_SETUP(change)
{
	ASSERT_EQ(0, mock_load());
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0,
				      variant->process_mode));
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 8 * LIMIT * PAGE));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->a));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->b));
	ASSERT_EQ(0, mock_attach(self->fd, self->a, &self->dev[0]));
	ASSERT_EQ(0, mock_attach(self->fd, self->b, &self->dev[1]));
	ASSERT_EQ(0, worker_new(self, &self->old, ALICE, LIMIT));
	ASSERT_EQ(0, worker_new(self, &self->new, variant->new_user, LIMIT));
}

FIXTURE_TEARDOWN(change)
{
	worker_stop(&self->old);
	worker_stop(&self->new);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Do the two processes count together? */
static bool together(const struct _fixture_variant_change *variant)
{
	return !variant->process_mode && variant->new_user == ALICE;
}

/* Can a worker pin this number of pages, and not one more? */
static bool free_is(struct _test_data_change *self, struct worker *w,
		    unsigned long pages)
{
	unsigned long page = 4 * LIMIT;
	bool yes;

	if (pages && ask(w, MAP_A_FILE, self->a, page, pages))
		return false;
	yes = ask(w, MAP_A_FILE, self->a, page + pages, 1) == -ENOMEM;
	if (pages && ask(w, UNMAP, self->a, page, pages))
		return false;
	return yes;
}

static int change(struct worker *w)
{
	return ask(w, CHANGE, 0, 0, 0);
}

TEST_F(change, moves_the_charge)
{
	struct worker *old = &self->old, *new = &self->new;
	int i;

	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->b, 0, LIMIT / 2));
	EXPECT_TRUE(free_is(self, old, 0));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, change(new));
		EXPECT_TRUE(free_is(self, new, 0));
		EXPECT_TRUE(free_is(self, old, together(variant) ? 0 : LIMIT));
		EXPECT_EQ(0, vm_pin(old));
		EXPECT_EQ(LIMIT, vm_pin(new));
		EXPECT_EQ(LIMIT, PINNED());
		/* A second time nothing changes */
		ASSERT_EQ(0, change(new));
		EXPECT_TRUE(free_is(self, new, 0));
		EXPECT_EQ(LIMIT, vm_pin(new));
		/* Change back to the old one */
		ASSERT_EQ(0, change(old));
		EXPECT_TRUE(free_is(self, old, 0));
		EXPECT_TRUE(free_is(self, new, together(variant) ? 0 : LIMIT));
		EXPECT_EQ(LIMIT, vm_pin(old));
		EXPECT_EQ(0, vm_pin(new));
	}
	ASSERT_EQ(0, change(new));
	/* Unmapped pages are uncharged from the new one, whoever unmaps them */
	ASSERT_EQ(0, ask(old, UNMAP, self->a, 0, LIMIT / 2));
	EXPECT_TRUE(free_is(self, new, LIMIT / 2));
	ASSERT_EQ(0, ask(new, UNMAP, self->b, 0, LIMIT / 2));
	EXPECT_TRUE(free_is(self, new, LIMIT));
	EXPECT_TRUE(free_is(self, old, LIMIT));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
}

TEST_F(change, over_the_limit_changes_nothing)
{
	struct worker *old = &self->old, *new = &self->new;
	bool fails = !together(variant);

	/* The new one could be charged for either IOAS, but not for both */
	ASSERT_EQ(0, worker_new(self, new, variant->new_user, LIMIT - 1));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->b, 0, LIMIT / 2));
	/* Pages that count for a user already are not charged once more */
	EXPECT_EQ(fails ? -ENOMEM : 0, change(new));
	EXPECT_EQ(fails ? LIMIT : 0, vm_pin(old));
	EXPECT_EQ(fails ? 0 : LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(self, old, 0));
	EXPECT_TRUE(free_is(self, new, fails ? LIMIT - 1 : 0));
	EXPECT_EQ(LIMIT, PINNED());
	/* One page less is fine */
	ASSERT_EQ(0, ask(old, UNMAP, self->b, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->b, 0, LIMIT / 2 - 1));
	EXPECT_EQ(0, change(new));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(LIMIT - 1, vm_pin(new));
	EXPECT_TRUE(free_is(self, new, 0));
}

TEST_F(change, with_memory_of_a_process_changes_nothing)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, 4));
	ASSERT_EQ(0, ask(old, MAP_MEMORY, self->b, 0, 4));
	EXPECT_EQ(-EINVAL, change(new));
	EXPECT_EQ(-EINVAL, change(old));
	EXPECT_EQ(8, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
	EXPECT_TRUE(free_is(self, old, LIMIT - 8));
	ASSERT_EQ(0, ask(new, UNMAP, self->b, FAR / PAGE, 4));
	EXPECT_EQ(0, change(new));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(4, vm_pin(new));
}

/* Nobody is charged for a dma-buf: it stays mapped, as QEMU needs it to. */
TEST_F(change, with_a_dma_buf)
{
	struct worker *old = &self->old, *new = &self->new;
	int buf = mock_dma_buf(self->fd, 4 * PAGE, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, 4));
	ASSERT_EQ(0, ioas_map_file(self->fd, self->b, buf, 0, 4 * PAGE,
				   AT + FAR));
	ASSERT_EQ(0, change(new));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(4, vm_pin(new));
	EXPECT_TRUE(free_is(self, new, LIMIT - 4));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev[1].hwpt_id, buf, 0,
				     4 * PAGE, AT + FAR, 1));
	/* It is not in the way of what is */
	ASSERT_EQ(0, ask(old, MAP_MEMORY, self->b, 4, 1));
	EXPECT_EQ(-EINVAL, change(old));
	close(buf);
}

TEST_F(change, counts_copies_once)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->a, self->a, 8 * PAGE,
			       AT + 100 * PAGE, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->b, self->a, LIMIT * PAGE, AT,
			       AT));
	ASSERT_EQ(0, change(new));
	EXPECT_TRUE(free_is(self, new, 0));
	EXPECT_EQ(LIMIT, vm_pin(new));
	ASSERT_EQ(0, ask(old, UNMAP, self->a, 0, LIMIT));
	ASSERT_EQ(0, ask(old, UNMAP, self->b, 0, LIMIT));
	EXPECT_EQ(8, vm_pin(new));
	EXPECT_TRUE(free_is(self, new, LIMIT - 8));
}

/* Without pinned pages nothing is charged; later pins charge the new one */
TEST_F(change, before_it_is_pinned)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev[0].id));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT));
	ASSERT_EQ(0, worker_new(self, new, variant->new_user, LIMIT - 1));
	ASSERT_EQ(0, change(new));
	EXPECT_EQ(-ENOMEM, mock_attach(self->fd, self->a, &self->dev[0]));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, change(old));
	EXPECT_EQ(0, mock_attach(self->fd, self->a, &self->dev[0]));
	EXPECT_EQ(LIMIT, vm_pin(old));
}

TEST_F(change, from_a_process_that_is_gone)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT));
	worker_stop(old);
	EXPECT_EQ(LIMIT, PINNED());
	ASSERT_EQ(0, change(new));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(self, new, 0));
	ASSERT_EQ(0, worker_new(self, old, ALICE, LIMIT));
	EXPECT_TRUE(free_is(self, old, together(variant) ? 0 : LIMIT));
	/* Plain memory fails, too, if its process is gone */
	ASSERT_EQ(0, ask(new, UNMAP, self->a, 0, LIMIT));
	ASSERT_EQ(0, ask(old, MAP_MEMORY, self->a, 0, 1));
	worker_stop(old);
	EXPECT_EQ(-EINVAL, change(new));
}

/* A process with CAP_IPC_LOCK is not charged, one without is */
TEST_F(change, to_cap_ipc_lock_and_back)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, worker_new(self, new, ROOT, 0));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->a, 0, LIMIT));
	ASSERT_EQ(0, change(new));
	EXPECT_TRUE(free_is(self, old, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(new));
	ASSERT_EQ(0, ask(new, MAP_A_FILE, self->b, 0, 1));
	EXPECT_EQ(-ENOMEM, change(old));
	EXPECT_EQ(LIMIT + 1, vm_pin(new));
	ASSERT_EQ(0, ask(new, UNMAP, self->b, 0, 1));
	ASSERT_EQ(0, change(old));
	EXPECT_TRUE(free_is(self, old, 0));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
}

TEST_F(change, arguments)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	EXPECT_EQ(0, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg));
	arg.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg));
	arg.size = 7;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg));
}

/* Maps and unmaps at the same time charge the right process */
TEST_F(change, while_others_map)
{
	struct worker *old = &self->old, *new = &self->new;
	unsigned long i;
	pid_t pid;

	pid = fork();
	if (!pid) {
		struct request r = {
			.ioas_id = self->a, .page = 0, .pages = LIMIT / 2,
		};

		for (;;) {
			r.op = MAP_A_FILE;
			if (perform(self->fd, self->file, NULL, &r))
				_exit(1);
			r.op = UNMAP;
			if (perform(self->fd, self->file, NULL, &r))
				_exit(1);
		}
	}
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, change(new));
		ASSERT_EQ(0, change(old));
	}
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ASSERT_LE(0, ioas_empty(self->fd, self->a));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
	EXPECT_TRUE(free_is(self, old, LIMIT));
	EXPECT_TRUE(free_is(self, new, LIMIT));
}

TEST_HARNESS_MAIN

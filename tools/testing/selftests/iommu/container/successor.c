// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program hands a context on to its successor, which gives the mappings its
 * own addresses: it is charged for them from then on.  Workers are processes of
 * users without privilege that are sent the context and the file that is
 * mapped.
 */
#include <linux/vfio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "access.h"
#include "files.h"
#include "vaddr.h"
#include "../account/worker.h"

#define AT	(64 * MiB)
#define LIMIT	16UL		/* pages that a worker may pin, unless told */
#define PAGES	(8 * LIMIT)	/* of the file */

enum operation {
	MAP_DMA,
	MAP_A_FILE,
	UNMAP,
	FORGET_IT,
	UPDATE,
	READ_IT,	/* by an access */
	LOSE_PRIVILEGE,	/* become another user */
	BECOME_CHILD,	/* fork() and exit */
	EXECUTE,	/* execve() the same program */
};

/* Pages of the file, and of IOVA from AT on */
struct request {
	enum operation op;
	__u32 id;	/* of the IOAS */
	unsigned long page;
	unsigned long pages;
};

static int read_page(int fd, const struct request *r)
{
	int access = access_create(fd, r->id, 0), rc;
	char buf[PAGE];

	if (access < 0)
		return access;
	rc = access_rw(fd, access, AT + r->page * PAGE, PAGE, buf, 0);
	close(access);
	return rc ?: buf[0] == (char)(r->page + 1) ? 0 : -EILSEQ;
}

static int execute(int sock, int fd, int file)
{
	char args[3][16];

	snprintf(args[0], sizeof(args[0]), "%d", dup(sock));
	snprintf(args[1], sizeof(args[1]), "%d", dup(fd));
	snprintf(args[2], sizeof(args[2]), "%d", dup(file));
	execl("/proc/self/exe", "successor", args[0], args[1], args[2], NULL);
	return -errno;
}

static int become_child(void)
{
	pid_t pid = fork();

	if (pid > 0)
		_exit(0);
	return pid ? -errno : getpid();
}

static int perform(int fd, int file, char *memory, const struct request *r)
{
	const __u64 iova = AT + r->page * PAGE, size = r->pages * PAGE;
	long long n;

	memory += r->page * PAGE;
	switch (r->op) {
	case MAP_DMA:
		return map(fd, memory, iova, size);
	case MAP_A_FILE:
		return ioas_map_file(fd, r->id, file, r->page * PAGE, size,
				     iova);
	case UPDATE:
		return update(fd, memory, iova, size);
	case READ_IT:
		return read_page(fd, r);
	case LOSE_PRIVILEGE:
		return setresuid(ALICE, ALICE, ALICE) ? -errno : 0;
	case UNMAP:
	case FORGET_IT:
		n = dma_unmap(fd, r->op == UNMAP ? 0 : FORGET, iova, size);
		return n == (long long)size ? 0 : n < 0 ? n : -EIO;
	default:
		return -EINVAL;
	}
}

static void serve(int sock, int fd, int file)
{
	struct worker w = { .sock = sock };
	struct request r;
	char *memory;
	int rc;

	/* Each process has it at another place */
	if (!anon((getpid() % 61 + 1) * PAGE))
		_exit(1);
	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      file, 0);
	if (memory == MAP_FAILED)
		_exit(1);
	while (read(sock, &r, sizeof(r)) == sizeof(r)) {
		if (r.op == EXECUTE)
			rc = execute(sock, fd, file);
		else if (r.op == BECOME_CHILD)
			rc = become_child();
		else
			rc = perform(fd, file, memory, &r);
		if (!worker_answer(&w, rc))
			break;
	}
	_exit(0);
}

/* What execute() runs, in place of the tests */
__attribute__((constructor)) static void main_of_successor(int argc,
							   char **argv)
{
	struct worker w;

	if (argc != 4 || strcmp(argv[0], "successor"))
		return;
	w.sock = atoi(argv[1]);
	if (worker_answer(&w, 0))
		serve(w.sock, atoi(argv[2]), atoi(argv[3]));
	_exit(1);
}

static int worker_start(struct worker *w, uid_t uid, unsigned long limit)
{
	int rc = worker_fork(w), fds[2];

	if (rc)
		return rc < 0 ? rc : 0;
	if (worker_become(uid, limit) || files_receive(w->sock, fds, 2))
		_exit(1);
	serve(w->sock, fds[0], fds[1]);
	return 0;
}

static int ask(struct worker *w, enum operation op, __u32 id,
	       unsigned long page, unsigned long pages)
{
	struct request r = {
		.op = op, .id = id, .page = page, .pages = pages,
	};

	return worker_ask(w, &r, sizeof(r));
}

/* A context with a compatibility IOAS and a device, and another IOAS */
FIXTURE(successor)
{
	int fd;
	int file;
	__u32 id;
	__u32 other;
	struct mock_dev dev;
	struct worker old;
	struct worker new;
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(successor)
{
	bool process_mode;
	uid_t new_user;
};

FIXTURE_VARIANT_ADD(successor, of_another_user)
{
	.new_user = BOB,
};

FIXTURE_VARIANT_ADD(successor, of_the_same_user)
{
	.new_user = ALICE,
};

FIXTURE_VARIANT_ADD(successor, charged_by_process)
{
	.process_mode = true,
	.new_user = ALICE,
};

static int worker_new(struct _test_data_successor *self, struct worker *w,
		      uid_t uid, unsigned long limit)
{
	int fds[] = { self->fd, self->file };

	worker_stop(w);
	return worker_start(w, uid, limit) ?: files_send(w->sock, fds, 2);
}

FIXTURE_SETUP(successor)
{
	unsigned long i;

	ASSERT_EQ(0, mock_load());
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0,
				      variant->process_mode));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->id));
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, PAGES * PAGE));
	self->memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			    MAP_SHARED, self->file, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	for (i = 0; i < PAGES; i++)
		self->memory[i * PAGE] = i + 1;
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	ASSERT_EQ(0, set_ioas(self->fd, self->id));
	ASSERT_EQ(0, mock_attach(self->fd, self->id, &self->dev));
	ASSERT_EQ(0, worker_new(self, &self->old, ALICE, LIMIT));
	ASSERT_EQ(0, worker_new(self, &self->new, variant->new_user, LIMIT));
}

FIXTURE_TEARDOWN(successor)
{
	worker_stop(&self->old);
	worker_stop(&self->new);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Do the two processes count together? */
static bool together(const struct _fixture_variant_successor *variant)
{
	return !variant->process_mode && variant->new_user == ALICE;
}

/* Can a worker pin this number of pages, and not one more? */
static bool free_is(struct worker *w, unsigned long pages)
{
	unsigned long page = 4 * LIMIT;
	bool yes;

	if (pages && ask(w, MAP_DMA, 0, page, pages))
		return false;
	yes = ask(w, MAP_DMA, 0, page + pages, 1) == -ENOMEM;
	if (pages && ask(w, UNMAP, 0, page, pages))
		return false;
	return yes;
}

static bool reached(struct _test_data_successor *self, unsigned long page,
		    unsigned long pages)
{
	return !mock_check_map(self->fd, self->dev.hwpt_id,
			       self->memory + page * PAGE, pages * PAGE,
			       AT + page * PAGE);
}

TEST_F(successor, is_charged)
{
	struct worker *old = &self->old, *new = &self->new;
	int i;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, LIMIT / 2, LIMIT / 2));
	for (i = 0; i < 3; i++) {
		/* Whoever makes them invalid, the old one is still charged */
		ASSERT_EQ(0, ask(i % 2 ? new : old, FORGET_IT, 0, 0, LIMIT));
		EXPECT_TRUE(free_is(old, 0));
		EXPECT_EQ(LIMIT, vm_pin(old));
		EXPECT_EQ(0, vm_pin(new));
		/* Each mapping moves when it is given its address */
		ASSERT_EQ(0, ask(new, UPDATE, 0, LIMIT / 2, LIMIT / 2));
		EXPECT_EQ(LIMIT / 2, vm_pin(old));
		EXPECT_EQ(LIMIT / 2, vm_pin(new));
		EXPECT_TRUE(free_is(new, together(variant) ? 0 :
							LIMIT / 2));
		EXPECT_TRUE(free_is(old, together(variant) ? 0 :
							LIMIT / 2));
		ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT / 2));
		EXPECT_TRUE(free_is(new, 0));
		EXPECT_TRUE(free_is(old, together(variant) ? 0 : LIMIT));
		EXPECT_EQ(0, vm_pin(old));
		EXPECT_EQ(LIMIT, vm_pin(new));
		EXPECT_EQ(LIMIT, PINNED());
		EXPECT_TRUE(reached(self, 0, LIMIT));
		/* And back */
		ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
		ASSERT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT / 2));
		ASSERT_EQ(0, ask(old, UPDATE, 0, LIMIT / 2, LIMIT / 2));
		EXPECT_EQ(LIMIT, vm_pin(old));
		EXPECT_EQ(0, vm_pin(new));
	}
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, UNMAP, 0, 0, LIMIT));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
	EXPECT_TRUE(free_is(new, LIMIT));
	EXPECT_TRUE(free_is(old, LIMIT));
}

TEST_F(successor, over_the_limit)
{
	struct worker *old = &self->old, *new = &self->new;
	const int rc = together(variant) ? 0 : -ENOMEM;

	ASSERT_EQ(0, worker_new(self, new, variant->new_user, LIMIT - 1));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(rc, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(rc ? LIMIT : 0, vm_pin(old));
	EXPECT_EQ(rc ? 0 : LIMIT, vm_pin(new));
	EXPECT_TRUE(reached(self, 0, LIMIT));
	/* It is still invalid, and another may be able to */
	EXPECT_EQ(rc ? -EINVAL : 0, ask(old, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
}

/* A process with CAP_IPC_LOCK is not charged, one without is */
TEST_F(successor, with_cap_ipc_lock)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, worker_new(self, new, ROOT, 0));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_TRUE(free_is(old, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(new));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, LIMIT, 1));
	ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(-ENOMEM, ask(old, UPDATE, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, UNMAP, 0, LIMIT, 1));
	EXPECT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT));
	EXPECT_TRUE(free_is(old, 0));
}

/* A process that is charged already is not charged anew */
TEST_F(successor, has_lost_cap_ipc_lock)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, worker_new(self, new, ROOT, 0));
	ASSERT_EQ(0, ask(new, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(new, LOSE_PRIVILEGE, 0, 0, 0));
	EXPECT_EQ(-ENOMEM, ask(new, MAP_DMA, 0, LIMIT, 1));
	EXPECT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(old, LIMIT));
	/* Of two changes, the second charges it, as any other process */
	ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT));
	EXPECT_TRUE(free_is(old, 0));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(variant->process_mode ? -ENOMEM : 0,
		  ask(new, UPDATE, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, UNMAP, 0, 0, LIMIT));
	EXPECT_TRUE(free_is(old, LIMIT));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
}

/* The old process is killed in the gap: DMA goes on, the new one takes over */
TEST_F(successor, of_a_process_that_is_killed)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	worker_stop(old);
	EXPECT_EQ(LIMIT, PINNED());
	EXPECT_TRUE(reached(self, 0, LIMIT));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(new, 0));
	ASSERT_EQ(0, worker_new(self, old, ALICE, LIMIT));
	EXPECT_TRUE(free_is(old, together(variant) ? 0 : LIMIT));
	EXPECT_TRUE(reached(self, 0, LIMIT));
	/* Nobody takes over: any process can unmap, and nothing is charged */
	ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
	worker_stop(new);
	ASSERT_EQ(0, ask(old, UNMAP, 0, 0, LIMIT));
	EXPECT_EQ(0, PINNED());
	EXPECT_TRUE(free_is(old, LIMIT));
}

/* The child of a process that exits in the gap */
TEST_F(successor, is_a_child)
{
	struct worker *old = &self->old;
	pid_t pid;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	pid = ask(old, BECOME_CHILD, 0, 0, 0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(old->pid, waitpid(old->pid, NULL, 0));
	old->pid = pid;
	EXPECT_EQ(0, vm_pin(old));
	ASSERT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_TRUE(free_is(old, 0));
	EXPECT_TRUE(reached(self, 0, LIMIT));
	ASSERT_EQ(0, ask(old, UNMAP, 0, 0, LIMIT));
	EXPECT_TRUE(free_is(old, LIMIT));
}

/* The same process after execve(), as QEMU's cpr-exec does */
TEST_F(successor, is_another_program)
{
	struct worker *old = &self->old;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, EXECUTE, 0, 0, 0));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_TRUE(reached(self, 0, LIMIT));
	EXPECT_TRUE(free_is(old, variant->process_mode ? LIMIT : 0));
	ASSERT_EQ(0, ask(old, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_TRUE(free_is(old, 0));
	/* Its address is in use, once nothing is pinned */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ask(old, READ_IT, self->id, LIMIT - 1, 1));
}

/* Memory that is pinned later is the new process' own, and charged to it */
TEST_F(successor, pins_later)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, worker_new(self, new, variant->new_user, LIMIT - 1));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(-EBUSY, ask(old, READ_IT, self->id, 1, 1));
	EXPECT_EQ(-EBUSY, ask(new, READ_IT, self->id, 1, 1));
	worker_stop(old);
	EXPECT_EQ(-EBUSY, ask(new, READ_IT, self->id, 1, 1));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(0, ask(new, READ_IT, self->id, 1, 1));
	EXPECT_EQ(-ENOMEM, mock_attach(self->fd, self->id, &self->dev));
	EXPECT_EQ(0, vm_pin(new));
	ASSERT_EQ(0, ask(new, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, worker_new(self, new, variant->new_user, LIMIT));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(0, mock_attach(self->fd, self->id, &self->dev));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(reached(self, 0, LIMIT));
}

/* Memory that is shared with copies stays with its process */
TEST_F(successor, not_with_copies)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->other, self->id, LIMIT * PAGE,
			       AT, AT));
	EXPECT_EQ(-EBUSY, ask(old, FORGET_IT, 0, 0, LIMIT));
	EXPECT_EQ(-EINVAL, ask(new, UPDATE, 0, 0, LIMIT));
	EXPECT_EQ(LIMIT, vm_pin(old));
	EXPECT_EQ(0, vm_pin(new));
	EXPECT_TRUE(free_is(old, 0));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other, AT, LIMIT * PAGE));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT));

	/* A copy that is made then is charged once, to the new process */
	ASSERT_EQ(0, ioas_copy(self->fd, self->id, self->id, 4 * PAGE,
			       AT + 100 * PAGE, AT));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(new, 0));
	ASSERT_EQ(0, ask(old, UNMAP, 0, 0, LIMIT));
	EXPECT_EQ(4, vm_pin(new));
	EXPECT_TRUE(free_is(new, LIMIT - 4));
}

/* Of the memory of a new process, nothing is reached that it has not given */
TEST_F(successor, gives_only_what_it_names)
{
	struct worker *old = &self->old, *new = &self->new;
	const int fd = self->fd;

	/* A worker reads its own memory by its address, another one pins it */
	ASSERT_EQ(0, iommu_destroy(fd, self->dev.id));
	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ioas_copy(fd, self->other, self->id, PAGE, AT, AT));
	ASSERT_EQ(0, set_ioas(fd, self->other));
	EXPECT_EQ(-EBUSY, ask(new, UPDATE, 0, 0, 1));
	EXPECT_EQ(-EBUSY, ask(old, READ_IT, self->id, 1, 1));
	EXPECT_EQ(-EBUSY, ask(new, READ_IT, self->id, 1, 1));
	EXPECT_EQ(-EBUSY, ask(old, READ_IT, self->other, 0, 1));
	EXPECT_EQ(0, vm_pin(new));
	/* Once the rest is unmapped, it can be given */
	ASSERT_EQ(0, ioas_unmap(fd, self->id, AT, LIMIT * PAGE));
	EXPECT_EQ(0, ask(new, UPDATE, 0, 0, 1));
	EXPECT_EQ(0, ask(old, READ_IT, self->other, 0, 1));
	EXPECT_EQ(-ENOENT, ask(old, READ_IT, self->other, 1, 1));
}

/* With a mapping of a file, the charge moves in the same way */
TEST_F(successor, with_a_mapping_of_a_file)
{
	struct worker *old = &self->old, *new = &self->new;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT / 2));
	ASSERT_EQ(0, ask(old, MAP_A_FILE, self->id, LIMIT / 2, LIMIT / 2));
	ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
	ASSERT_EQ(0, ask(new, UPDATE, 0, LIMIT / 2, LIMIT / 2));
	EXPECT_EQ(LIMIT / 2, vm_pin(old));
	EXPECT_EQ(LIMIT / 2, vm_pin(new));
	ASSERT_EQ(0, ask(new, UPDATE, 0, 0, LIMIT / 2));
	EXPECT_EQ(0, vm_pin(old));
	EXPECT_EQ(LIMIT, vm_pin(new));
	EXPECT_TRUE(free_is(new, 0));
	EXPECT_TRUE(free_is(old, together(variant) ? 0 : LIMIT));
	EXPECT_TRUE(reached(self, 0, LIMIT));
}

/* Two processes give addresses at once: one is given, and charged once */
TEST_F(successor, two_at_once)
{
	struct worker *old = &self->old, *new = &self->new;
	struct request r = { .op = UPDATE, .pages = LIMIT };
	int a, b, i;

	ASSERT_EQ(0, ask(old, MAP_DMA, 0, 0, LIMIT));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, ask(old, FORGET_IT, 0, 0, LIMIT));
		ASSERT_EQ(sizeof(r), write(old->sock, &r, sizeof(r)));
		ASSERT_EQ(sizeof(r), write(new->sock, &r, sizeof(r)));
		ASSERT_EQ(sizeof(a), read(old->sock, &a, sizeof(a)));
		ASSERT_EQ(sizeof(b), read(new->sock, &b, sizeof(b)));
		ASSERT_EQ(-EINVAL, a + b);
		ASSERT_EQ(a ? 0 : LIMIT, vm_pin(old));
		ASSERT_EQ(b ? 0 : LIMIT, vm_pin(new));
	}
	EXPECT_EQ(LIMIT, PINNED());
}

TEST_HARNESS_MAIN

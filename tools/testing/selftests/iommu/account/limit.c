// SPDX-License-Identifier: GPL-2.0-only
/*
 * RLIMIT_MEMLOCK: pinned memory counts against the limit of the user, or, as
 * an option, of the process.  Workers are processes of users without
 * privilege, each with a context and a device that root has opened for them.
 */
#include "worker.h"

#define AT	(256 * HUGE)
#define LIMIT	16UL		/* pages that a worker may pin */
#define HOLE	40UL		/* page of a worker's memory that is missing */

enum operation { MAP, UNMAP, COPY, ATTACH, DETACH };

/* Pages of the worker's memory, and of the IOAS from AT on */
struct request {
	enum operation op;
	unsigned long page;
	unsigned long pages;
	unsigned long to;
};

struct context {
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
};

static int context_open(struct context *c, const char *bdf, bool process_mode)
{
	int rc;

	c->dev = -1;
	c->fd = iommu_open();
	if (c->fd < 0)
		return c->fd;
	if (process_mode) {
		rc = iommu_option_set(c->fd, IOMMU_OPTION_RLIMIT_MODE, 0, 1);
		if (rc)
			return rc;
	}
	rc = ioas_alloc(c->fd, &c->ioas_id);
	if (rc)
		return rc;
	c->dev = vfio_open_bound(bdf, c->fd, &c->dev_id);
	if (c->dev < 0)
		return c->dev;
	return vfio_attach(c->dev, c->ioas_id, NULL);
}

static int perform(const struct context *c, char *memory,
		   const struct request *r)
{
	switch (r->op) {
	case MAP:
		return ioas_map(c->fd, c->ioas_id, memory + r->page * PAGE,
				r->pages * PAGE, AT + r->page * PAGE);
	case UNMAP:
		return ioas_unmap(c->fd, c->ioas_id, AT + r->page * PAGE,
				  r->pages * PAGE);
	case COPY:
		return ioas_copy(c->fd, c->ioas_id, c->ioas_id,
				 r->pages * PAGE, AT + r->to * PAGE,
				 AT + r->page * PAGE);
	case ATTACH:
		return vfio_attach(c->dev, c->ioas_id, NULL);
	case DETACH:
		return vfio_detach(c->dev);
	}
	return -EINVAL;
}

static void serve(struct worker *w, const struct context *c, uid_t uid,
		  unsigned long limit)
{
	char *memory = anon(2 * HOLE * PAGE);
	struct request r;

	if (!memory || munmap(memory + HOLE * PAGE, PAGE) ||
	    worker_become(uid, limit))
		_exit(1);
	while (read(w->sock, &r, sizeof(r)) == sizeof(r))
		if (!worker_answer(w, perform(c, memory, &r)))
			break;
	_exit(0);
}

static int worker_start(struct worker *w, const struct context *c, uid_t uid,
			unsigned long limit)
{
	int rc = worker_fork(w);

	if (!rc)
		serve(w, c, uid, limit);
	return rc < 0 ? rc : 0;
}

static int worker_do(struct worker *w, enum operation op, unsigned long page,
		     unsigned long pages, unsigned long to)
{
	struct request r = {
		.op = op, .page = page, .pages = pages, .to = to,
	};

	return worker_ask(w, &r, sizeof(r));
}

static int map(struct worker *w, unsigned long page, unsigned long pages)
{
	return worker_do(w, MAP, page, pages, 0);
}

static int unmap(struct worker *w, unsigned long page, unsigned long pages)
{
	return worker_do(w, UNMAP, page, pages, 0);
}

FIXTURE(limit)
{
	struct context context[2];
	struct worker worker[2];
	long pinned;
};

FIXTURE_VARIANT(limit)
{
	bool process_mode;
};

FIXTURE_VARIANT_ADD(limit, user)
{
};

FIXTURE_VARIANT_ADD(limit, process)
{
	.process_mode = true,
};

FIXTURE_SETUP(limit)
{
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	ASSERT_EQ(0, context_open(&self->context[0], EDU,
				  variant->process_mode));
	ASSERT_EQ(0, context_open(&self->context[1], PAIR_0,
				  variant->process_mode));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, worker_start(&self->worker[0], &self->context[0], ALICE,
				  LIMIT));
}

FIXTURE_TEARDOWN(limit)
{
	int i;

	for (i = 0; i < 2; i++) {
		worker_stop(&self->worker[i]);
		close(self->context[i].dev);
		close(self->context[i].fd);
	}
	EXPECT_EQ(self->pinned, pinned());
}

/* Nothing counts for the worker: it can pin its limit, and no more */
static bool all_free(struct worker *w)
{
	return map(w, 0, LIMIT + 1) == -ENOMEM && !map(w, 0, LIMIT) &&
	       map(w, LIMIT, 1) == -ENOMEM && !unmap(w, 0, LIMIT);
}

TEST_F(limit, is_exact)
{
	struct worker *w = &self->worker[0];
	unsigned long i;

	EXPECT_EQ(-ENOMEM, map(w, 0, LIMIT + 1));
	EXPECT_EQ(0, PINNED());
	for (i = 0; i < LIMIT; i++)
		EXPECT_EQ(0, map(w, i, 1));
	EXPECT_EQ(-ENOMEM, map(w, LIMIT, 1));
	EXPECT_EQ(LIMIT, PINNED());
	/* Each page that is unmapped can be pinned elsewhere */
	for (i = 0; i < LIMIT; i++) {
		EXPECT_EQ(0, unmap(w, i, 1));
		EXPECT_EQ(0, map(w, LIMIT + i, 1));
		EXPECT_EQ(-ENOMEM, map(w, i, 1));
	}
	EXPECT_EQ(0, unmap(w, LIMIT, LIMIT));
	EXPECT_TRUE(all_free(w));
}

TEST_F(limit, of_zero)
{
	struct worker *w = &self->worker[0];

	worker_stop(w);
	ASSERT_EQ(0, worker_start(w, &self->context[0], ALICE, 0));
	EXPECT_EQ(-ENOMEM, map(w, 0, 1));
	EXPECT_EQ(0, PINNED());
}

TEST_F(limit, does_not_hold_for_cap_ipc_lock)
{
	struct worker *w = &self->worker[0];

	worker_stop(w);
	ASSERT_EQ(0, worker_start(w, &self->context[0], ROOT, 1));
	EXPECT_EQ(0, map(w, 0, LIMIT + 1));
	EXPECT_EQ(0, unmap(w, 0, LIMIT + 1));
}

TEST_F(limit, counts_copies_once)
{
	struct worker *w = &self->worker[0];

	ASSERT_EQ(0, map(w, 0, LIMIT));
	EXPECT_EQ(0, worker_do(w, COPY, 0, LIMIT, 100));
	EXPECT_EQ(0, worker_do(w, COPY, 4, 4, 200));
	EXPECT_EQ(LIMIT, PINNED());
	EXPECT_EQ(-ENOMEM, map(w, LIMIT, 1));
	ASSERT_EQ(0, unmap(w, 0, LIMIT));
	EXPECT_EQ(-ENOMEM, map(w, LIMIT, 1));
	/* Only the pages that a copy of a part keeps pinned count */
	ASSERT_EQ(0, unmap(w, 100, LIMIT));
	EXPECT_EQ(4, PINNED());
	EXPECT_EQ(-ENOMEM, map(w, 0, LIMIT - 3));
	EXPECT_EQ(0, map(w, 0, LIMIT - 4));
	EXPECT_EQ(0, unmap(w, 0, LIMIT - 4));
	ASSERT_EQ(0, unmap(w, 200, 4));
	EXPECT_TRUE(all_free(w));
}

TEST_F(limit, does_not_count_what_failed)
{
	struct worker *w = &self->worker[0];
	int i;

	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EFAULT, map(w, HOLE - 8, LIMIT));
	EXPECT_EQ(0, PINNED());
	EXPECT_TRUE(all_free(w));
	ASSERT_EQ(0, map(w, 0, 1));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-EEXIST, map(w, 0, 2));
	ASSERT_EQ(0, unmap(w, 0, 1));
	EXPECT_TRUE(all_free(w));
}

TEST_F(limit, counts_from_attach_to_detach)
{
	struct worker *w = &self->worker[0];
	int i;

	ASSERT_EQ(0, worker_do(w, DETACH, 0, 0, 0));
	EXPECT_EQ(0, map(w, 0, LIMIT));
	EXPECT_EQ(0, map(w, LIMIT, 1));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(-ENOMEM, worker_do(w, ATTACH, 0, 0, 0));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, unmap(w, LIMIT, 1));
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, worker_do(w, ATTACH, 0, 0, 0));
		EXPECT_EQ(LIMIT, PINNED());
		EXPECT_EQ(-ENOMEM, map(w, LIMIT, 1));
		EXPECT_EQ(0, worker_do(w, DETACH, 0, 0, 0));
	}
	ASSERT_EQ(0, unmap(w, 0, LIMIT));
	EXPECT_EQ(0, worker_do(w, ATTACH, 0, 0, 0));
	EXPECT_TRUE(all_free(w));
}

TEST_F(limit, of_two_processes_of_a_user)
{
	struct worker *a = &self->worker[0], *b = &self->worker[1];
	int rc = variant->process_mode ? 0 : -ENOMEM;

	ASSERT_EQ(0, worker_start(b, &self->context[1], ALICE, LIMIT));
	/* Half of the limit each is fine in both modes */
	ASSERT_EQ(0, map(a, 0, LIMIT / 2));
	ASSERT_EQ(0, map(b, 0, LIMIT / 2));
	/* The limit each is fine only if processes count by themselves */
	EXPECT_EQ(rc, map(a, LIMIT / 2, LIMIT / 2));
	EXPECT_EQ(rc, map(b, LIMIT / 2, LIMIT / 2));
	EXPECT_EQ(rc ? LIMIT : 2 * LIMIT, PINNED());
	EXPECT_EQ(-ENOMEM, map(a, LIMIT, 1));
	EXPECT_EQ(-ENOMEM, map(b, LIMIT, 1));
	/* Pages that one unmaps the other can pin, if they count together */
	ASSERT_EQ(0, unmap(a, 0, LIMIT / 2));
	EXPECT_EQ(rc ? 0 : -ENOMEM, map(b, LIMIT, LIMIT / 2));
	EXPECT_EQ(-ENOMEM, map(b, LIMIT + LIMIT / 2, 1));
}

TEST_F(limit, of_two_users)
{
	struct worker *a = &self->worker[0], *b = &self->worker[1];

	ASSERT_EQ(0, worker_start(b, &self->context[1], BOB, LIMIT));
	ASSERT_EQ(0, map(a, 0, LIMIT));
	ASSERT_EQ(0, map(b, 0, LIMIT));
	EXPECT_EQ(-ENOMEM, map(a, LIMIT, 1));
	EXPECT_EQ(-ENOMEM, map(b, LIMIT, 1));
	EXPECT_EQ(2 * LIMIT, PINNED());
}

TEST_F(limit, of_two_processes_in_one_context)
{
	struct worker *a = &self->worker[0], *b = &self->worker[1];
	int rc = variant->process_mode ? 0 : -ENOMEM;

	ASSERT_EQ(0, worker_start(b, &self->context[0], ALICE, LIMIT));
	ASSERT_EQ(0, map(a, 0, LIMIT));
	EXPECT_EQ(rc, map(b, LIMIT, LIMIT));
	EXPECT_EQ(-ENOMEM, map(b, 2 * LIMIT, 1));
	/* Pages count for the process that mapped them, whoever unmaps them */
	ASSERT_EQ(0, unmap(b, 0, LIMIT));
	EXPECT_EQ(0, map(a, 0, LIMIT));
	EXPECT_EQ(-ENOMEM, map(a, 2 * LIMIT, 1));
}

/* The pages of a dead process stay pinned, and count for its user */
TEST_F(limit, of_a_process_that_died)
{
	struct context *c = &self->context[0];
	struct worker *w = &self->worker[0];

	ASSERT_EQ(0, map(w, 0, LIMIT));
	worker_stop(w);
	EXPECT_EQ(LIMIT, PINNED());
	ASSERT_EQ(0, worker_start(w, c, ALICE, LIMIT));
	EXPECT_EQ(variant->process_mode ? 0 : -ENOMEM, map(w, LIMIT, 1));
	EXPECT_EQ(0, ioas_unmap(c->fd, c->ioas_id, AT, LIMIT * PAGE));
	ASSERT_LE(0, ioas_empty(c->fd, c->ioas_id));
	EXPECT_EQ(0, PINNED());
	EXPECT_TRUE(all_free(w));
}

TEST_F(limit, of_a_context_that_was_closed)
{
	struct context *c = &self->context[0];
	struct worker *w = &self->worker[0];

	ASSERT_EQ(0, map(w, 0, LIMIT));
	worker_stop(w);
	close(c->dev);
	close(c->fd);
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, context_open(c, EDU, variant->process_mode));
	ASSERT_EQ(0, worker_start(w, c, ALICE, LIMIT));
	EXPECT_TRUE(all_free(w));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads that map, unmap and copy while another attaches and detaches devices.
 * First each has IOVA of its own, so that every call has one right answer
 * whatever the others do; then they work on the same IOVA, and on the same IDs.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "common.h"

#define THREADS		2
#define SLOTS		32
#define SLOT_PAGES	32UL
#define WINDOW		(256 * HUGE)	/* of IOVA, one a thread */
#define LEAST_CALLS	patient_rounds(1000)	/* of each thread */
#define SECONDS		(in_debug_kernel() ? 30 : 10)	/* that a test goes on */
#define PATIENCE	300	/* seconds, on a busy machine */

struct thread {
	pthread_t id;
	int fd;
	__u32 ioas_id;		/* to map into */
	__u32 copy_id;		/* to copy to */
	unsigned int number;
	char *memory;
	bool mapped[2 * SLOTS];
	const atomic_bool *stop;
	unsigned long calls;
	const char *what;	/* the call that failed, and its errno */
	long long rc;
};

/* A sequence that is the same in every run */
static unsigned int next(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

static bool failed(struct thread *t, const char *what, long long rc)
{
	t->calls++;
	if (!rc)
		return false;
	t->what = what;
	t->rc = rc;
	return true;
}

static __u64 slot_iova(const struct thread *t, unsigned int slot)
{
	return WINDOW * (1 + t->number) + slot * SLOT_PAGES * PAGE;
}

/* The length of the mapping in a slot, if there is one */
static __u64 slot_length(unsigned int slot)
{
	return (1 + slot % SLOTS % SLOT_PAGES) * PAGE;
}

static bool unmap_slot(struct thread *t, unsigned int slot)
{
	__u64 length = SLOT_PAGES * PAGE;
	int rc;

	rc = ioas_unmap_len(t->fd, slot < SLOTS ? t->ioas_id : t->copy_id,
			    slot_iova(t, slot), &length);
	if (!t->mapped[slot])
		return failed(t, "unmap of nothing", rc + ENOENT);
	t->mapped[slot] = false;
	return failed(t, "unmap", rc) ||
	       failed(t, "length of unmap", length - slot_length(slot));
}

static bool map_slot(struct thread *t, unsigned int slot)
{
	int rc;

	rc = ioas_map(t->fd, t->ioas_id, t->memory + slot * SLOT_PAGES * PAGE,
		      slot_length(slot), slot_iova(t, slot));
	if (t->mapped[slot])
		return failed(t, "map over a mapping", rc + EEXIST);
	t->mapped[slot] = true;
	return failed(t, "map", rc);
}

/* The second half of the slots are copies of the first */
static bool copy_slot(struct thread *t, unsigned int slot)
{
	int rc;

	rc = ioas_copy(t->fd, t->copy_id, t->ioas_id, slot_length(slot),
		       slot_iova(t, slot + SLOTS), slot_iova(t, slot));
	if (!t->mapped[slot])
		return failed(t, "copy of nothing", rc + ENOENT);
	if (t->mapped[slot + SLOTS])
		return failed(t, "copy over a mapping", rc + EEXIST);
	t->mapped[slot + SLOTS] = true;
	return failed(t, "copy", rc);
}

static void *map_and_unmap(void *arg)
{
	struct thread *t = arg;
	unsigned int state = t->number, slot;

	while (!*t->stop && !t->what) {
		slot = next(&state) % SLOTS;
		switch (next(&state) % 5) {
		case 0:
		case 1:
			map_slot(t, slot);
			break;
		case 2:
			copy_slot(t, slot);
			break;
		case 3:
			unmap_slot(t, slot);
			break;
		case 4:
			unmap_slot(t, slot + SLOTS);
			break;
		}
	}
	for (slot = 0; slot < 2 * SLOTS && !t->what; slot++)
		unmap_slot(t, slot);
	return NULL;
}

FIXTURE(stress)
{
	int fd;
	int dev[2];
	__u32 ioas_id[2];
	atomic_bool stop;
	struct thread threads[THREADS];
	long pinned;
};

FIXTURE_VARIANT(stress)
{
	bool two_ioas;
};

FIXTURE_VARIANT_ADD(stress, one_ioas)
{
};

/* Each thread maps into one IOAS and copies to the other */
FIXTURE_VARIANT_ADD(stress, two_ioas)
{
	.two_ioas = true,
};

FIXTURE_SETUP(stress)
{
	static const char *const bdf[] = { EDU, PAIR_0 };
	__u32 id;
	int i;

	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id[i]));
		self->dev[i] = vfio_open_bound(bdf[i], self->fd, &id);
		ASSERT_LE(0, self->dev[i]);
	}
	if (!variant->two_ioas)
		self->ioas_id[1] = self->ioas_id[0];
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(stress)
{
	close(self->dev[0]);
	close(self->dev[1]);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

static int start(struct thread *t, unsigned int number, int fd,
		 const __u32 *ioas_id, const atomic_bool *stop,
		 void *(*run)(void *thread))
{
	t->fd = fd;
	t->ioas_id = ioas_id[number % 2];
	t->copy_id = ioas_id[1 - number % 2];
	t->number = number;
	t->stop = stop;
	t->memory = anon(SLOTS * SLOT_PAGES * PAGE);
	if (!t->memory)
		return -ENOMEM;
	return -pthread_create(&t->id, NULL, run, t);
}

/*
 * Does a test go on?  It does until its time is over and, as a busy machine may need
 * longer for that, enough was done; or until a thread has failed.
 */
static bool goes_on(const struct thread *threads, time_t end, bool enough)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		if (__atomic_load_n(&threads[i].what, __ATOMIC_RELAXED))
			return false;
		enough &= __atomic_load_n(&threads[i].calls, __ATOMIC_RELAXED) >
			  LEAST_CALLS;
	}
	return !enough || time(NULL) < end;
}

TEST_F_TIMEOUT(stress, map_and_unmap_while_attaching, PATIENCE)
{
	const unsigned long least = patient_rounds(100);
	time_t end = time(NULL) + SECONDS;
	unsigned long rounds = 0;
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, start(&self->threads[i], i, self->fd,
				   self->ioas_id, &self->stop, map_and_unmap));
	}
	while (goes_on(self->threads, end, rounds > least)) {
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, vfio_attach(self->dev[i],
						 self->ioas_id[i], NULL));
		ASSERT_EQ(0, vfio_detach(self->dev[rounds % 2]));
		ASSERT_EQ(0, vfio_detach(self->dev[1 - rounds % 2]));
		rounds++;
	}
	self->stop = true;
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(self->threads[i].id, NULL));
		EXPECT_EQ(0, self->threads[i].rc) {
			TH_LOG("thread %u: %s", i, self->threads[i].what);
		}
		EXPECT_LT(LEAST_CALLS, self->threads[i].calls);
		TH_LOG("thread %u: %lu calls", i, self->threads[i].calls);
	}
	EXPECT_LT(least, rounds);
	TH_LOG("%lu rounds of attach and detach", rounds);
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id[0]));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id[1]));
}

/* One window and few slots for all: every call may find anything there */
static void *collide(void *arg)
{
	struct thread *t = arg;
	unsigned int state = t->number;
	__u64 iova, to;
	int rc = 0;

	while (!*t->stop && !t->what) {
		iova = WINDOW + next(&state) % 64 * PAGE;
		to = WINDOW + next(&state) % 64 * PAGE;
		switch (next(&state) % 3) {
		case 0:
			rc = ioas_map(t->fd, t->ioas_id, t->memory,
				      (1 + next(&state) % 8) * PAGE, iova);
			break;
		case 1:
			rc = ioas_copy(t->fd, t->copy_id, t->ioas_id,
				       (1 + next(&state) % 8) * PAGE, to, iova);
			break;
		case 2:
			rc = ioas_unmap(t->fd, t->ioas_id, iova,
					(1 + next(&state) % 16) * PAGE);
			/* Another thread is at work in the range */
			if (rc == -EBUSY)
				rc = 0;
			break;
		}
		if (rc == -EEXIST || rc == -ENOENT)
			rc = 0;
		failed(t, "a call in a collision", rc);
	}
	return NULL;
}

TEST_F_TIMEOUT(stress, threads_on_the_same_iova, PATIENCE)
{
	time_t end = time(NULL) + SECONDS / 2;
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, start(&self->threads[i], i, self->fd,
				   self->ioas_id, &self->stop, collide));
	}
	while (goes_on(self->threads, end, true)) {
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, vfio_attach(self->dev[i],
						 self->ioas_id[i], NULL));
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, vfio_detach(self->dev[i]));
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vfio_attach(self->dev[i], self->ioas_id[i], NULL));
	self->stop = true;
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(self->threads[i].id, NULL));
		EXPECT_EQ(0, self->threads[i].rc);
		EXPECT_LT(LEAST_CALLS, self->threads[i].calls);
	}
	EXPECT_LE(0, ioas_empty(self->fd, self->ioas_id[0]));
	EXPECT_LE(0, ioas_empty(self->fd, self->ioas_id[1]));
	EXPECT_EQ(0, PINNED());
}

/* IDs of IOAS that come and go, used by all, also by attach */
static void *destroy_and_use(void *arg)
{
	struct thread *t = arg;
	unsigned int state = t->number;
	struct iommu_iova_range range;
	__u64 alignment = 0;
	__u32 id, n;
	int rc = 0;

	while (!*t->stop && !t->what) {
		id = 1 + next(&state) % 12;
		switch (next(&state) % 6) {
		case 0:
			rc = ioas_alloc(t->fd, &id);
			/* No more than a few at a time */
			if (!rc && id > 12)
				rc = iommu_destroy(t->fd, id);
			break;
		case 1:
			rc = iommu_destroy(t->fd, id);
			break;
		case 2:
			rc = ioas_map(t->fd, id, t->memory, 4 * PAGE,
				      WINDOW + next(&state) % 64 * PAGE);
			break;
		case 3:
			rc = ioas_copy(t->fd, id, 1 + next(&state) % 12, PAGE,
				       WINDOW + next(&state) % 64 * PAGE,
				       WINDOW + next(&state) % 64 * PAGE);
			break;
		case 4:
			n = 0;
			rc = ioas_ranges(t->fd, id, &range, &n, &alignment);
			if (rc == -EMSGSIZE)
				rc = 0;
			break;
		case 5:
			rc = ioas_unmap(t->fd, id, 0, ALL);
			break;
		}
		if (rc == -EEXIST || rc == -ENOENT || rc == -EBUSY)
			rc = 0;
		failed(t, "a call on what may be gone", rc);
	}
	return NULL;
}

TEST_F_TIMEOUT(stress, threads_on_the_same_ids, PATIENCE)
{
	const unsigned long least = patient_rounds(10);
	time_t end = time(NULL) + SECONDS / 2;
	unsigned long attached = 0, rounds;
	unsigned int i;
	int rc;

	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, start(&self->threads[i], i, self->fd,
				   self->ioas_id, &self->stop,
				   destroy_and_use));
	}
	for (rounds = 0; goes_on(self->threads, end, attached > least); rounds++) {
		rc = vfio_attach(self->dev[rounds % 2], 1 + rounds % 12, NULL);
		if (!rc)
			attached++;
		ASSERT_TRUE(!rc || rc == -ENOENT) {
			TH_LOG("%d", rc);
		}
		if (rounds % 5 == 0)
			ASSERT_EQ(0, vfio_detach(self->dev[rounds / 5 % 2]));
	}
	self->stop = true;
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(self->threads[i].id, NULL));
		EXPECT_EQ(0, self->threads[i].rc);
		EXPECT_LT(LEAST_CALLS, self->threads[i].calls);
	}
	EXPECT_LT(least, attached);
	TH_LOG("attached in %lu of %lu rounds", attached, rounds);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vfio_detach(self->dev[i]));
	EXPECT_EQ(0, PINNED());
}

TEST_HARNESS_MAIN

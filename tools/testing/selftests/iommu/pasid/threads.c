// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs that come and go while other threads map, move the device, and destroy
 * page tables
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "pasid.h"

#define LEAST_ROUNDS	patient_rounds(100)	/* of each thread */
#define PATIENCE	300	/* seconds, on a busy machine */
#define SECONDS	5
#define THREADS	6

struct worker {
	pthread_t thread;
	const struct setup *s;
	atomic_bool *stop;
	struct mock_dev dev;
	unsigned int number;
	char *memory;
	unsigned long rounds;	/* or calls that had an effect */
	int rc;
};

FIXTURE(threads) {
	struct setup s;
	atomic_bool stop;
	struct worker workers[THREADS];
	long pinned;
};

FIXTURE_SETUP(threads)
{
	unsigned int i;

	self->pinned = pinned();
	ASSERT_EQ(0, make_setup(&self->s));
	for (i = 0; i < THREADS; i++) {
		self->workers[i].s = &self->s;
		self->workers[i].stop = &self->stop;
		self->workers[i].dev = self->s.dev;
		self->workers[i].number = i;
		self->workers[i].memory = small_pages(4 * PAGE);
		ASSERT_NE(NULL, self->workers[i].memory);
	}
}

FIXTURE_TEARDOWN(threads)
{
	close(self->s.fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

static void start(struct __test_metadata *_metadata,
		  struct _test_data_threads *self, unsigned int i,
		  void *(*fn)(void *))
{
	ASSERT_EQ(0, pthread_create(&self->workers[i].thread, NULL, fn,
				    &self->workers[i]));
}

/* Has each thread made enough rounds, or one failed? */
static bool is_enough(const struct _test_data_threads *self, unsigned int n)
{
	bool enough = true;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (__atomic_load_n(&self->workers[i].rc, __ATOMIC_RELAXED))
			return true;
		enough &= __atomic_load_n(&self->workers[i].rounds,
					  __ATOMIC_RELAXED) > LEAST_ROUNDS;
	}
	return enough;
}

static void finish(struct __test_metadata *_metadata,
		   struct _test_data_threads *self, unsigned int n)
{
	unsigned int i;

	sleep(SECONDS * time_factor());
	/* A busy machine may need longer. */
	while (!is_enough(self, n))
		sleep(1);
	self->stop = true;
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, pthread_join(self->workers[i].thread, NULL));
		EXPECT_EQ(0, self->workers[i].rc) TH_LOG("thread %u", i);
		EXPECT_LT(LEAST_ROUNDS, self->workers[i].rounds)
			TH_LOG("thread %u", i);
	}
}

/* A PASID of this thread alone: each call has its effect */
static void *own_pasid(void *arg)
{
	struct worker *w = arg;
	const __u32 pasid = 10 + w->number;
	int fd = w->s->fd;

	while (!*w->stop && !w->rc) {
		w->rc = mock_pasid_attach(fd, w->dev.id, pasid,
					  w->s->hwpt[w->number % 2]) ?:
			mock_pasid_check(fd, w->dev.id, pasid,
					 w->s->hwpt[w->number % 2]) ?:
			mock_pasid_replace(fd, w->dev.id, pasid,
					   w->s->hwpt[!(w->number % 2)]) ?:
			mock_pasid_check(fd, w->dev.id, pasid,
					 w->s->hwpt[!(w->number % 2)]) ?:
			mock_pasid_detach(fd, w->dev.id, pasid) ?:
			mock_pasid_check(fd, w->dev.id, pasid, 0);
		w->rounds++;
	}
	return NULL;
}

/* A PASID of all: a call has an effect or the errno of the other state */
static void *shared_pasid(void *arg)
{
	struct worker *w = arg;
	int fd = w->s->fd, rc;

	while (!*w->stop && !w->rc) {
		rc = mock_pasid_attach(fd, w->dev.id, 5, w->s->hwpt[0]);
		w->rounds += !rc;
		if (rc && rc != -EBUSY)
			w->rc = rc;
		rc = mock_pasid_replace(fd, w->dev.id, 5, w->s->hwpt[1]);
		if (rc && rc != -EINVAL)
			w->rc = rc;
		w->rc = w->rc ?: mock_pasid_detach(fd, w->dev.id, 5);
	}
	return NULL;
}

/* A mapping is in the page table when MAP returns, whatever the PASIDs do */
static void *map_and_unmap(void *arg)
{
	struct worker *w = arg;
	__u64 iova = AT + w->number * 16 * PAGE;
	int fd = w->s->fd;
	unsigned int i;

	while (!*w->stop && !w->rc) {
		for (i = 0; i < 2 && !w->rc; i++) {
			w->rc = ioas_map(fd, w->s->ioas[i], w->memory, 4 * PAGE,
					 iova) ?:
				mock_check_map(fd, w->s->hwpt[i], w->memory,
					       4 * PAGE, iova) ?:
				ioas_unmap(fd, w->s->ioas[i], iova, 4 * PAGE);
			if (!w->rc && mock_check_map(fd, w->s->hwpt[i],
						     w->memory, HALF, iova) !=
				      -EINVAL)
				w->rc = -EBADE;
		}
		w->rounds++;
	}
	return NULL;
}

static void *move(void *arg)
{
	struct worker *w = arg;

	while (!*w->stop && !w->rc) {
		w->rc = mock_replace(w->s->fd, &w->dev, w->s->hwpt[1]) ?:
			mock_replace(w->s->fd, &w->dev, w->s->hwpt[0]);
		w->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(threads, attach_replace_detach_map_and_move, PATIENCE)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		start(_metadata, self, i, own_pasid);
	start(_metadata, self, 3, map_and_unmap);
	start(_metadata, self, 4, map_and_unmap);
	start(_metadata, self, 5, move);
	finish(_metadata, self, 6);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, mock_pasid_check(self->s.fd, self->s.dev.id,
					      10 + i, 0));
	/* No PASID is left that would hold any of them. */
	EXPECT_EQ(0, iommu_destroy(self->s.fd, self->s.hwpt[1]));
	EXPECT_EQ(0, mock_replace(self->s.fd, &self->s.dev, self->s.plain));
	EXPECT_EQ(0, iommu_destroy(self->s.fd, self->s.hwpt[0]));
}

TEST_F_TIMEOUT(threads, share_a_pasid, PATIENCE)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		start(_metadata, self, i, shared_pasid);
	finish(_metadata, self, 4);
	EXPECT_EQ(0, mock_pasid_check(self->s.fd, self->s.dev.id, 5, 0));
	EXPECT_EQ(0, iommu_destroy(self->s.fd, self->s.hwpt[1]));
}

/* A page table that is being destroyed, and one that a PASID keeps */
static void *make_and_destroy(void *arg)
{
	struct worker *w = arg;
	const __u32 pasid = 10 + w->number;
	int fd = w->s->fd, rc;
	__u32 id;

	while (!*w->stop && !w->rc) {
		w->rc = hwpt_alloc(fd, w->dev.dev_id, w->s->ioas[1], COMPATIBLE,
				   &id) ?:
			mock_pasid_attach(fd, w->dev.id, pasid, id);
		rc = iommu_destroy(fd, id);
		if (!w->rc && rc != -EBUSY)
			w->rc = rc ?: -EBADE;
		w->rc = w->rc ?: mock_pasid_detach(fd, w->dev.id, pasid);
		/* Another thread may have attached it. */
		do {
			rc = iommu_destroy(fd, id);
		} while (rc == -EBUSY && !w->rc);
		w->rc = w->rc ?: rc;
		w->rounds++;
	}
	return NULL;
}

/* Attach whatever has one of the lowest IDs */
static void *attach_any(void *arg)
{
	struct worker *w = arg;
	const __u32 pasid = 10 + w->number;
	int fd = w->s->fd, rc;
	__u32 id;

	while (!*w->stop && !w->rc) {
		for (id = 1; id < 24 && !w->rc; id++) {
			rc = mock_pasid_attach(fd, w->dev.id, pasid, id);
			w->rounds += !rc;
			if (rc && rc != -ENOENT && rc != -EINVAL)
				w->rc = rc;
			w->rc = w->rc ?: mock_pasid_detach(fd, w->dev.id,
							   pasid);
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(threads, attach_to_page_tables_that_are_destroyed, PATIENCE)
{
	start(_metadata, self, 0, make_and_destroy);
	start(_metadata, self, 1, make_and_destroy);
	start(_metadata, self, 2, attach_any);
	start(_metadata, self, 3, attach_any);
	finish(_metadata, self, 4);
}

/* The device of another thread goes while its PASIDs are attached */
static void *device_comes_and_goes(void *arg)
{
	struct worker *w = arg;
	struct mock_dev dev;
	int fd = w->s->fd;

	while (!*w->stop && !w->rc) {
		w->rc = mock_attach_flags(fd, w->s->hwpt[0],
					  MOCK_FLAGS_DEVICE_PASID, &dev) ?:
			mock_pasid_attach(fd, dev.id, 1, w->s->hwpt[0]) ?:
			mock_pasid_attach(fd, dev.id, 2, w->s->hwpt[1]) ?:
			iommu_destroy(fd, dev.id);
		w->rounds++;
	}
	return NULL;
}

TEST_F_TIMEOUT(threads, devices_come_and_go, PATIENCE)
{
	start(_metadata, self, 0, device_comes_and_goes);
	start(_metadata, self, 1, device_comes_and_goes);
	start(_metadata, self, 2, map_and_unmap);
	start(_metadata, self, 3, own_pasid);
	finish(_metadata, self, 4);
	EXPECT_EQ(1, mock_devices());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that come and go while other objects take their IDs
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "hwpt.h"
#include "mock.h"
#include "../patience.h"

#define SECONDS	8

struct racer {
	pthread_t thread;
	int fd;
	atomic_bool *stop;
	struct mock_dev dev;
	__u32 shared;		/* IOAS that devices attach to */
	__u32 own;		/* IOAS of this thread alone */
	unsigned long rounds;
	int rc;
};

/* Attach to the shared IOAS, with a new page table or the one there; detach. */
static void *come_and_go(void *arg)
{
	struct racer *r = arg;

	while (!*r->stop && !r->rc) {
		r->rc = mock_replace(r->fd, &r->dev, r->shared) ?:
			mock_replace(r->fd, &r->dev, r->own);
		r->rounds++;
	}
	return NULL;
}

/* Use the lowest free IDs for page tables without a device. */
static void *take_ids(void *arg)
{
	struct racer *r = arg;
	__u32 id[3];
	int i;

	while (!*r->stop && !r->rc) {
		for (i = 0; i < 3 && !r->rc; i++)
			r->rc = hwpt_alloc(r->fd, r->dev.dev_id, r->own, 0,
					   &id[i]);
		while (i-- && !r->rc)
			r->rc = iommu_destroy(r->fd, id[i]);
		r->rounds++;
	}
	return NULL;
}

FIXTURE(race) {
	int fd;
	atomic_bool stop;
	struct racer racers[3];
};

FIXTURE_SETUP(race)
{
	__u32 shared;
	int i;

	self->fd = mock_open(&shared);
	ASSERT_LE(0, self->fd);
	for (i = 0; i < 3; i++) {
		struct racer *r = &self->racers[i];

		r->fd = self->fd;
		r->stop = &self->stop;
		r->shared = shared;
		ASSERT_EQ(0, ioas_alloc(self->fd, &r->own));
		ASSERT_EQ(0, mock_attach(self->fd, r->own, &r->dev));
	}
}

FIXTURE_TEARDOWN(race)
{
	int i;

	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, iommu_destroy(self->fd, self->racers[i].dev.id));
	/* No page table is left in any of them. */
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, iommu_destroy(self->fd, self->racers[i].own));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->racers[0].shared));
	close(self->fd);
}

TEST_F_TIMEOUT(race, an_id_taken_anew_is_not_the_page_table_that_had_it, 60)
{
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&self->racers[i].thread, NULL,
					    i < 2 ? come_and_go : take_ids,
					    &self->racers[i]));
	sleep(SECONDS);
	self->stop = true;
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(self->racers[i].thread, NULL));
		EXPECT_EQ(0, self->racers[i].rc);
		EXPECT_LT(patient_rounds(100), self->racers[i].rounds);
	}
}

TEST_HARNESS_MAIN

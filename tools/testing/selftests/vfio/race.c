// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on device files at the same time: exactly one wins, and whatever comes
 * out, everything can be closed and used again.
 */
#include <pthread.h>
#include <time.h>

#include "test.h"

#define ROUNDS	((int)patient_rounds(300))
#define SECONDS	10

/* One call in a thread of its own, started together with another one */
struct caller {
	pthread_t thread;
	pthread_barrier_t *start;
	int dev;
	int iommu;
	int rc;
};

static void *bind_caller(void *arg)
{
	struct caller *caller = arg;

	pthread_barrier_wait(caller->start);
	caller->rc = vfio_bind(caller->dev, caller->iommu, NULL);
	return NULL;
}

/* Let both bind at once */
static void race(struct caller *caller)
{
	pthread_barrier_t start;
	int i;

	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < 2; i++) {
		caller[i].start = &start;
		pthread_create(&caller[i].thread, NULL, bind_caller,
			       &caller[i]);
	}
	for (i = 0; i < 2; i++)
		pthread_join(caller[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

FIXTURE(race)
{
	struct caller caller[2];
	int wins[2];
};

FIXTURE_SETUP(race)
{
	__u32 ioas;
	int i;

	ASSERT_EQ(pci_group(PAIR_0), pci_group(PAIR_1));
	for (i = 0; i < 2; i++)
		self->caller[i].iommu = open_iommu(&ioas);
}

FIXTURE_TEARDOWN(race)
{
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, close(self->caller[i].iommu));
	EXPECT_EQ(0, bind_anew(EDU));
}

/* Of two calls one succeeds; the other says why it did not */
#define EXPECT_ONE_WINS(loser)						\
do {									\
	int _winner = self->caller[0].rc ? 1 : 0;			\
									\
	ASSERT_EQ(0, self->caller[_winner].rc);				\
	ASSERT_EQ(loser, self->caller[!_winner].rc);			\
	ASSERT_EQ(0, get_info(self->caller[_winner].dev));		\
	self->wins[_winner]++;						\
} while (0)

TEST_F_TIMEOUT(race, two_binds_of_a_file, PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		self->caller[0].dev = open_vfio(EDU);
		self->caller[1].dev = self->caller[0].dev;
		race(self->caller);
		EXPECT_ONE_WINS(-EINVAL);
		ASSERT_EQ(0, close(self->caller[0].dev));
	}
	TH_LOG("won: %d, %d", self->wins[0], self->wins[1]);
}

TEST_F_TIMEOUT(race, two_files_of_a_device, PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		self->caller[0].dev = open_vfio(EDU);
		self->caller[1].dev = open_vfio(EDU);
		race(self->caller);
		EXPECT_ONE_WINS(-EINVAL);
		ASSERT_EQ(0, close(self->caller[0].dev));
		ASSERT_EQ(0, close(self->caller[1].dev));
	}
	TH_LOG("won: %d, %d", self->wins[0], self->wins[1]);
}

TEST_F_TIMEOUT(race, two_contexts_for_a_group, PATIENCE)
{
	int round;

	for (round = 0; round < ROUNDS; round++) {
		self->caller[0].dev = open_vfio(PAIR_0);
		self->caller[1].dev = open_vfio(PAIR_1);
		race(self->caller);
		EXPECT_ONE_WINS(-EPERM);
		ASSERT_EQ(0, close(self->caller[0].dev));
		ASSERT_EQ(0, close(self->caller[1].dev));
	}
	TH_LOG("won: %d, %d", self->wins[0], self->wins[1]);
}

TEST_F_TIMEOUT(race, one_context_for_a_group, PATIENCE)
{
	int round, other = self->caller[1].iommu;

	self->caller[1].iommu = self->caller[0].iommu;
	for (round = 0; round < ROUNDS; round++) {
		self->caller[0].dev = open_vfio(PAIR_0);
		self->caller[1].dev = open_vfio(PAIR_1);
		race(self->caller);
		ASSERT_EQ(0, self->caller[0].rc);
		ASSERT_EQ(0, self->caller[1].rc);
		ASSERT_EQ(0, close(self->caller[0].dev));
		ASSERT_EQ(0, close(self->caller[1].dev));
	}
	self->caller[1].iommu = other;
}

/* Threads that go on until they are told to stop */
struct crowd {
	int dev[2];	/* the two functions of a group */
	int iommu;
	__u32 ioas[2];
	bool stop;
	/* Errnos that no order of calls explains */
	int surprise;
};

static void *move(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED); i++) {
		__u32 pt = crowd->ioas[i % 2];
		int rc = vfio_attach(crowd->dev[i / 2 % 2], &pt);

		/* EINVAL: the other function is attached elsewhere */
		if (rc && rc != -EINVAL)
			crowd->surprise = rc;
	}
	return NULL;
}

static void *detach(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int i;

	for (i = 0; !__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED); i++) {
		int rc = vfio_detach(crowd->dev[i % 2]);

		if (rc)
			crowd->surprise = rc;
	}
	return NULL;
}

#define PAGES	64

static void *map(void *arg)
{
	struct crowd *crowd = arg;
	char *memory = anon_pages(PAGES);
	unsigned int i;

	for (i = 0; !__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED); i++) {
		__u32 ioas = crowd->ioas[i % 2];
		int rc = ioas_map(crowd->iommu, ioas, memory, PAGES * PAGE,
				  0x100000, IOAS_RW);

		if (!rc)
			rc = ioas_unmap(crowd->iommu, ioas, 0x100000,
					PAGES * PAGE);
		if (rc)
			crowd->surprise = rc;
	}
	return NULL;
}

/* Files come and go beside, of devices that others have */
static void *open_and_close(void *arg)
{
	struct crowd *crowd = arg;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED)) {
		int dev = vfio_open(PAIR_0), other = vfio_open(NVME);
		__u32 pt = crowd->ioas[0];

		if (vfio_bind(dev, crowd->iommu, NULL) != -EINVAL ||
		    vfio_bind(other, crowd->iommu, NULL) ||
		    vfio_attach(other, &pt))
			crowd->surprise = -EPROTO;
		close(dev);
		close(other);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, attach_detach_map_bind, PATIENCE)
{
	static void *(*const work[])(void *) = {
		move, move, detach, map, open_and_close,
	};
	pthread_t thread[ARRAY_SIZE(work)];
	struct crowd crowd = { .iommu = self->caller[0].iommu };
	size_t i;

	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	for (i = 0; i < 2; i++) {
		crowd.dev[i] = open_vfio(i ? PAIR_1 : PAIR_0);
		ASSERT_EQ(0, vfio_bind(crowd.dev[i], crowd.iommu, NULL));
		ASSERT_EQ(0, ioas_alloc(crowd.iommu, &crowd.ioas[i]));
	}
	for (i = 0; i < ARRAY_SIZE(work); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, work[i], &crowd));
	sleep(SECONDS);
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(work); i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, crowd.surprise);

	/* Nothing is left in use */
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, vfio_detach(crowd.dev[i]));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, iommu_destroy_id(crowd.iommu, crowd.ioas[i]));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, close(crowd.dev[i]));
	EXPECT_EQ(0, bind_anew(PAIR_0));
	EXPECT_EQ(0, bind_anew(PAIR_1));
	EXPECT_EQ(0, bind_anew(NVME));
}

/* The driver is bound and unbound while others open, bind and close */
static void *come_and_go(void *arg)
{
	struct crowd *crowd = arg;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED))
		if (pci_bind(EDU, NULL) || pci_bind(EDU, "vfio-pci"))
			crowd->surprise = -EPROTO;
	return NULL;
}

static void *use(void *arg)
{
	struct crowd *crowd = arg;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED)) {
		int dev = vfio_open(EDU);
		__u32 pt = crowd->ioas[0];
		int rc;

		/* Not there, on the way out, or somebody else's file */
		if (dev < 0) {
			if (dev != -ENODEV && dev != -ENOENT && dev != -ENXIO)
				crowd->surprise = dev;
			continue;
		}
		rc = vfio_bind(dev, crowd->iommu, NULL);
		if (!rc) {
			rc = vfio_attach(dev, &pt);
			if (rc || get_info(dev))
				crowd->surprise = rc ?: -EPROTO;
		} else if (rc != -ENODEV && rc != -EINVAL) {
			crowd->surprise = rc;
		}
		close(dev);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, driver_unbound_while_in_use, PATIENCE)
{
	static void *(*const work[])(void *) = { come_and_go, use, use };
	pthread_t thread[ARRAY_SIZE(work)];
	struct crowd crowd = { .iommu = self->caller[0].iommu };
	size_t i;

	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, ioas_alloc(crowd.iommu, &crowd.ioas[0]));
	for (i = 0; i < ARRAY_SIZE(work); i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, work[i], &crowd));
	sleep(SECONDS);
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(work); i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, crowd.surprise);
	EXPECT_EQ(0, iommu_destroy_id(crowd.iommu, crowd.ioas[0]));
}

TEST_HARNESS_MAIN

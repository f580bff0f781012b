// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on device files at the same time: exactly one wins, and everything can
 * be closed and used again afterwards.
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

	ASSERT_ONE_GROUP(PAIR_0, PAIR_1);
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

/* Of two calls one succeeds, the other fails with the errno loser */
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

/* Shared by threads that go on until they are told to stop */
struct crowd {
	int dev[2];	/* the two functions of a group */
	int iommu;
	__u32 ioas[2];
	bool stop;
};

struct worker {
	pthread_t thread;
	struct crowd *crowd;
	void *(*work)(void *worker);
	unsigned long done;	/* number of calls that succeeded */
	int surprise;		/* errno that no order of calls explains */
};

static bool goes_on(const struct worker *worker)
{
	return !__atomic_load_n(&worker->crowd->stop, __ATOMIC_RELAXED);
}

static void count(struct worker *worker, int rc)
{
	if (rc)
		worker->surprise = rc;
	else
		worker->done++;
}

static void *move(void *arg)
{
	struct worker *worker = arg;
	struct crowd *crowd = worker->crowd;
	unsigned int i;

	for (i = 0; goes_on(worker); i++) {
		int rc = vfio_attach(crowd->dev[i / 2 % 2], crowd->ioas[i % 2],
				     NULL);

		/* EINVAL: the other function is attached elsewhere */
		if (rc != -EINVAL)
			count(worker, rc);
	}
	return NULL;
}

static void *detach(void *arg)
{
	struct worker *worker = arg;
	unsigned int i;

	for (i = 0; goes_on(worker); i++)
		count(worker, vfio_detach(worker->crowd->dev[i % 2]));
	return NULL;
}

#define PAGES	64

static void *map(void *arg)
{
	struct worker *worker = arg;
	struct crowd *crowd = worker->crowd;
	char *memory = anon_pages(PAGES);
	unsigned int i;

	for (i = 0; goes_on(worker); i++) {
		__u32 ioas = crowd->ioas[i % 2];
		int rc = ioas_map(crowd->iommu, ioas, memory, PAGES * PAGE,
				  0x100000);

		if (!rc)
			rc = ioas_unmap(crowd->iommu, ioas, 0x100000,
					PAGES * PAGE);
		count(worker, rc);
	}
	return NULL;
}

/* Open and close other files of devices that are in use */
static void *open_and_close(void *arg)
{
	struct worker *worker = arg;
	struct crowd *crowd = worker->crowd;

	while (goes_on(worker)) {
		int dev = vfio_open(PAIR_0), other = vfio_open(NVME);
		int rc = vfio_bind(dev, crowd->iommu, NULL);

		rc = rc == -EINVAL ? 0 : -EPROTO;
		rc = rc ?: vfio_bind(other, crowd->iommu, NULL);
		count(worker, rc ?: vfio_attach(other, crowd->ioas[0], NULL));
		close(dev);
		close(other);
	}
	return NULL;
}

/* Has each worker had a call succeed? */
static bool all_have_worked(const struct worker *workers, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!__atomic_load_n(&workers[i].done, __ATOMIC_RELAXED))
			return false;
	return true;
}

/* Run until each worker has had a success; -errno if a thread fails. */
static int crowd_works(struct crowd *crowd, struct worker *workers, size_t n)
{
	size_t started, i;
	int rc = 0;

	for (started = 0; started < n && !rc; started += !rc) {
		workers[started].crowd = crowd;
		rc = -pthread_create(&workers[started].thread, NULL,
				     workers[started].work, &workers[started]);
	}
	if (!rc)
		sleep(SECONDS);
	for (i = 0; i < SECONDS && !rc && !all_have_worked(workers, n); i++)
		sleep(SECONDS / 2);
	__atomic_store_n(&crowd->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return rc;
}

static void expect_worked(struct __test_metadata *_metadata,
			  const struct worker *workers, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, workers[i].surprise);
		EXPECT_LT(0, workers[i].done);
		TH_LOG("%zu: %lu", i, workers[i].done);
	}
}

TEST_F_TIMEOUT(race, attach_detach_map_bind, PATIENCE)
{
	struct worker workers[] = {
		{ .work = move }, { .work = move }, { .work = detach },
		{ .work = map }, { .work = open_and_close },
	};
	struct crowd crowd = { .iommu = self->caller[0].iommu };
	size_t i;

	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	for (i = 0; i < 2; i++) {
		crowd.dev[i] = open_vfio(i ? PAIR_1 : PAIR_0);
		ASSERT_EQ(0, vfio_bind(crowd.dev[i], crowd.iommu, NULL));
		ASSERT_EQ(0, ioas_alloc(crowd.iommu, &crowd.ioas[i]));
	}
	ASSERT_EQ(0, crowd_works(&crowd, workers, ARRAY_SIZE(workers)));
	expect_worked(_metadata, workers, ARRAY_SIZE(workers));

	/* Nothing is left in use */
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, vfio_detach(crowd.dev[i]));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, iommu_destroy(crowd.iommu, crowd.ioas[i]));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, close(crowd.dev[i]));
	EXPECT_EQ(0, bind_anew(PAIR_0));
	EXPECT_EQ(0, bind_anew(PAIR_1));
	EXPECT_EQ(0, bind_anew(NVME));
}

/* The driver is bound and unbound while others open, bind and close */
static void *come_and_go(void *arg)
{
	struct worker *worker = arg;

	while (goes_on(worker))
		count(worker, pci_bind(EDU, NULL) ?: pci_bind(EDU, "vfio-pci"));
	return NULL;
}

static void *use(void *arg)
{
	struct worker *worker = arg;
	struct crowd *crowd = worker->crowd;

	while (goes_on(worker)) {
		int dev = vfio_open(EDU);
		int rc;

		/* Absent, being removed, or in use by another thread */
		if (dev < 0) {
			if (dev != -ENODEV && dev != -ENOENT && dev != -ENXIO)
				count(worker, dev);
			continue;
		}
		rc = vfio_bind(dev, crowd->iommu, NULL);
		if (!rc) {
			rc = vfio_attach(dev, crowd->ioas[0], NULL);
			count(worker, rc ?: get_info(dev));
		} else if (rc != -ENODEV && rc != -EINVAL) {
			count(worker, rc);
		}
		close(dev);
	}
	return NULL;
}

TEST_F_TIMEOUT(race, driver_unbound_while_in_use, PATIENCE)
{
	struct worker workers[] = {
		{ .work = come_and_go }, { .work = use }, { .work = use },
	};
	struct crowd crowd = { .iommu = self->caller[0].iommu };

	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, ioas_alloc(crowd.iommu, &crowd.ioas[0]));
	ASSERT_EQ(0, crowd_works(&crowd, workers, ARRAY_SIZE(workers)));
	expect_worked(_metadata, workers, ARRAY_SIZE(workers));
	EXPECT_EQ(0, iommu_destroy(crowd.iommu, crowd.ioas[0]));
}

TEST_HARNESS_MAIN

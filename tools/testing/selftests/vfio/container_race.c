// SPDX-License-Identifier: GPL-2.0-only
/*
 * Threads and processes that share a VFIO container, with our backend,
 * vfio_iommu_iommufd: the VFIO core holds no lock while it calls the backend for
 * one of them, and another may take the last group off the container meanwhile.
 * What is left in the end is exact, whoever won.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "container.h"

#define IOVA		0x10000000ULL
#define PAGES		16UL
#define ROUNDS		50

FIXTURE(container_race)
{
	int container;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(container_race)
{
	ASSERT_EQ(0, load_one_backend(true));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->memory = anon_pages(PAGES);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(container_race)
{
	close(self->container);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, module_users("vfio_iommu_iommufd"));
	EXPECT_TRUE(group_is_viable(EDU));
	EXPECT_TRUE(group_is_viable(NVME));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
}

#define PINNED()	(pinned() - self->pinned)

static int set_iommu(int container)
{
	return ERR(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

static int unset_container(int group)
{
	return ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
}

static int get_info_of(int container)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };

	return ERR(ioctl(container, VFIO_IOMMU_GET_INFO, &info));
}

/* What the threads of a test share */
struct shared {
	int container;
	char *memory;
	atomic_bool stop;
	atomic_int failed;	/* an unexpected result */
	atomic_ulong maps;	/* calls that succeeded ... */
	atomic_ulong infos;
	atomic_ulong refused;	/* ... or found the container without a type */
	atomic_ulong rounds;
};

/* A call succeeds, or finds the container without a type, or closed */
static bool done(struct shared *shared, long rc, atomic_ulong *count)
{
	if (rc >= 0)
		(*count)++;
	else if (rc == -EINVAL)
		shared->refused++;
	else if (rc != -EBADF)
		shared->failed = rc;
	return rc >= 0;
}

/* The mapping may go with the container's last group before it is unmapped */
static void *map_and_unmap(void *arg)
{
	struct shared *shared = arg;
	atomic_ulong unmaps = 0;
	long rc;

	while (!shared->stop) {
		rc = dma_map(shared->container, shared->memory, IOVA,
			     PAGES * PAGE, RW);
		if (!done(shared, rc, &shared->maps))
			continue;
		rc = dma_unmap(shared->container, IOVA, PAGES * PAGE);
		done(shared, rc, &unmaps);
		if (rc > 0 && rc != (long)(PAGES * PAGE))
			shared->failed = rc;
	}
	return NULL;
}

static void *ask(void *arg)
{
	struct shared *shared = arg;
	int rc;

	while (!shared->stop) {
		done(shared, get_info_of(shared->container), &shared->infos);
		rc = ERR(ioctl(shared->container, VFIO_CHECK_EXTENSION,
			       VFIO_TYPE1v2_IOMMU));
		if (rc != 1 && rc != -EBADF)
			shared->failed = rc;
	}
	return NULL;
}

/* The container gets a type and two groups, and loses them again */
static void *groups(void *arg)
{
	int edu = group_open(EDU), nvme = group_open(NVME), dev, rc;
	struct shared *shared = arg;

	while (!shared->stop) {
		rc = add_group(edu, shared->container) ?:
		     set_iommu(shared->container) ?:
		     add_group(nvme, shared->container);
		dev = ERR(ioctl(nvme, VFIO_GROUP_GET_DEVICE_FD, NVME));
		rc = rc ?: dev < 0 ? dev : close(dev);
		rc = rc ?: unset_container(nvme) ?: unset_container(edu);
		if (rc) {
			shared->failed = rc;
			break;
		}
		shared->rounds++;
	}
	close(edu);
	close(nvme);
	return NULL;
}

TEST_F_TIMEOUT(container_race, groups_come_and_go, PATIENCE)
{
	static void *(*const calls[])(void *arg) = {
		map_and_unmap, ask, groups,
	};
	struct shared shared = {
		.container = self->container,
		.memory = self->memory,
	};
	pthread_t threads[ARRAY_SIZE(calls)];
	size_t i;
	int group;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, calls[i],
					    &shared));
	sleep(5 * time_factor());
	shared.stop = true;
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, shared.failed);
	EXPECT_LT(0UL, shared.maps);
	EXPECT_LT(0UL, shared.infos);
	EXPECT_LT(0UL, shared.refused);
	EXPECT_LT(0UL, shared.rounds);
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, module_users("vfio_iommu_iommufd"));

	/* The container is as new */
	EXPECT_EQ(-EINVAL, get_info_of(self->container));
	group = group_open(EDU);
	ASSERT_EQ(0, add_group(group, self->container));
	ASSERT_EQ(0, set_iommu(self->container));
	EXPECT_EQ(0, dma_unmap(self->container, 0, 0));
	ASSERT_EQ(0, dma_map(self->container, self->memory, IOVA,
			     PAGES * PAGE, RW));
	EXPECT_EQ((long)PAGES, PINNED());
	close(group);
	EXPECT_EQ(0, PINNED());
}

/* The files are closed during a call of another thread */
TEST_F_TIMEOUT(container_race, files_are_closed, PATIENCE)
{
	static void *(*const calls[])(void *arg) = { map_and_unmap, ask };
	pthread_t threads[ARRAY_SIZE(calls)];
	struct shared shared;
	int group, i;
	size_t t;

	for (i = 0; i < ROUNDS; i++) {
		memset(&shared, 0, sizeof(shared));
		shared.memory = self->memory;
		shared.container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
		ASSERT_LE(0, shared.container);
		group = group_open(EDU);
		ASSERT_LE(0, group);
		ASSERT_EQ(0, add_group(group, shared.container));
		ASSERT_EQ(0, set_iommu(shared.container));
		for (t = 0; t < ARRAY_SIZE(calls); t++)
			ASSERT_EQ(0, pthread_create(&threads[t], NULL, calls[t],
						    &shared));
		while (!shared.maps)
			usleep(100);
		if (i % 2)
			close(shared.container);
		close(group);
		if (!(i % 2))
			close(shared.container);
		shared.stop = true;
		for (t = 0; t < ARRAY_SIZE(calls); t++)
			ASSERT_EQ(0, pthread_join(threads[t], NULL));
		ASSERT_EQ(0, shared.failed);
		ASSERT_EQ(0, PINNED());
		ASSERT_EQ(0, module_users("vfio_iommu_iommufd"));
	}
}

/* A child shares the container, and each of the two can be the last user */
TEST_F_TIMEOUT(container_race, child_inherits_it, PATIENCE)
{
	const size_t half = PAGES / 2 * PAGE;
	int group = group_open(EDU), go[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, add_group(group, self->container));
	ASSERT_EQ(0, set_iommu(self->container));
	ASSERT_EQ(0, dma_map(self->container, self->memory, IOVA, half, RW));

	/* What the child has mapped stays, as the container does */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(dma_map(self->container, self->memory + half,
			      IOVA + half, half, RW));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ((long)PAGES, PINNED());
	EXPECT_EQ(-EEXIST, dma_map(self->container, self->memory, IOVA + half,
				   PAGE, RW));
	EXPECT_EQ((long)half, dma_unmap(self->container, IOVA + half, half));
	EXPECT_EQ((long)PAGES / 2, PINNED());

	/* The parent closes its files first */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) ||
		      dma_map(self->container, self->memory, IOVA + half, half,
			      RW) ||
		      dma_unmap(self->container, 0, 0) !=
		      (long)(PAGES * PAGE));
	}
	close(group);
	close(self->container);
	self->container = -1;
	EXPECT_EQ((long)PAGES / 2, PINNED());
	EXPECT_EQ(1, module_users("vfio_iommu_iommufd"));
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, module_users("vfio_iommu_iommufd"));
	close(go[0]);
}

TEST_HARNESS_MAIN

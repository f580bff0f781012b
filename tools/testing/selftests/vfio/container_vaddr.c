// SPDX-License-Identifier: GPL-2.0-only
/*
 * User addresses that change in a container of the kernel's VFIO core: with our
 * backend, vfio_iommu_iommufd, as with the kernel's own type1.  Each test runs
 * with both.  ../iommu/container/type1.c compares the errnos of all calls.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "../capability.h"
#include "container.h"

#define IOVA		0x10000000ULL
#define N		8UL	/* pages of each of two mappings */
#define SIZE		(N * PAGE)
#define SECOND		(IOVA + SIZE)
#define FORGET		VFIO_DMA_UNMAP_FLAG_VADDR
#define FORGET_ALL	(VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL)
#define UPDATE		VFIO_DMA_MAP_FLAG_VADDR

/* A container that has one group, and a file that is at several addresses */
FIXTURE(vaddr)
{
	int container;
	int nvme;
	int file;
	char *old;
	char *new;
	long pinned;
};

FIXTURE_VARIANT(vaddr)
{
	const char *served_by;
	bool ours;
};

FIXTURE_VARIANT_ADD(vaddr, type1)
{
	.served_by = "vfio_iommu_type1",
	.ours = false,
};

FIXTURE_VARIANT_ADD(vaddr, iommufd)
{
	.served_by = "vfio_iommu_iommufd",
	.ours = true,
};

static char *map_file(int file)
{
	return mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, file, 0);
}

FIXTURE_SETUP(vaddr)
{
	ASSERT_EQ(0, module_load(EMULATED_MODULE)); /* and so type1 */
	ASSERT_EQ(0, load_one_backend(variant->ours));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 2 * SIZE));
	self->old = map_file(self->file);
	self->new = map_file(self->file);
	ASSERT_NE(MAP_FAILED, self->old);
	ASSERT_NE(MAP_FAILED, self->new);
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->nvme = group_open(NVME);
	ASSERT_LE(0, self->nvme);
	ASSERT_EQ(0, add_group(self->nvme, self->container));
	ASSERT_EQ(0, ERR(ioctl(self->container, VFIO_SET_IOMMU,
			       VFIO_TYPE1v2_IOMMU)));
	ASSERT_EQ(1, module_users(variant->served_by));
}

FIXTURE_TEARDOWN(vaddr)
{
	close(self->nvme);
	close(self->container);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
	EXPECT_EQ(0, module_unload(EMULATED_MODULE));
}

#define PINNED()	(pinned() - self->pinned)

static int map(int fd, const void *va, __u64 iova)
{
	return dma_map(fd, va, iova, SIZE, RW);
}

/* Give a mapping a new address */
static int update(int fd, const void *va, __u64 iova)
{
	return dma_map(fd, va, iova, SIZE, UPDATE);
}

/* Make addresses invalid: returns bytes or -errno */
static long forget(int fd, __u64 iova)
{
	return dma_unmap_flags(fd, FORGET, iova, SIZE);
}

static long forget_all(int fd)
{
	return dma_unmap_flags(fd, FORGET_ALL, 0, 0);
}

static int may_update(int fd)
{
	return ERR(ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR));
}

/* edu, which does DMA all the time */
struct busy {
	pthread_t thread;
	struct edu edu;
	char *memory;		/* the file, at a place of its own */
	atomic_uint transfers;
	atomic_int rc;
};

#define TRANSFERS	10

static void *be_busy(void *arg)
{
	struct busy *busy = arg;
	char *from = busy->memory, *to = from + SIZE;

	while (!busy->rc && busy->transfers < TRANSFERS) {
		memset(from, busy->transfers + 1, EDU_DMA_MAX);
		busy->rc = edu_from_memory(&busy->edu, IOVA, EDU_DMA_MAX) ?:
			   edu_to_memory(&busy->edu, SECOND, EDU_DMA_MAX);
		if (!busy->rc && !filled(to, busy->transfers + 1, EDU_DMA_MAX))
			busy->rc = -EILSEQ;
		busy->transfers++;
	}
	return NULL;
}

/* Addresses change while a device does DMA, also in the middle of a transfer */
TEST_F_TIMEOUT(vaddr, dma_goes_on, PATIENCE)
{
	const int fd = self->container;
	unsigned int changes, seen_in_gap = 0;
	struct busy busy = {};
	int group, dev;

	group = group_open(EDU);
	ASSERT_LE(0, group);
	ASSERT_EQ(0, add_group(group, fd));
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&busy.edu, dev));
	EXPECT_EQ(1, may_update(fd));
	ASSERT_EQ(0, map(fd, self->old, IOVA));
	ASSERT_EQ(0, map(fd, self->old + SIZE, SECOND));
	busy.memory = map_file(self->file);
	ASSERT_NE(MAP_FAILED, busy.memory);
	ASSERT_EQ(0, pthread_create(&busy.thread, NULL, be_busy, &busy));

	for (changes = 0; !busy.rc && busy.transfers < TRANSFERS; changes++) {
		char *from = changes % 2 ? self->new : self->old;
		char *to = changes % 2 ? self->old : self->new;
		unsigned int before = busy.transfers;

		ASSERT_EQ(2 * (long)SIZE, forget_all(fd));
		/* Other memory is at the old place */
		ASSERT_EQ(from, mmap(from, 2 * SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				     -1, 0));
		if (changes % 100 == 0) /* a whole transfer is in the gap */
			while (!busy.rc && busy.transfers < TRANSFERS &&
			       busy.transfers < before + 2)
				usleep(1000);
		seen_in_gap += busy.transfers - before;
		ASSERT_EQ(to, mmap(to, 2 * SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->file, 0));
		ASSERT_EQ(0, update(fd, to, IOVA));
		ASSERT_EQ(0, update(fd, to + SIZE, SECOND));
	}
	ASSERT_EQ(0, pthread_join(busy.thread, NULL));
	EXPECT_EQ(0, busy.rc);
	EXPECT_EQ(TRANSFERS, busy.transfers);
	EXPECT_LE(2U, seen_in_gap);
	EXPECT_LE(3U, changes);
	EXPECT_EQ(2 * (long)N, PINNED());
	edu_close(&busy.edu);
	close(dev);
	close(group);
	EXPECT_EQ(2 * (long)SIZE, dma_unmap(fd, 0, 0));
	EXPECT_EQ(0, PINNED());
}

static int emulated(int dev, unsigned long request, __u64 iova, int prot)
{
	struct emulated_pages arg = {
		.iova = iova,
		.npages = 1,
		.prot = prot,
	};

	return ERR(ioctl(dev, request, &arg));
}

/* Neither a group with an IOMMU nor one without comes in the gap */
TEST_F(vaddr, no_group_comes_in_the_gap)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int edu = group_open(EDU), group = emulated_group_open();
	const int fd = self->container;

	ASSERT_LE(0, edu);
	ASSERT_LE(0, group);
	ASSERT_EQ(0, map(fd, self->old, IOVA));
	ASSERT_EQ(0, map(fd, self->old + SIZE, SECOND));
	ASSERT_EQ((long)SIZE, forget(fd, IOVA));
	EXPECT_EQ(-EBUSY, add_group(edu, fd));
	EXPECT_EQ(-EBUSY, add_group(group, fd));
	EXPECT_EQ(1, may_update(fd));
	EXPECT_EQ(0, ERR(ioctl(edu, VFIO_GROUP_GET_STATUS, &status)));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, status.flags);
	EXPECT_EQ(2 * (long)N, PINNED());
	/* The one whose address is invalid is unmapped, or given one */
	EXPECT_EQ((long)SIZE, dma_unmap(fd, IOVA, SIZE));
	EXPECT_EQ(0, add_group(edu, fd));
	ASSERT_EQ(0, ERR(ioctl(edu, VFIO_GROUP_UNSET_CONTAINER)));
	ASSERT_EQ((long)SIZE, forget(fd, SECOND));
	EXPECT_EQ(-EBUSY, add_group(edu, fd));
	EXPECT_EQ(-EBUSY, add_group(group, fd));
	ASSERT_EQ(0, update(fd, self->new + SIZE, SECOND));
	EXPECT_EQ(0, add_group(edu, fd));
	EXPECT_EQ(0, add_group(group, fd));
	close(group);
	close(edu);
}

/* While a group of an emulated device is there, addresses do not change */
TEST_F(vaddr, not_with_an_emulated_device)
{
	const int fd = self->container;
	struct emulated_copy copy;
	int group, dev;
	char byte;

	ASSERT_EQ(0, map(fd, self->old, IOVA));
	group = emulated_group_open();
	ASSERT_LE(0, group);
	EXPECT_EQ(1, may_update(fd));
	ASSERT_EQ(0, add_group(group, fd));
	EXPECT_EQ(0, may_update(fd));
	EXPECT_EQ(-EBUSY, forget(fd, IOVA));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	/* An unknown flag is found before, a bad range after */
	EXPECT_EQ(-EINVAL, dma_unmap_flags(fd, FORGET | 8, IOVA, SIZE));
	EXPECT_EQ(-EBUSY, dma_unmap_flags(fd, FORGET, IOVA + 1, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, IOVA));
	ASSERT_EQ(0, ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)));
	EXPECT_EQ(1, may_update(fd));

	/* One that comes after a change reaches memory at the new address */
	ASSERT_EQ((long)SIZE, forget_all(fd));
	ASSERT_EQ(0, update(fd, self->new, IOVA));
	ASSERT_EQ(0, munmap(self->old, SIZE));
	ASSERT_EQ(0, add_group(group, fd));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EMULATED_NAME));
	ASSERT_LE(0, dev);
	self->new[PAGE] = 'n';
	copy = (struct emulated_copy) {
		.iova = IOVA + PAGE,
		.data = (__u64)(uintptr_t)&byte,
		.length = 1,
	};
	EXPECT_EQ(0, ERR(ioctl(dev, EMULATED_COPY, &copy)));
	EXPECT_EQ('n', byte);
	EXPECT_EQ(0, emulated(dev, EMULATED_PIN, IOVA + PAGE, EMULATED_READ));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	self->new[PAGE] = 'm';
	EXPECT_EQ(0, ERR(ioctl(dev, EMULATED_COPY_PINNED, &copy)));
	EXPECT_EQ('m', byte);
	EXPECT_EQ(0, emulated(dev, EMULATED_UNPIN, IOVA + PAGE, 0));
	close(dev);
	EXPECT_EQ(-EBUSY, forget_all(fd));
	close(group);
	EXPECT_EQ((long)SIZE, forget_all(fd));
}

struct changer {
	pthread_t thread;
	struct _test_data_vaddr *self;
	atomic_bool stop;
	atomic_uint changed;
	atomic_uint busy;
	atomic_int rc;
};

static void *change_addresses(void *arg)
{
	struct changer *c = arg;
	const int fd = c->self->container;
	long n;

	while (!c->stop && !c->rc) {
		n = forget_all(fd);
		if (n == -EBUSY) {
			c->busy++;
			continue;
		}
		usleep(c->changed % 4 * 100); /* a gap that others meet */
		c->rc = n == (long)SIZE ? update(fd, c->self->new, IOVA) :
					  n < 0 ? n : -EIO;
		usleep(c->changed++ % 4 * 100);
	}
	return NULL;
}

/* A group that was let in finds no address invalid, and none becomes so */
TEST_F_TIMEOUT(vaddr, emulated_device_comes_meanwhile, PATIENCE)
{
	unsigned int i, in = 0, rounds = patient_rounds(200);
	const int fd = self->container;
	struct changer c = { .self = self };
	int group, rc;

	ASSERT_EQ(0, map(fd, self->new, IOVA));
	group = emulated_group_open();
	ASSERT_LE(0, group);
	ASSERT_EQ(0, pthread_create(&c.thread, NULL, change_addresses, &c));
	for (i = 0; i < rounds || !in || !c.busy || !c.changed; i++) {
		rc = add_group(group, fd);
		if (rc) {
			ASSERT_EQ(-EBUSY, rc);
			continue;
		}
		in++;
		ASSERT_EQ(-EINVAL, update(fd, self->new, IOVA));
		EXPECT_EQ(0, may_update(fd));
		EXPECT_EQ(-EBUSY, forget_all(fd));
		sched_yield();
		ASSERT_EQ(-EINVAL, update(fd, self->new, IOVA));
		ASSERT_EQ(0, ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)));
	}
	c.stop = true;
	ASSERT_EQ(0, pthread_join(c.thread, NULL));
	EXPECT_EQ(0, c.rc);
	close(group);
}

/* Pages that a process has locked: containers count in the same place */
static long locked(pid_t pid)
{
	char path[64], line[128];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld kB", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024 / (long)PAGE;
}

/* What a child answers that is asked to give the first mapping an address */
static int child_updates(struct _test_data_vaddr *self, int to, int from)
{
	char *memory;
	int rc;

	memory = map_file(self->file);
	/* One page too few, and no capability */
	if (memory == MAP_FAILED || set_memlock(N - 1))
		return -ENOMEM;
	rc = update(self->container, memory, IOVA);
	if (rc != -ENOMEM)
		return rc ?: -EIO;
	if (locked(getpid()))
		return -EBUSY;
	if (set_memlock(N))
		return -errno;
	rc = update(self->container, memory, IOVA);
	if (write(to, &rc, sizeof(rc)) != sizeof(rc) ||
	    read(from, &rc, sizeof(rc)) != sizeof(rc))
		_exit(1);
	return rc;
}

/* A successor is charged, within its own limit, and no longer who was before */
TEST_F_TIMEOUT(vaddr, successor_is_charged, PATIENCE)
{
	int to[2], from[2], rc, status;
	const int fd = self->container;
	pid_t pid;

	ASSERT_EQ(0, set_capability(CAP_IPC_LOCK, false));
	ASSERT_EQ(0, set_memlock(2 * N));
	ASSERT_EQ(0, map(fd, self->old, IOVA));
	ASSERT_EQ(0, map(fd, self->old + SIZE, SECOND));
	ASSERT_EQ(2 * (long)N, locked(getpid()));
	ASSERT_EQ(2 * (long)SIZE, forget_all(fd));
	ASSERT_EQ(2 * (long)N, locked(getpid()));
	ASSERT_EQ(0, pipe(to));
	ASSERT_EQ(0, pipe(from));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		rc = child_updates(self, from[1], to[0]);
		if (write(from[1], &rc, sizeof(rc)) != sizeof(rc))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(sizeof(rc), read(from[0], &rc, sizeof(rc)));
	EXPECT_EQ(0, rc);
	EXPECT_EQ((long)N, locked(pid));
	EXPECT_EQ((long)N, locked(getpid()));
	EXPECT_EQ(2 * (long)N, PINNED());
	ASSERT_EQ(0, update(fd, self->new + SIZE, SECOND));
	EXPECT_EQ((long)N, locked(getpid()));

	/* It is killed, and whoever has the container takes the mapping back */
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(2 * (long)N, PINNED());
	EXPECT_EQ((long)N, locked(getpid()));
	ASSERT_EQ((long)SIZE, forget(fd, IOVA));
	ASSERT_EQ(0, update(fd, self->new, IOVA));
	EXPECT_EQ(2 * (long)N, locked(getpid()));
	EXPECT_EQ(2 * (long)SIZE, dma_unmap(fd, 0, 0));
	EXPECT_EQ(0, locked(getpid()));
	EXPECT_EQ(0, PINNED());
}

/* The process that has mapped is killed in the gap: DMA goes on */
TEST_F_TIMEOUT(vaddr, process_is_killed_in_the_gap, PATIENCE)
{
	const int fd = self->container;
	int ready[2], group, dev, status;
	struct edu edu;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (map(fd, map_file(self->file), IOVA) ||
		    forget_all(fd) != (long)SIZE ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ((long)N, PINNED());
	ASSERT_EQ(0, update(fd, self->new, IOVA));
	EXPECT_EQ((long)N, PINNED());
	group = group_open(EDU);
	ASSERT_LE(0, group);
	ASSERT_EQ(0, add_group(group, fd));
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&edu, dev));
	memset(self->new, 'd', PAGE);
	EXPECT_EQ(0, edu_from_memory(&edu, IOVA, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&edu, IOVA + PAGE, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->new + PAGE, 'd', EDU_DMA_MAX));
	edu_close(&edu);
	close(dev);
	close(group);
	close(ready[0]);
}

/* Nobody gives an address: the container can be closed, and pins nothing */
TEST_F(vaddr, closed_in_the_gap)
{
	ASSERT_EQ(0, map(self->container, self->old, IOVA));
	ASSERT_EQ((long)SIZE, forget_all(self->container));
	EXPECT_EQ((long)N, PINNED());
}

TEST_HARNESS_MAIN

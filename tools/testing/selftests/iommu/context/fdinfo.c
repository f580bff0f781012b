// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/fdinfo of a file of /dev/iommu: what its context maps and pins. */
#include <pthread.h>
#include <sys/wait.h>

#include "mock.h"

#define MEMORY		(64 * PAGE)
#define AT		0x1000000UL
#define NONE		(-1L)

/* One IOAS without a device */
FIXTURE(fdinfo)
{
	int fd;
	__u32 ioas_id;
	char *memory;
};

FIXTURE_SETUP(fdinfo)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(fdinfo)
{
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
}

/* The line that begins with a key, without the key, colon and tab */
static int fdinfo_text(int fd, const char *key, char *text, size_t size)
{
	char path[64], line[256];
	int found = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		size_t length = strlen(key);

		if (strncmp(line, key, length) ||
		    strncmp(line + length, ":\t", 2))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(text, size, "%s", line + length + 2);
		found = found ? 0 : -EEXIST; /* a key comes once */
	}
	fclose(file);
	return found;
}

/* The value of a key, which has a unit or none; NONE if there is no such key */
static long fdinfo_value(int fd, const char *key, const char *unit)
{
	char text[256], *end;
	long value;

	if (fdinfo_text(fd, key, text, sizeof(text)))
		return NONE;
	value = strtol(text, &end, 10);
	return end == text || strcmp(end, unit) ? -2 : value;
}

static long fdinfo_kib(int fd, const char *key)
{
	return fdinfo_value(fd, key, " KiB");
}

static long fdinfo_count(int fd, const char *key)
{
	return fdinfo_value(fd, key, "");
}

static long ioas_value(int fd, __u32 id, const char *what)
{
	char key[64];

	snprintf(key, sizeof(key), "iommufd-ioas-%u-%s", id, what);
	return fdinfo_value(fd, key, strcmp(what, "mappings") ? " KiB" : "");
}

TEST_F(fdinfo, of_an_empty_context)
{
	int fd = iommu_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-objects"));
	EXPECT_EQ(0, fdinfo_kib(fd, "iommufd-mapped"));
	EXPECT_EQ(0, fdinfo_kib(fd, "iommufd-pinned"));
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-maps"));
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-unmaps"));
	EXPECT_EQ(NONE, ioas_value(fd, 1, "mapped"));
	close(fd);
}

TEST_F(fdinfo, counts_what_is_mapped)
{
	__u32 id = self->ioas_id;
	int fd = self->fd;

	EXPECT_EQ(0, ioas_map(fd, id, self->memory, 3 * PAGE, AT));
	EXPECT_EQ(0, ioas_map(fd, id, self->memory, PAGE, AT + MEMORY));
	EXPECT_EQ(16, ioas_value(fd, id, "mapped"));
	EXPECT_EQ(2, ioas_value(fd, id, "mappings"));
	EXPECT_EQ(0, ioas_value(fd, id, "pinned"));
	EXPECT_EQ(2, fdinfo_count(fd, "iommufd-maps"));

	/* Calls that fail change nothing. */
	EXPECT_EQ(-EEXIST, ioas_map(fd, id, self->memory, PAGE, AT));
	EXPECT_EQ(-ENOENT, ioas_unmap(fd, id, AT, PAGE));
	EXPECT_EQ(2, ioas_value(fd, id, "mappings"));
	EXPECT_EQ(2, fdinfo_count(fd, "iommufd-maps"));
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-unmaps"));

	EXPECT_EQ(0, ioas_unmap(fd, id, AT, 3 * PAGE));
	EXPECT_EQ(4, ioas_value(fd, id, "mapped"));
	EXPECT_EQ(1, ioas_value(fd, id, "mappings"));
	EXPECT_EQ(4, fdinfo_kib(fd, "iommufd-mapped"));
	EXPECT_EQ(2, fdinfo_count(fd, "iommufd-maps"));
	EXPECT_EQ(1, fdinfo_count(fd, "iommufd-unmaps"));
}

TEST_F(fdinfo, counts_what_is_pinned_for_devices)
{
	__u32 id = self->ioas_id, other;
	struct mock_dev dev;
	int fd = self->fd;
	char text[64], key[64];

	EXPECT_EQ(0, ioas_map(fd, id, self->memory, 4 * PAGE, AT));
	ASSERT_EQ(0, mock_attach(fd, id, &dev));
	EXPECT_EQ(16, ioas_value(fd, id, "pinned"));
	EXPECT_EQ(0, ioas_map(fd, id, self->memory, 2 * PAGE, AT + MEMORY));
	EXPECT_EQ(24, ioas_value(fd, id, "pinned"));
	/* A map that fails while it pins is undone. */
	EXPECT_EQ(-EFAULT, ioas_map(fd, id, (void *)PAGE, PAGE, 2 * AT));
	EXPECT_EQ(24, ioas_value(fd, id, "pinned"));

	/* Each IOAS counts what it shares with another. */
	ASSERT_EQ(0, ioas_alloc(fd, &other));
	EXPECT_EQ(0, ioas_copy(fd, other, id, PAGE, AT, AT));
	EXPECT_EQ(4, ioas_value(fd, other, "mapped"));
	EXPECT_EQ(0, ioas_value(fd, other, "pinned"));
	EXPECT_EQ(28, fdinfo_kib(fd, "iommufd-mapped"));
	EXPECT_EQ(24, fdinfo_kib(fd, "iommufd-pinned"));

	snprintf(key, sizeof(key), "iommufd-device-%u", dev.dev_id);
	EXPECT_EQ(0, fdinfo_text(fd, key, text, sizeof(text)));

	EXPECT_EQ(0, iommu_destroy(fd, dev.id));
	EXPECT_EQ(0, ioas_value(fd, id, "pinned"));
	EXPECT_EQ(24, ioas_value(fd, id, "mapped"));
	EXPECT_EQ(-ENOENT, fdinfo_text(fd, key, text, sizeof(text)));
	EXPECT_EQ(2, fdinfo_count(fd, "iommufd-objects"));
}

TEST_F(fdinfo, counts_parts_of_a_mapping)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = AT + PAGE,
		.size = PAGE,
	};
	__u32 id = self->ioas_id;
	struct iommu_vfio_ioas set = {
		.size = sizeof(set),
		.ioas_id = id,
		.op = IOMMU_VFIO_IOAS_SET,
	};
	struct mock_dev dev;
	int fd = self->fd;

	ASSERT_EQ(0, call(fd, IOMMU_VFIO_IOAS, &set));
	ASSERT_EQ(0, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, mock_attach(fd, id, &dev));
	EXPECT_EQ(0, ioas_map(fd, id, self->memory, 3 * PAGE, AT));
	EXPECT_EQ(0, call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(8, ioas_value(fd, id, "mapped"));
	EXPECT_EQ(8, ioas_value(fd, id, "pinned"));
	EXPECT_EQ(2, ioas_value(fd, id, "mappings"));
	EXPECT_EQ(0, iommu_destroy(fd, dev.id));
	EXPECT_EQ(0, ioas_value(fd, id, "pinned"));
}

/* The caller cannot be told the IOVA, so the mapping is undone. */
TEST_F(fdinfo, does_not_count_a_map_that_cannot_be_answered)
{
	struct iommu_ioas_map *arg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u32 id = self->ioas_id;
	struct mock_dev dev;
	int fd = self->fd;

	ASSERT_NE(MAP_FAILED, (void *)arg);
	ASSERT_EQ(0, mock_attach(fd, id, &dev));
	arg->size = sizeof(*arg);
	arg->flags = RW;
	arg->ioas_id = id;
	arg->user_va = addr(self->memory);
	arg->length = MEMORY;
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, call(fd, IOMMU_IOAS_MAP, arg));
	EXPECT_EQ(0, ioas_value(fd, id, "mapped"));
	EXPECT_EQ(0, ioas_value(fd, id, "mappings"));
	EXPECT_EQ(0, ioas_value(fd, id, "pinned"));
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-maps"));
	EXPECT_EQ(0, fdinfo_count(fd, "iommufd-unmaps"));
	munmap(arg, PAGE);
}

/* A file that a child has inherited has its parent's context. */
TEST_F(fdinfo, of_an_inherited_file)
{
	__u32 id = self->ioas_id;
	int fd = self->fd;
	int status;
	pid_t pid;

	EXPECT_EQ(0, ioas_map(fd, id, self->memory, 3 * PAGE, AT));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		bool same = ioas_value(fd, id, "mapped") == 12 &&
			    fdinfo_count(fd, "iommufd-maps") == 1;

		close(fd);
		_exit(!same);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(12, ioas_value(fd, id, "mapped"));
}

struct busy {
	int fd;
	__u32 ioas_id;
	char *memory;
	bool stop;
};

static void *map_and_unmap(void *arg)
{
	struct busy *busy = arg;
	long failed = 0;

	while (!__atomic_load_n(&busy->stop, __ATOMIC_RELAXED)) {
		failed += !!ioas_map(busy->fd, busy->ioas_id, busy->memory,
				     MEMORY, AT);
		failed += !!ioas_unmap(busy->fd, busy->ioas_id, AT, MEMORY);
	}
	return (void *)failed;
}

static void *come_and_go(void *arg)
{
	struct busy *busy = arg;
	long failed = 0;
	__u32 id;

	while (!__atomic_load_n(&busy->stop, __ATOMIC_RELAXED)) {
		failed += !!ioas_alloc(busy->fd, &id);
		failed += !!ioas_map(busy->fd, id, busy->memory, PAGE, AT);
		failed += !!iommu_destroy(busy->fd, id);
	}
	return (void *)failed;
}

/* Objects come and go, and are destroyed while a reader holds them. */
TEST_F(fdinfo, while_other_threads_map_and_destroy)
{
	struct busy busy = {
		.fd = self->fd,
		.ioas_id = self->ioas_id,
		.memory = self->memory,
	};
	void *(*const work[])(void *) = { map_and_unmap, come_and_go };
	pthread_t threads[ARRAY_LEN(work)];
	struct mock_dev dev;
	void *failed;
	size_t i;
	long n = 0;

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	for (i = 0; i < ARRAY_LEN(work); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, work[i], &busy));
	for (i = 0; i < patient_rounds(1000); i++) {
		n = ioas_value(self->fd, self->ioas_id, "mapped");
		if (n != 0 && n != (long)(MEMORY >> 10))
			break;
		n = fdinfo_kib(self->fd, "iommufd-mapped");
		if (n < 0 || n > (long)((MEMORY + PAGE) >> 10))
			break;
	}
	EXPECT_EQ(patient_rounds(1000), i)
		TH_LOG("%ld KiB mapped", n);
	__atomic_store_n(&busy.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_LEN(work); i++) {
		ASSERT_EQ(0, pthread_join(threads[i], &failed));
		EXPECT_EQ(NULL, failed);
	}

	EXPECT_EQ(0, ioas_value(self->fd, self->ioas_id, "mapped"));
	EXPECT_EQ(0, ioas_value(self->fd, self->ioas_id, "mappings"));
	EXPECT_EQ(0, ioas_value(self->fd, self->ioas_id, "pinned"));
	EXPECT_EQ(fdinfo_count(self->fd, "iommufd-maps"),
		  fdinfo_count(self->fd, "iommufd-unmaps"));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues that the hardware of a virtual IOMMU reads in memory, and the registers
 * of a virtual IOMMU that are mapped.
 */
#include <sys/wait.h>

#include "../race.h"
#include "viommu.h"

#define TYPE		IOMMU_HW_QUEUE_TYPE_SELFTEST
#define NPAGES		16UL
#define LENGTH		(NPAGES * PAGE)
#define AT		(64 * HUGE)
#define REGS_LENGTH	(2 * PAGE)

/*
 * A device that is attached elsewhere, and a virtual IOMMU.  Its IOAS maps memory
 * that is contiguous, in two halves.
 */
FIXTURE(hw_queue)
{
	int fd;
	__u32 dev_ioas_id;
	__u32 ioas_id;
	__u32 parent;
	struct mock_dev dev;
	__u32 viommu;
	__u64 offset;
	struct mock_viommu_regs *regs;
	char *memory;
	long pinned;
};

static void *map_regs(int fd, __u64 offset)
{
	void *p = mmap(NULL, REGS_LENGTH, PROT_READ, MAP_SHARED, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

static int viommu_with_regs(int fd, __u32 dev_id, __u32 hwpt_id, __u32 in_data,
			    __u32 *id, __u64 *offset)
{
	struct iommu_viommu_selftest data = { .in_data = in_data };
	int rc = viommu_alloc_data(fd, dev_id, hwpt_id, VIOMMU_TYPE, &data,
				   sizeof(data), id);

	*offset = data.out_mmap_offset;
	return rc ?: data.out_mmap_length == REGS_LENGTH ? 0 : -EBADE;
}

FIXTURE_SETUP(hw_queue)
{
	self->fd = mock_open(&self->dev_ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, viommu_with_regs(self->fd, self->dev.dev_id, self->parent,
				      7, &self->viommu, &self->offset));
	self->regs = map_regs(self->fd, self->offset);
	ASSERT_NE(NULL, self->regs);
	self->memory = huge_pages(HUGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, LENGTH / 2,
			      AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id,
			      self->memory + LENGTH / 2, LENGTH / 2,
			      AT + LENGTH / 2));
}

FIXTURE_TEARDOWN(hw_queue)
{
	if (self->regs)
		munmap(self->regs, REGS_LENGTH);
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(self->pinned, pinned());
}

static int hw_queue_alloc(int fd, __u32 viommu_id, __u32 index, __u64 iova,
			  __u64 length, __u32 *id)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = viommu_id,
		.type = TYPE,
		.index = index,
		.nesting_parent_iova = iova,
		.length = length,
	};
	int rc = call(fd, IOMMU_HW_QUEUE_ALLOC, &arg);

	*id = arg.out_hw_queue_id;
	return rc;
}

#define QUEUE(index, iova, length, id)					\
	hw_queue_alloc(self->fd, self->viommu, index, iova, length, id)
#define DESTROY(object)	iommu_destroy(self->fd, object)
#define UNMAP(iova, length)						\
	ioas_unmap(self->fd, self->ioas_id, iova, length)

/* The physical address of memory of this process, 0 if it is not there */
static __u64 phys_of(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), addr(p) / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * PAGE +
				     addr(p) % PAGE : 0;
}

/* HW_QUEUE_ALLOC */

TEST_F(hw_queue, hardware_is_told_where_it_is)
{
	static const struct {
		__u64 offset;
		__u64 length;
	} cases[] = {
		{ 0, PAGE }, { 0, LENGTH }, { PAGE, 2 * PAGE }, { 1, 1 },
		{ PAGE - 1, 2 }, { LENGTH / 2 - 8, 16 }, { LENGTH - 1, 1 },
	};
	unsigned int i;
	__u32 id;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ASSERT_EQ(0, QUEUE(0, AT + cases[i].offset, cases[i].length,
				   &id));
		EXPECT_EQ(phys_of(self->memory + cases[i].offset),
			  self->regs->queues[0].phys);
		EXPECT_NE(0, self->regs->queues[0].phys);
		EXPECT_EQ(cases[i].length, self->regs->queues[0].length);
		ASSERT_EQ(0, DESTROY(id));
		EXPECT_EQ(0, self->regs->queues[0].phys);
		EXPECT_EQ(0, self->regs->queues[0].length);
	}
}

/* In the order of the checks: each call has the mistakes that come later */
TEST_F(hw_queue, order_of_checks)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg),
		.flags = 1,
		.viommu_id = BAD_ID,
		.type = TYPE,
		.index = IOMMU_TEST_HW_QUEUE_MAX,
		.nesting_parent_iova = ALL - 1,
	};
	const __u32 others[] = {
		BAD_ID, self->parent, self->ioas_id, self->dev.dev_id, 0
	};
	unsigned int i;

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.flags = 0;
	arg.type = IOMMU_HW_QUEUE_TYPE_DEFAULT;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.type = TYPE + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.length = 3;
	EXPECT_EQ(-EOVERFLOW, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.nesting_parent_iova = 0;
	for (i = 0; i < ARRAY_LEN(others); i++) {
		arg.viommu_id = others[i];
		EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	}
	arg.viommu_id = self->viommu;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.type = IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.type = TYPE;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.nesting_parent_iova = AT;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	arg.index = 1;
	EXPECT_EQ(-EIO, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	EXPECT_EQ(0, arg.out_hw_queue_id);
	arg.index = 0;
	EXPECT_EQ(0, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	EXPECT_NE(0, arg.out_hw_queue_id);
	EXPECT_EQ(-EEXIST, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
}

TEST_F(hw_queue, sizes)
{
	struct {
		struct iommu_hw_queue_alloc known;
		unsigned char more[24];
	} arg;
	__u32 size;

	for (size = 0; size <= sizeof(arg); size++) {
		memset(&arg, 0, sizeof(arg));
		arg.known.size = size;
		arg.known.viommu_id = self->viommu;
		arg.known.type = TYPE;
		arg.known.nesting_parent_iova = AT;
		arg.known.length = 1;
		ASSERT_EQ(size < 40 ? -EINVAL : 0,
			  call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
		if (size < 40)
			continue;
		ASSERT_EQ(0, DESTROY(arg.known.out_hw_queue_id));
		if (size == 40)
			continue;
		arg.more[size - 41] = 1;
		EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg));
	}
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HW_QUEUE_ALLOC, NULL));
}

/* What is pinned of a range that is not all right is given back */
TEST_F(hw_queue, memory_must_be_mapped_and_readable)
{
	const __u64 after = AT + LENGTH;
	char *other = huge_pages(HUGE);
	void *mmio;
	int region;
	__u32 id;

	ASSERT_NE(NULL, other);
	EXPECT_EQ(-ENOENT, QUEUE(0, AT, LENGTH + 1, &id));
	EXPECT_EQ(-ENOENT, QUEUE(0, AT - 1, 2, &id));
	EXPECT_EQ(-ENOENT, QUEUE(0, AT - PAGE, LENGTH, &id));
	EXPECT_EQ(-ENOENT, QUEUE(0, ALL - PAGE + 1, PAGE, &id));
	EXPECT_EQ(-EOVERFLOW, QUEUE(0, ALL - PAGE + 2, PAGE, &id));
	EXPECT_EQ(-ENOENT, QUEUE(0, 0, ALL, &id));

	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | WRITEABLE,
				    other, PAGE, &(__u64) { after }));
	EXPECT_EQ(-EPERM, QUEUE(0, after, PAGE, &id));
	EXPECT_EQ(-EPERM, QUEUE(0, AT, LENGTH + PAGE, &id));
	ASSERT_EQ(0, UNMAP(after, PAGE));

	region = mock_mmio(self->fd, PAGE);
	ASSERT_LE(0, region);
	mmio = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
	ASSERT_NE(MAP_FAILED, mmio);
	ASSERT_EQ(0, mock_mmio_set(self->fd, region, 1));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, mmio, PAGE, after));
	EXPECT_EQ(-EINVAL, QUEUE(0, after, PAGE, &id));
	EXPECT_EQ(-EINVAL, QUEUE(0, AT, LENGTH + PAGE, &id));
	munmap(mmio, PAGE);
	close(region);
	ASSERT_EQ(0, UNMAP(AT, LENGTH + PAGE));
}

TEST_F(hw_queue, memory_must_be_contiguous)
{
	const __u64 after = AT + LENGTH;
	__u32 id;

	/* The same page twice, and pages in the wrong order */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      after));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      after + PAGE));
	EXPECT_EQ(0, QUEUE(0, after, PAGE, &id));
	EXPECT_EQ(0, DESTROY(id));
	EXPECT_EQ(-EFAULT, QUEUE(0, after, 2 * PAGE, &id));
	EXPECT_EQ(-EFAULT, QUEUE(0, after - 1, 2, &id));
	EXPECT_EQ(-EFAULT, QUEUE(0, AT, LENGTH + PAGE, &id));
	EXPECT_EQ(0, QUEUE(0, after - PAGE, PAGE, &id));
	EXPECT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, UNMAP(after, 2 * PAGE));
}

TEST_F(hw_queue, that_cannot_be_told_of_is_not_made)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = self->viommu,
		.type = TYPE,
		.nesting_parent_iova = AT,
		.length = LENGTH,
	};
	__u32 id;

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HW_QUEUE_ALLOC,
				read_only(&arg, sizeof(arg))));
	EXPECT_EQ(0, self->regs->queues[0].phys);
	EXPECT_EQ(0, QUEUE(0, AT, LENGTH, &id));
	EXPECT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, UNMAP(AT, LENGTH));
}

/* While there is a queue, what maps it stays */
TEST_F(hw_queue, unmap)
{
	__u64 length = ALL;
	__u32 id, second;

	ASSERT_EQ(0, QUEUE(0, AT + LENGTH / 2 + PAGE, 1, &id));
	EXPECT_EQ(-EBUSY, UNMAP(AT + LENGTH / 2, LENGTH / 2));
	EXPECT_EQ(-EBUSY, UNMAP(AT, LENGTH));
	EXPECT_EQ(-EBUSY, ioas_unmap_len(self->fd, self->ioas_id, 0, &length));
	/* A refused unmap has changed nothing */
	ASSERT_EQ(0, QUEUE(1, AT, LENGTH, &second));
	EXPECT_EQ(-EBUSY, UNMAP(AT, LENGTH / 2));
	EXPECT_EQ(0, mock_check_map(self->fd, self->parent, self->memory,
				    LENGTH, AT));
	ASSERT_EQ(0, DESTROY(second));
	EXPECT_EQ(0, UNMAP(AT, LENGTH / 2));
	EXPECT_EQ(-EBUSY, UNMAP(AT + LENGTH / 2, LENGTH / 2));
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, UNMAP(AT + LENGTH / 2, LENGTH / 2));
	EXPECT_EQ(self->pinned, pinned());
}

/* Mappings of parts of pages, and a queue, exclude each other */
TEST_F(hw_queue, whole_pages)
{
	const __u64 after = AT + LENGTH;
	struct iommu_iova_range range;
	__u32 n = 1, id;
	__u64 align;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, HALF,
			      after));
	EXPECT_EQ(-EADDRINUSE, QUEUE(0, AT, PAGE, &id));
	ASSERT_EQ(0, UNMAP(after, HALF));
	ASSERT_EQ(0, QUEUE(0, AT, PAGE, &id));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory, HALF,
				    after));
	EXPECT_EQ(0, ioas_ranges(self->fd, self->ioas_id, &range, &n, &align));
	EXPECT_EQ(PAGE, align);
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, ioas_ranges(self->fd, self->ioas_id, &range, &n, &align));
	EXPECT_EQ(HALF, align);
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, HALF,
			      after));
	EXPECT_EQ(0, UNMAP(after, HALF));
}

TEST_F(hw_queue, holds_the_viommu_and_what_it_depends_on)
{
	__u32 first, second, other;

	ASSERT_EQ(0, munmap(self->regs, REGS_LENGTH));
	self->regs = NULL;
	EXPECT_EQ(-EIO, QUEUE(1, AT, PAGE, &second));
	ASSERT_EQ(0, QUEUE(0, AT, PAGE, &first));
	EXPECT_EQ(-EEXIST, QUEUE(0, AT, PAGE, &other));
	EXPECT_EQ(-EINVAL, QUEUE(2, AT, PAGE, &other));
	EXPECT_EQ(-EINVAL, QUEUE(~0U, AT, PAGE, &other));
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	ASSERT_EQ(0, QUEUE(1, AT, PAGE, &second));
	EXPECT_EQ(-EEXIST, QUEUE(1, AT, PAGE, &other));
	EXPECT_EQ(-EBUSY, DESTROY(first));
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	ASSERT_EQ(0, DESTROY(second));
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	ASSERT_EQ(0, DESTROY(first));
	EXPECT_EQ(-ENOENT, DESTROY(first));
	EXPECT_EQ(0, DESTROY(self->viommu));
	EXPECT_EQ(0, DESTROY(self->parent));
}

/* Neither the device nor the process that made it has to stay */
TEST_F(hw_queue, close)
{
	__u32 id;

	ASSERT_EQ(0, QUEUE(0, AT, PAGE, &id));
	ASSERT_EQ(0, QUEUE(1, AT + PAGE, PAGE, &id));
	ASSERT_EQ(0, DESTROY(self->dev.id));
}

/* mmap() */

TEST_F(hw_queue, registers)
{
	struct mock_viommu_regs *second;
	__u64 offset;
	__u32 id;

	EXPECT_NE(0, self->offset);
	EXPECT_EQ(0, self->offset % PAGE);
	EXPECT_EQ(7, self->regs->in_data);
	ASSERT_EQ(0, viommu_with_regs(self->fd, self->dev.dev_id, self->parent,
				      9, &id, &offset));
	EXPECT_NE(self->offset, offset);
	second = map_regs(self->fd, offset);
	ASSERT_NE(NULL, second);
	EXPECT_EQ(9, second->in_data);
	EXPECT_EQ(7, self->regs->in_data);
	ASSERT_EQ(0, munmap(second, REGS_LENGTH));
	ASSERT_EQ(0, DESTROY(id));
	errno = 0;
	EXPECT_EQ(NULL, map_regs(self->fd, offset));
	EXPECT_EQ(ENXIO, errno);
}

static int try_mmap(int fd, size_t length, int prot, int flags, __u64 offset)
{
	void *p = mmap(NULL, length, prot, flags, fd, offset);

	return p == MAP_FAILED ? -errno : munmap(p, length) ? -errno : 0;
}

TEST_F(hw_queue, mmap_of_anything_else)
{
	const int rw = PROT_READ | PROT_WRITE;
	struct {
		size_t length;
		int prot;
		int flags;
		__u64 offset;
		int rc;
	} cases[] = {
		{ REGS_LENGTH, rw, MAP_SHARED, self->offset, 0 },
		{ REGS_LENGTH, PROT_READ, MAP_SHARED, self->offset, 0 },
		{ REGS_LENGTH, PROT_NONE, MAP_SHARED, self->offset, 0 },
		{ REGS_LENGTH, rw, MAP_PRIVATE, self->offset, -EINVAL },
		{ PAGE, rw | PROT_EXEC, MAP_PRIVATE, 0, -EINVAL },
		{ PAGE, rw | PROT_EXEC, MAP_SHARED, 0, -EPERM },
		{ REGS_LENGTH, PROT_EXEC, MAP_SHARED, self->offset, -EPERM },
		{ PAGE, rw, MAP_SHARED, self->offset, -ENXIO },
		{ 3 * PAGE, rw, MAP_SHARED, self->offset, -ENXIO },
		{ PAGE, rw, MAP_SHARED, self->offset + PAGE, -ENXIO },
		{ REGS_LENGTH, rw, MAP_SHARED, self->offset + PAGE, -ENXIO },
		{ REGS_LENGTH, rw, MAP_SHARED, self->offset - PAGE, -ENXIO },
		{ REGS_LENGTH, rw, MAP_SHARED, 0, -ENXIO },
		{ REGS_LENGTH, rw, MAP_SHARED, 1ULL << 62, -ENXIO },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(cases); i++)
		EXPECT_EQ(cases[i].rc, try_mmap(self->fd, cases[i].length,
						cases[i].prot, cases[i].flags,
						cases[i].offset)) {
			TH_LOG("case %u", i);
		}
	EXPECT_NE(0, mprotect(self->regs, PAGE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
}

/* Each part of a mapping holds what has the registers */
TEST_F(hw_queue, mapping_holds_the_viommu)
{
	char *regs = (char *)self->regs;

	self->regs = NULL;
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	ASSERT_EQ(0, munmap(regs, PAGE));
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	ASSERT_EQ(0, munmap(regs + PAGE, PAGE));
	EXPECT_EQ(0, DESTROY(self->viommu));
}

TEST_F(hw_queue, mapping_of_a_child_holds_the_viommu)
{
	int status, pipe_fd[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(pipe_fd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(pipe_fd[1]);
		if (read(pipe_fd[0], &c, 1))
			_exit(1);
		_exit(self->regs->in_data != 7);
	}
	ASSERT_EQ(0, munmap(self->regs, REGS_LENGTH));
	self->regs = NULL;
	EXPECT_EQ(-EBUSY, DESTROY(self->viommu));
	close(pipe_fd[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(pipe_fd[0]);
	EXPECT_EQ(0, DESTROY(self->viommu));
}

/* The mapping outlives the file descriptor */
TEST_F(hw_queue, mapping_keeps_the_context)
{
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(7, self->regs->in_data);
	EXPECT_EQ(1, mock_devices());
	ASSERT_EQ(0, munmap(self->regs, REGS_LENGTH));
	self->regs = NULL;
}

TEST_F(hw_queue, no_data_no_registers)
{
	struct iommu_viommu_selftest data = { .in_data = 5 };
	__u32 id;

	ASSERT_EQ(0, viommu_alloc(self->fd, self->dev.dev_id, self->parent,
				  &id));
	EXPECT_EQ(-ENXIO, try_mmap(self->fd, REGS_LENGTH, PROT_READ, MAP_SHARED,
				   self->offset + REGS_LENGTH));
	/* One that does not learn of the registers has some all the same */
	ASSERT_EQ(0, viommu_alloc_data(self->fd, self->dev.dev_id, self->parent,
				       VIOMMU_TYPE, &data, 8, &id));
	EXPECT_EQ(5, data.out_data);
	EXPECT_EQ(0, data.out_mmap_length);
	EXPECT_EQ(0, try_mmap(self->fd, REGS_LENGTH, PROT_READ, MAP_SHARED,
			      self->offset + REGS_LENGTH));
}

/* Races */

struct shared {
	struct race race;
	int fd;
	__u32 viommu;
	__u32 ioas_id;
	void *memory;
	atomic_uint ids[2];
	unsigned int made[2];
	unsigned int unmapped;
};

static void race_make(struct shared *r, unsigned int index)
{
	__u32 id;
	int rc;

	while (!r->race.stop) {
		rc = hw_queue_alloc(r->fd, r->viommu, index, AT, PAGE, &id);
		if (!rc) {
			r->ids[index] = id;
			r->made[index]++;
		} else if (rc != -EEXIST && rc != -EIO && rc != -ENOENT) {
			race_expect(&r->race, rc);
		}
	}
}

static void *make_first(void *arg)
{
	race_make(arg, 0);
	return NULL;
}

static void *make_second(void *arg)
{
	race_make(arg, 1);
	return NULL;
}

static void *destroy_both(void *arg)
{
	struct shared *r = arg;
	unsigned int i;
	int rc;

	for (i = 0; !r->race.stop; i = !i) {
		rc = iommu_destroy(r->fd, r->ids[i]);
		if (rc != -ENOENT && rc != -EBUSY)
			race_expect(arg, rc);
	}
	return NULL;
}

static void *unmap_and_map(void *arg)
{
	struct shared *r = arg;
	int rc;

	while (!r->race.stop) {
		rc = ioas_unmap(r->fd, r->ioas_id, AT, LENGTH / 2);
		if (rc == -EBUSY)
			continue;
		race_expect(arg, rc ?: ioas_map(r->fd, r->ioas_id, r->memory,
						LENGTH / 2, AT));
		r->unmapped++;
	}
	return NULL;
}

TEST_F(hw_queue, made_and_destroyed_while_it_is_unmapped)
{
	void *(*const fn[])(void *) = {
		make_first, make_second, destroy_both, unmap_and_map
	};
	struct shared r = {
		.fd = self->fd,
		.viommu = self->viommu,
		.ioas_id = self->ioas_id,
		.memory = self->memory,
		.ids = { BAD_ID, BAD_ID },
	};

	ASSERT_EQ(0, race_run(&r.race, fn, ARRAY_LEN(fn), 1));
	EXPECT_LT(1, r.made[0]);
	EXPECT_LT(0, r.made[1]);
	EXPECT_LT(0, r.unmapped);
	EXPECT_EQ(0, r.race.failed);
}

TEST_HARNESS_MAIN

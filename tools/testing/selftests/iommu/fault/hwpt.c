// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables with a fault queue: HWPT_ALLOC, and what becomes of faults that
 * have no answer when a device is attached elsewhere.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "fault_fixture.h"
#include "../userfault.h"

#define FAULTS		IOMMU_HWPT_FAULT_ID_VALID
#define NO_REPLACE	"modprobe " MOCK_MODULE " replaces=N"

static int alloc(int fd, __u32 dev_id, __u32 pt_id, __u32 flags, __u32 fault_id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
		.fault_id = fault_id,
	};

	return call(fd, IOMMU_HWPT_ALLOC, &arg);
}

#define ALLOC(flags, fault_id)						\
	alloc(self->fd, self->dev.dev_id, self->ioas, flags, fault_id)

/* HWPT_ALLOC */

/* The page table that was made for nothing is gone, and so are its pins. */
TEST_F(fault, unknown_queue)
{
	const __u32 bad[] = { 0, BAD_ID, ~0U, self->ioas, self->hwpt,
			      self->dev.dev_id, self->dev.id };
	char *memory = small_pages(PAGE);
	__u32 before, after, ioas;
	unsigned int i;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map(self->fd, ioas, memory, PAGE, FAULT_AT));
	ASSERT_EQ(0, ioas_alloc(self->fd, &before));
	ASSERT_EQ(0, iommu_destroy(self->fd, before));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-ENOENT, alloc(self->fd, self->dev.dev_id, ioas,
					 FAULTS, bad[i]));
	EXPECT_EQ(0, mock_check_refs(self->fd, memory, PAGE, 0));
	ASSERT_EQ(0, ioas_alloc(self->fd, &after));
	EXPECT_EQ(before, after);
	EXPECT_EQ(0, iommu_destroy(self->fd, ioas));
}

/* The queue is looked up once the page table is made. */
TEST_F(fault, other_errors_come_before_an_unknown_queue)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = 99 };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = FAULTS,
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = addr(&data),
		.fault_id = BAD_ID,
	};
	char *memory = small_pages(PAGE);
	__u32 ioas;

	ASSERT_NE(NULL, memory);
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	data.pagetable_type = MOCK_IOMMUPT_HUGE;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 0;
	arg.pt_id = self->dev.dev_id;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));

	/* Below the aperture of the mock */
	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	ASSERT_EQ(0, ioas_map(self->fd, ioas, memory, PAGE, PAGE));
	EXPECT_EQ(-EADDRINUSE, alloc(self->fd, self->dev.dev_id, ioas, FAULTS,
				     BAD_ID));
}

TEST_F(fault, nest_parent_is_not_supported)
{
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(FAULTS | IOMMU_HWPT_ALLOC_NEST_PARENT,
				     self->queue));
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(FAULTS | IOMMU_HWPT_ALLOC_NEST_PARENT,
				     BAD_ID));
}

TEST_F(fault, dirty_tracking_and_data)
{
	const struct iommu_hwpt_selftest data = {
		.pagetable_type = MOCK_IOMMUPT_HUGE,
	};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = FAULTS | TRACKED,
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = addr(&data),
		.fault_id = self->queue,
		.__reserved2 = ~0U,
	};

	ASSERT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, dirty_set(self->fd, arg.out_hwpt_id, ENABLE));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, arg.out_hwpt_id));
	ASSERT_EQ(0, RAISE(1));
	EXPECT_EQ(1, queue_take(self->file));
}

/* Destroy all but the queue: does anything hold it? */
static int destroy_queue(int fd, const struct mock_dev *dev, __u32 hwpt,
			 int file, __u32 queue)
{
	return iommu_destroy(fd, dev->id) ?: iommu_destroy(fd, hwpt) ?:
	       close(file) ?: iommu_destroy(fd, queue);
}

TEST_F(fault, without_the_flag_the_queue_is_not_looked_at)
{
	EXPECT_EQ(0, ALLOC(0, BAD_ID));
	EXPECT_EQ(0, ALLOC(0, self->queue));
	EXPECT_EQ(0, ALLOC(TRACKED, self->queue));
	EXPECT_EQ(0, destroy_queue(self->fd, &self->dev, self->hwpt, self->file,
				   self->queue));
	self->file = -1;
}

TEST_F(fault, one_that_fails_does_not_hold_the_queue)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = FAULTS,
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas,
		.fault_id = self->queue,
	};

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_ALLOC,
				read_only(&arg, sizeof(arg))));
	arg.pt_id = BAD_ID;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(FAULTS | 1 << 31, self->queue));
	EXPECT_EQ(0, destroy_queue(self->fd, &self->dev, self->hwpt, self->file,
				   self->queue));
	self->file = -1;
}

/* A caller whose struct ends before the field names no queue. */
TEST_F(fault, short_argument)
{
	struct iommu_hwpt_alloc arg = {
		.size = offsetof(struct iommu_hwpt_alloc, fault_id),
		.flags = FAULTS,
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas,
		.fault_id = self->queue,
	};

	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.size += sizeof(arg.fault_id);
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

/* TRIGGER_IOPF */

TEST_F(fault, unknown_device)
{
	const __u32 bad[] = { 0, BAD_ID, self->ioas, self->hwpt, self->dev.id };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-ENOENT, mock_fault(self->fd, bad[i], 1));
	EXPECT_EQ(-EINVAL, RAISE_PAGES(1, 0));
	EXPECT_EQ(-EINVAL, RAISE_PAGES(1, MOCK_MAX_FAULTS + 1));
	EXPECT_EQ(0, RAISE_PAGES(1, MOCK_MAX_FAULTS));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
}

TEST_F(fault, nobody_gets_faults_of_a_pasid_that_is_not_attached)
{
	struct iommu_test_cmd cmd = {
		.trigger_iopf.dev_id = self->dev.dev_id,
		.trigger_iopf.pasid = 1,
	};

	EXPECT_EQ(0, mock_cmd(self->fd, IOMMU_TEST_OP_TRIGGER_IOPF, &cmd));
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
}

TEST_F(fault, nobody_gets_faults_without_a_queue)
{
	__u32 plain;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&plain));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, plain));
	EXPECT_EQ(0, RAISE(1));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
	/* An attach to the IOAS makes a page table without a queue. */
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas));
	EXPECT_NE(self->hwpt, self->dev.hwpt_id);
	EXPECT_EQ(0, RAISE(2));
	EXPECT_ANSWERS(self->since, 0, 0, 2);
	EXPECT_EQ(POLLOUT, queue_events(self->file));
}

/* Attach, replace, detach */

TEST_F(fault, attach_to_it)
{
	struct iommu_hwpt_pgfault fault;
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach(self->fd, self->hwpt, &dev));
	EXPECT_NE(self->dev.dev_id, dev.dev_id);
	ASSERT_EQ(0, mock_fault(self->fd, dev.dev_id, 5));
	ASSERT_EQ(0, RAISE(6));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(dev.dev_id, fault.dev_id);
	EXPECT_EQ(5, fault.grpid);
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(self->dev.dev_id, fault.dev_id);
	EXPECT_EQ(6, fault.grpid);

	/* Detach answers what is of that device, and nothing else. */
	ASSERT_EQ(0, mock_fault(self->fd, dev.dev_id, 7));
	ASSERT_EQ(0, RAISE(8));
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_ANSWERS(self->since, 2, 0, 2);
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(1, queue_answer(self->file, 2, SUCCESS));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(8, fault.grpid);
	EXPECT_EQ(1, fault.cookie);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 2, 2);
}

/* Two groups without an answer: cookie 1 is delivered, the other one is not */
static void raise_two(struct __test_metadata *_metadata, int fd,
		      const struct mock_dev *dev, int file)
{
	ASSERT_EQ(0, mock_fault(fd, dev->dev_id, 1));
	ASSERT_EQ(0, mock_fault_pages(fd, dev->dev_id, 2, 3));
	ASSERT_EQ(1, queue_take(file));
}

TEST_F(fault, detach_answers_all)
{
	raise_two(_metadata, self->fd, &self->dev, self->file);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 0, 0, 2);
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	EXPECT_EQ(0, queue_take(self->file));
}

TEST_F(fault, replace_answers_all)
{
	__u32 plain, same_queue, other_queue, queue;
	int other = fault_queue_alloc(self->fd, &queue), i;
	struct mock_answers since = self->since;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&plain));
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       self->queue, &same_queue));
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       queue, &other_queue));
	for (i = 0; i < 4; i++) {
		const __u32 to[] = { plain, self->ioas, same_queue,
				     other_queue };

		raise_two(_metadata, self->fd, &self->dev, self->file);
		ASSERT_EQ(0, mock_replace(self->fd, &self->dev, to[i]));
		EXPECT_ANSWERS(since, 0, 0, 2);
		EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
		EXPECT_EQ(POLLOUT, queue_events(self->file));
		EXPECT_EQ(POLLOUT, queue_events(other));

		/* A new fault goes where the device is now. */
		ASSERT_EQ(0, RAISE(3));
		EXPECT_EQ(i == 2, queue_take(self->file));
		EXPECT_EQ(i == 3, queue_take(other));
		EXPECT_ANSWERS(since, i >= 2, 0, i < 2 ? 3 : 2);
		/* And back */
		ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->hwpt));
		EXPECT_ANSWERS(since, 0, 0, 3);
		EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
		EXPECT_EQ(-EINVAL, queue_answer(other, 1, SUCCESS));
		since = mock_answers();
	}
	close(other);
}

/* Groups of two devices: what is attached is the group. */

TEST_F(fault, faults_of_a_group_bear_the_device_that_attached_it)
{
	struct iommu_hwpt_pgfault faults[2];
	struct mock_dev mate;
	__u32 ioas;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas));
	EXPECT_EQ(-EINVAL, mock_mate(self->fd, &self->dev, ioas, &mate));
	EXPECT_EQ(1, mock_devices());
	ASSERT_EQ(0, mock_mate(self->fd, &self->dev, self->hwpt, &mate));
	EXPECT_EQ(self->hwpt, mate.hwpt_id);
	EXPECT_NE(self->dev.dev_id, mate.dev_id);
	ASSERT_EQ(0, mock_fault(self->fd, mate.dev_id, 1));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(2, queue_read(self->file, faults, 2));
	EXPECT_EQ(1, faults[0].grpid);
	EXPECT_EQ(self->dev.dev_id, faults[0].dev_id);
	EXPECT_EQ(2, faults[1].grpid);
	EXPECT_EQ(self->dev.dev_id, faults[1].dev_id);
	/* While there are two, none of them can move. */
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, &mate, self->ioas));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	ASSERT_EQ(0, iommu_destroy(self->fd, mate.id));
}

TEST_F(fault, last_detach_of_a_group_answers_all)
{
	struct mock_dev mate;

	ASSERT_EQ(0, mock_mate(self->fd, &self->dev, self->hwpt, &mate));
	raise_two(_metadata, self->fd, &self->dev, self->file);
	/* The first one goes, which has attached the group. */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	ASSERT_EQ(0, mock_fault(self->fd, mate.dev_id, 3));
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 2, 1, 0);
	ASSERT_EQ(0, iommu_destroy(self->fd, mate.id));
	EXPECT_ANSWERS(self->since, 0, 1, 2);
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	EXPECT_EQ(0, mock_devices());
}

TEST_F(fault, replace_of_a_group_by_who_is_left)
{
	struct iommu_hwpt_pgfault fault;
	struct mock_dev mate;
	__u32 other;

	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       self->queue, &other));
	ASSERT_EQ(0, mock_mate(self->fd, &self->dev, self->hwpt, &mate));
	raise_two(_metadata, self->fd, &mate, self->file);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	ASSERT_EQ(0, mock_replace(self->fd, &mate, other));
	EXPECT_ANSWERS(self->since, 0, 0, 2);
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	ASSERT_EQ(0, mock_fault(self->fd, mate.dev_id, 3));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(mate.dev_id, fault.dev_id);
	ASSERT_EQ(0, iommu_destroy(self->fd, mate.id));
}

TEST_F(fault, replace_by_the_same_answers_nothing)
{
	raise_two(_metadata, self->fd, &self->dev, self->file);
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->hwpt));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
}

/* A device whose IOMMU cannot track what is written */
TEST_F(fault, replace_that_fails_answers_nothing)
{
	struct mock_dev dev;
	__u32 tracked;

	ASSERT_EQ(0, ALLOC(FAULTS | TRACKED, self->queue));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->hwpt,
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, TRACKED,
				&tracked));
	raise_two(_metadata, self->fd, &dev, self->file);
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, &dev, tracked));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &dev, BAD_ID));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	ASSERT_EQ(0, mock_fault(self->fd, dev.dev_id, 3));
	EXPECT_ANSWERS(self->since, 2, 1, 0);
}

/*
 * The device that is moved away is detached by that, and attached to its page table
 * again.
 * at_once: a move is a replace that fails, else an attach that does.
 */
static void fail_and_attach_again(struct __test_metadata *_metadata,
				  bool at_once)
{
	__u32 ioas, queue, hwpt;
	struct mock_answers since;
	struct mock_dev dev;
	long blocked;
	int fd, file;

	since = mock_answers();
	fd = mock_open(&ioas);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
	file = fault_queue_alloc(fd, &queue);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, hwpt_alloc_faults(fd, dev.dev_id, ioas, queue, &hwpt));
	ASSERT_EQ(0, mock_replace(fd, &dev, hwpt));
	raise_two(_metadata, fd, &dev, file);

	blocked = mock_blocked();
	ASSERT_EQ(0, mock_fail(at_once, !at_once));
	EXPECT_EQ(-EIO, mock_replace(fd, &dev, ioas));
	EXPECT_EQ(blocked + 1, mock_blocked());
	EXPECT_ANSWERS(since, 2, 0, 0);
	EXPECT_EQ(1, queue_answer(file, 1, SUCCESS));
	/* It cannot be attached again: it is blocked, and attached anew. */
	ASSERT_EQ(0, mock_fail(at_once, !at_once + 1));
	EXPECT_EQ(-EIO, mock_replace(fd, &dev, ioas));
	EXPECT_ANSWERS(since, 1, 1, 0);
	ASSERT_EQ(0, mock_replace(fd, &dev, hwpt));
	EXPECT_ANSWERS(since, 0, 1, 1);
	ASSERT_EQ(0, mock_fault(fd, dev.dev_id, 3));
	EXPECT_EQ(1, queue_take(file));
	/* The context ends while it is blocked. */
	ASSERT_EQ(0, mock_fail(at_once, !at_once + 1));
	EXPECT_EQ(-EIO, mock_replace(fd, &dev, ioas));
	EXPECT_ANSWERS(since, 1, 1, 1);
	close(file);
	close(fd);
	EXPECT_ANSWERS(since, 0, 1, 2);
	EXPECT_EQ(0, mock_unload());
}

/* As on 6.1, where a move is a detach and an attach */
TEST(replace_that_fails_and_attaches_again)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, system(NO_REPLACE));
	fail_and_attach_again(_metadata, false);
}

/* As on 7.x, where a replace that fails may leave the device without a page table */
TEST(replace_at_once_that_fails_and_attaches_again)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, mock_load());
	fail_and_attach_again(_metadata, true);
}

/* A reader that is stopped in the middle of the copy */

struct reader {
	pthread_t thread;
	struct userfault page;
	int file;
	void *buffer;
	long rc;
};

static void *run_reader(void *arg)
{
	struct reader *reader = arg;

	reader->rc = queue_read(reader->file, reader->buffer, 2);
	return NULL;
}

/* Returns when the reader waits for its second page. */
static int stop_reader(struct reader *reader, int file, size_t before)
{
	char *p = anon(2 * PAGE);
	int rc;

	if (!p)
		return -ENOMEM;
	*p = 1;
	reader->file = file;
	reader->buffer = p + PAGE - before;
	rc = userfault_start(&reader->page, p + PAGE,
			     UFFDIO_REGISTER_MODE_MISSING);
	if (rc)
		return rc;
	return -pthread_create(&reader->thread, NULL, run_reader, reader) ?:
	       userfault_wait(&reader->page);
}

static long end_reader(struct reader *reader)
{
	static const char zeros[PAGE];
	int rc = userfault_end(&reader->page, zeros) ?:
		 -pthread_join(reader->thread, NULL);

	return rc ?: reader->rc;
}

/* Detach does not wait for the reader, who then finds no fault. */
TEST_F(fault, detach_while_a_reader_copies)
{
	struct reader reader = {};

	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, stop_reader(&reader, self->file, FAULT_SIZE / 2));
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(0, end_reader(&reader));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
}

/* Its cookie is not given to another group before the copy is over. */
TEST_F(fault, replace_while_a_reader_copies)
{
	struct iommu_hwpt_pgfault *faults;
	struct reader reader = {};
	__u32 other;

	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       self->queue, &other));
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, stop_reader(&reader, self->file, FAULT_SIZE / 2));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, other));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
	ASSERT_EQ(0, RAISE(2));
	EXPECT_EQ(2, queue_take(self->file));
	ASSERT_EQ(0, RAISE(3));
	/* The reader skips what is answered and takes the next one. */
	ASSERT_EQ(1, end_reader(&reader));
	faults = reader.buffer;
	EXPECT_EQ(3, faults->grpid);
	EXPECT_EQ(1, faults->cookie);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(3, mock_answers().last);
	EXPECT_EQ(1, queue_answer(self->file, 2, SUCCESS));
	EXPECT_EQ(2, mock_answers().last);
	EXPECT_ANSWERS(self->since, 0, 2, 1);
}

/* What was delivered to a reader before stays delivered. */
TEST_F(fault, detach_while_a_reader_copies_another_group)
{
	struct iommu_hwpt_pgfault *faults;
	struct reader reader = {};
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach(self->fd, self->hwpt, &dev));
	ASSERT_EQ(0, mock_fault(self->fd, dev.dev_id, 1));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(0, stop_reader(&reader, self->file, FAULT_SIZE));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 1, 0, 1);
	ASSERT_EQ(1, end_reader(&reader));
	faults = reader.buffer;
	EXPECT_EQ(1, faults->grpid);
	EXPECT_EQ(1, faults->cookie);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(1, mock_answers().last);
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
}

/* Files and threads at the same time */

struct worker {
	pthread_t thread;
	int fd;
	int file;
	struct mock_dev dev;
	__u32 pt_id[3];
	atomic_bool *stop;
	unsigned long rounds;
	int rc;
};

static void *raise_faults(void *arg)
{
	struct worker *w = arg;

	while (!*w->stop && !w->rc) {
		w->rc = w->rounds % 3 ?
			mock_fault(w->fd, w->dev.dev_id, w->rounds) :
			mock_fault_pages(w->fd, w->dev.dev_id, w->rounds, 2);
		w->rounds++;
	}
	return NULL;
}

/* Answer what comes; an end of the attachment may come before the answer. */
static void *handle_faults(void *arg)
{
	struct worker *w = arg;
	struct iommu_hwpt_pgfault faults[8];
	long n, i, rc;

	while (!*w->stop && !w->rc) {
		n = queue_read(w->file, faults, 2 + w->rounds % 7);
		w->rc = n < 0 ? n : 0;
		for (i = 0; i < n; i++) {
			if (!(faults[i].flags & LAST_PAGE))
				continue;
			rc = queue_answer(w->file, faults[i].cookie, i % 2);
			if (rc != 1 && rc != -EINVAL)
				w->rc = rc;
			w->rounds += rc == 1;
		}
	}
	return NULL;
}

/* Cookies of others, whether they exist or not */
static void *guess_cookies(void *arg)
{
	struct worker *w = arg;
	long rc;

	while (!*w->stop && !w->rc) {
		rc = queue_answer(w->file, 1 + w->rounds % 16, INVALID);
		if (rc != 1 && rc != -EINVAL)
			w->rc = rc;
		if (queue_events(w->file) < 0)
			w->rc = -EIO;
		w->rounds++;
	}
	return NULL;
}

static void *move_device(void *arg)
{
	struct worker *w = arg;

	while (!*w->stop && !w->rc)
		w->rc = mock_replace(w->fd, &w->dev,
				     w->pt_id[w->rounds++ % 3]);
	return NULL;
}

/* A device that comes and goes */
static void *attach_and_detach(void *arg)
{
	struct worker *w = arg;
	struct mock_dev dev;

	while (!*w->stop && !w->rc) {
		w->rc = mock_attach(w->fd, w->pt_id[0], &dev) ?:
			mock_fault(w->fd, dev.dev_id, 1) ?:
			mock_fault_pages(w->fd, dev.dev_id, 2, 2) ?:
			iommu_destroy(w->fd, dev.id);
		w->rounds++;
	}
	return NULL;
}

/* A file and a queue that come and go, with a device or without */
static void *open_and_close(void *arg)
{
	struct worker *w = arg;
	__u32 queue, hwpt;
	int file;

	while (!*w->stop && !w->rc) {
		file = fault_queue_alloc(w->fd, &queue);
		if (file < 0) {
			w->rc = file;
			break;
		}
		w->rc = hwpt_alloc_faults(w->fd, w->dev.dev_id, w->pt_id[1],
					  queue, &hwpt) ?:
			close(file) ?:
			iommu_destroy(w->fd, hwpt) ?:
			iommu_destroy(w->fd, queue);
		w->rounds++;
	}
	return NULL;
}

/* Each fault has one answer, whoever is first. */
TEST_F_TIMEOUT(fault, race, 120)
{
	static void *(*const run[])(void *arg) = {
		raise_faults, handle_faults, handle_faults, guess_cookies,
		move_device, attach_and_detach, open_and_close,
	};
	struct worker workers[ARRAY_LEN(run)] = {};
	struct mock_answers now;
	atomic_bool stop = false;
	unsigned long raised;
	unsigned int i;
	__u32 other;

	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       self->queue, &other));
	for (i = 0; i < ARRAY_LEN(run); i++) {
		workers[i].fd = self->fd;
		workers[i].file = self->file;
		workers[i].dev = self->dev;
		workers[i].pt_id[0] = self->hwpt;
		workers[i].pt_id[1] = self->ioas;
		workers[i].pt_id[2] = other;
		workers[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, run[i],
					    &workers[i]));
	}
	sleep(8);
	stop = true;
	for (i = 0; i < ARRAY_LEN(run); i++) {
		ASSERT_EQ(0, pthread_join(workers[i].thread, NULL));
		EXPECT_EQ(0, workers[i].rc) TH_LOG("worker %u", i);
		EXPECT_LT(patient_rounds(20), workers[i].rounds)
			TH_LOG("worker %u", i);
	}
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	now = mock_answers();
	raised = workers[0].rounds + 2 * workers[5].rounds;
	EXPECT_EQ(0, now.pending);
	EXPECT_EQ(raised, now.success - self->since.success +
			  now.invalid - self->since.invalid);
	EXPECT_LT(0, now.success - self->since.success);
	/* No cookie is left. */
	for (i = 1; i < 100; i++)
		EXPECT_EQ(-EINVAL, queue_answer(self->file, i, SUCCESS));
	EXPECT_EQ(0, queue_take(self->file));
}

/* Closing both files, in both orders, while calls are at work */
TEST_F_TIMEOUT(fault, close_in_a_race, 120)
{
	unsigned int i, rounds = patient_rounds(300);

	for (i = 0; i < rounds; i++) {
		static void *(*const run[])(void *arg) = {
			raise_faults, handle_faults, guess_cookies,
		};
		struct worker workers[ARRAY_LEN(run)] = {};
		atomic_bool stop = false;
		__u32 ioas, queue, hwpt;
		struct mock_dev dev;
		int fd = mock_open(&ioas), file;
		unsigned int j;

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
		file = fault_queue_alloc(fd, &queue);
		ASSERT_LE(0, file);
		ASSERT_EQ(0, hwpt_alloc_faults(fd, dev.dev_id, ioas, queue,
					       &hwpt));
		ASSERT_EQ(0, mock_replace(fd, &dev, hwpt));
		for (j = 0; j < ARRAY_LEN(run); j++) {
			workers[j].fd = fd;
			workers[j].file = file;
			workers[j].dev = dev;
			workers[j].stop = &stop;
			ASSERT_EQ(0, pthread_create(&workers[j].thread, NULL,
						    run[j], &workers[j]));
		}
		usleep(i % 7 * 300);
		close(i % 2 ? fd : file);
		close(i % 2 ? file : fd);
		stop = true;
		for (j = 0; j < ARRAY_LEN(run); j++) {
			ASSERT_EQ(0, pthread_join(workers[j].thread, NULL));
			EXPECT_TRUE(!workers[j].rc || workers[j].rc == -EBADF)
				TH_LOG("%d", workers[j].rc);
		}
		ASSERT_EQ(1, mock_devices());
		EXPECT_EQ(0, mock_answers().pending);
	}
}

TEST_HARNESS_MAIN

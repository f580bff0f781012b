// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of virtual IOMMUs: the queues, and what is read from their files.
 */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "../race.h"
#include "viommu.h"

#define VIRT_ID		0x77
#define TYPE		IOMMU_VEVENTQ_TYPE_SELFTEST
#define MAX_DEPTH	524288U
#define LOST		IOMMU_VEVENTQ_FLAG_LOST_EVENTS
#define PARAMETERS	"/sys/module/iommufd/parameters/"

struct event {
	struct iommufd_vevent_header header;
	struct iommu_viommu_event_selftest data;
};

/* A device that is attached to what is nested by way of a vIOMMU */
FIXTURE(veventq)
{
	int fd;
	__u32 ioas_id;
	__u32 parent;
	__u32 nested;
	__u32 vdev_id;
	__u32 viommu;
	struct mock_dev dev;
	__u32 id;
	int queue;
};

static int veventq_alloc(int fd, __u32 viommu_id, __u32 type, __u32 depth,
			 __u32 *id, int *queue)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = viommu_id,
		.type = type,
		.veventq_depth = depth,
	};
	int rc = call(fd, IOMMU_VEVENTQ_ALLOC, &arg);

	*id = arg.out_veventq_id;
	*queue = arg.out_veventq_fd;
	return rc;
}

FIXTURE_SETUP(veventq)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->dev.dev_id, self->parent,
				  &self->viommu));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, self->dev.dev_id,
				   VIRT_ID, &self->vdev_id));
	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->viommu,
				  &self->nested));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->nested));
	ASSERT_EQ(0, veventq_alloc(self->fd, self->viommu, TYPE, 2, &self->id,
				   &self->queue));
}

FIXTURE_TEARDOWN(veventq)
{
	close(self->fd);
	close(self->queue);
	EXPECT_EQ(0, mock_devices());
}

static int trigger(int fd, __u32 dev_id)
{
	struct iommu_test_cmd cmd = { .trigger_vevent.dev_id = dev_id };

	return mock_cmd(fd, IOMMU_TEST_OP_TRIGGER_VEVENT, &cmd);
}

static long take(int queue, void *to, size_t size)
{
	long n = read(queue, to, size);

	return n < 0 ? -errno : n;
}

static int ready(int queue)
{
	struct pollfd p = { .fd = queue, .events = ~0 };

	return poll(&p, 1, 0) < 0 ? -errno : p.revents;
}

#define TRIGGER()	trigger(self->fd, self->dev.dev_id)
#define TAKE(to, size)	take(self->queue, to, size)
#define EXPECT_EVENT(got, number)					\
	do {								\
		const struct event *_event = &(got);			\
									\
		EXPECT_EQ(0, _event->header.flags);			\
		EXPECT_EQ(number, _event->header.sequence);		\
		EXPECT_EQ(VIRT_ID, _event->data.virt_id);		\
	} while (0)

/* VEVENTQ_ALLOC */

TEST_F(veventq, order_of_checks)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = BAD_ID,
		.type = TYPE,
		.__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.__reserved = 0;
	arg.flags = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.flags = 0;
	arg.type = IOMMU_VEVENTQ_TYPE_DEFAULT;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.type = TYPE;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.veventq_depth = MAX_DEPTH + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.veventq_depth = MAX_DEPTH;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.viommu_id = self->parent;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	arg.viommu_id = self->viommu;
	EXPECT_EQ(-EEXIST, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	EXPECT_EQ(0, arg.out_veventq_id);
	close(self->queue);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	self->queue = arg.out_veventq_fd;
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->queue, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(self->queue, F_GETFL) & O_ACCMODE);
}

TEST_F(veventq, holds_the_viommu_and_is_held_by_its_file)
{
	int again = dup(self->queue);

	ASSERT_LE(0, again);
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas_id));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->nested));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->vdev_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->viommu));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->id));
	close(self->queue);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->id));
	close(again);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->viommu));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->viommu));
	self->queue = -1;
}

/* The file keeps the context, and can be read when it is all that is left */
TEST_F(veventq, outlives_the_context_file)
{
	struct event event;

	ASSERT_EQ(0, TRIGGER());
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(sizeof(event), TAKE(&event, sizeof(event)));
	EXPECT_EVENT(event, 0);
	EXPECT_EQ(0, TAKE(&event, sizeof(event)));
}

TEST_F(veventq, of_a_type_that_there_is_not_stays_empty)
{
	static const __u32 types[] = { 1, 2, TYPE + 1, ~0U };
	struct event event;
	unsigned int i;
	int queue, none;
	__u32 id;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		ASSERT_EQ(0, veventq_alloc(self->fd, self->viommu, types[i],
					   1000, &id, &queue));
		ASSERT_EQ(0, TRIGGER());
		EXPECT_EQ(0, take(queue, &event, sizeof(event)));
		EXPECT_EQ(0, ready(queue));
		EXPECT_EQ(-EEXIST, veventq_alloc(self->fd, self->viommu,
						 types[i], 1, &id, &none));
		close(queue);
	}
}

TEST_F(veventq, that_cannot_be_told_of_is_not_made)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = self->viommu,
		.type = TYPE + 1,
		.veventq_depth = 1,
	};
	int next = dup(self->queue), queue;
	__u32 id;

	close(next);
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VEVENTQ_ALLOC,
				read_only(&arg, sizeof(arg))));
	ASSERT_EQ(0, veventq_alloc(self->fd, self->viommu, TYPE + 1, 1, &id,
				   &queue));
	EXPECT_EQ(next, queue);
	close(queue);
}

/* Nor when the process has no file descriptor left */
TEST_F(veventq, that_gets_no_file_is_not_made)
{
	struct rlimit old, none;
	int queue, rc;
	__u32 id;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	rc = veventq_alloc(self->fd, self->viommu, TYPE + 1, 1, &id, &queue);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &old));
	EXPECT_EQ(-EMFILE, rc);
	EXPECT_EQ(0, veventq_alloc(self->fd, self->viommu, TYPE + 1, 1, &id,
				   &queue));
	close(queue);
}

TEST_F(veventq, limits)
{
	int queue, rc, events;
	__u32 id;

	ASSERT_EQ(0, write_file(PARAMETERS "max_veventqs", "1"));
	rc = veventq_alloc(self->fd, self->viommu, 1, 1, &id, &queue);
	ASSERT_EQ(0, write_file(PARAMETERS "max_veventqs", "128"));
	ASSERT_EQ(0, write_file(PARAMETERS "max_vevents", "5"));
	events = veventq_alloc(self->fd, self->viommu, 1, 4, &id, &queue);
	EXPECT_EQ(0, veventq_alloc(self->fd, self->viommu, 1, 3, &id, &queue));
	close(queue);
	ASSERT_EQ(0, write_file(PARAMETERS "max_vevents", "2097152"));
	EXPECT_EQ(-ENOSPC, rc);
	EXPECT_EQ(-ENOSPC, events);
}

TEST_F(veventq, sizes)
{
	union {
		__u32 size;
		struct iommu_veventq_alloc cmd;
		unsigned char bytes[64];
	} arg;
	__u32 size;

	for (size = 0; size <= sizeof(arg); size++) {
		memset(&arg, 0, sizeof(arg));
		arg.cmd.viommu_id = self->viommu;
		arg.cmd.type = TYPE + 1;
		arg.cmd.veventq_depth = 1;
		arg.size = size;
		EXPECT_EQ(size < 28 ? -EINVAL : 0,
			  call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
		if (size >= 28) {
			close(arg.cmd.out_veventq_fd);
			ASSERT_EQ(0, iommu_destroy(self->fd,
						   arg.cmd.out_veventq_id));
		}
		if (size <= sizeof(arg.cmd))
			continue;
		arg.bytes[size - 1] = 1;
		EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg));
	}
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VEVENTQ_ALLOC, NULL));
}

/* Events */

TEST_F(veventq, trigger)
{
	struct event event;
	struct mock_dev dev;
	__u32 nested, id;

	EXPECT_EQ(-ENOENT, trigger(self->fd, BAD_ID));
	EXPECT_EQ(-ENOENT, trigger(self->fd, self->dev.id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(-ENOENT, trigger(self->fd, dev.dev_id));
	ASSERT_EQ(0, nested_alloc(self->fd, dev.dev_id, self->parent, &nested));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, nested));
	EXPECT_EQ(-ENOENT, trigger(self->fd, dev.dev_id));
	ASSERT_EQ(0, vdevice_alloc(self->fd, self->viommu, dev.dev_id, 0, &id));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->nested));
	EXPECT_EQ(-ENOENT, trigger(self->fd, dev.dev_id));
	EXPECT_EQ(0, ready(self->queue));

	/* The virtual ID is that of the attach */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->vdev_id));
	EXPECT_EQ(0, TRIGGER());
	EXPECT_EQ(sizeof(event), TAKE(&event, sizeof(event)));
	EXPECT_EVENT(event, 0);
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas_id));
	EXPECT_EQ(-ENOENT, TRIGGER());
}

TEST_F(veventq, trigger_without_a_queue)
{
	close(self->queue);
	self->queue = -1;
	EXPECT_EQ(0, TRIGGER());
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-EOPNOTSUPP, TRIGGER());
}

TEST_F(veventq, read_gives_whole_events)
{
	struct event events[3];

	EXPECT_EQ(-EINVAL, TAKE(events, 0));
	EXPECT_EQ(-EINVAL, TAKE(events, 7));
	EXPECT_EQ(0, TAKE(events, 8));
	EXPECT_EQ(0, TAKE(events, sizeof(events)));
	ASSERT_EQ(0, TRIGGER());
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(-EINVAL, TAKE(events, 7));
	EXPECT_EQ(-EINVAL, TAKE(events, 8));
	EXPECT_EQ(-EINVAL, TAKE(events, 11));
	EXPECT_EQ(12, TAKE(events, 23));
	EXPECT_EVENT(events[0], 0);
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], 1);
	EXPECT_EVENT(events[1], 2);
	EXPECT_EQ(0, TAKE(events, sizeof(events)));
}

TEST_F(veventq, read_of_memory_that_is_not_there)
{
	struct event event[2];
	char *end = cut_off(event, sizeof(event));

	ASSERT_EQ(0, TRIGGER());
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(-EFAULT, TAKE(end + sizeof(event), 12));
	EXPECT_EQ(-EFAULT, TAKE(end + 12 + 8, 12));
	/* The first fits, the second does not and stays */
	EXPECT_EQ(12, TAKE(end + 12, 24));
	EXPECT_EQ(12, TAKE(&event, sizeof(event)));
	EXPECT_EVENT(event[0], 1);
}

TEST_F(veventq, file_has_no_positions_and_is_not_written)
{
	struct event event;

	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(-1, pread(self->queue, &event, sizeof(event), 4));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(self->queue, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, write(self->queue, &event, sizeof(event)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(sizeof(event), TAKE(&event, sizeof(event)));
}

TEST_F(veventq, poll)
{
	struct event event;

	EXPECT_EQ(0, ready(self->queue));
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(POLLIN | POLLRDNORM, ready(self->queue));
	EXPECT_EQ(12, TAKE(&event, sizeof(event)));
	EXPECT_EQ(0, ready(self->queue));
}

static void *trigger_later(void *arg)
{
	const __u32 *ids = arg;

	usleep(100000);
	return (void *)(intptr_t)trigger(ids[0], ids[1]);
}

TEST_F(veventq, poll_waits)
{
	__u32 ids[2] = { self->fd, self->dev.dev_id };
	struct pollfd p = { .fd = self->queue, .events = POLLIN };
	pthread_t thread;
	void *rc;

	ASSERT_EQ(0, pthread_create(&thread, NULL, trigger_later, ids));
	EXPECT_EQ(1, poll(&p, 1, 20000));
	EXPECT_EQ(POLLIN, p.revents);
	ASSERT_EQ(0, pthread_join(thread, &rc));
	EXPECT_EQ(NULL, rc);
}

/* Overflow: what is lost is told behind what was queued */
TEST_F(veventq, lost_events)
{
	struct event events[4];
	struct iommufd_vevent_header *header = &events[2].header;
	int i;

	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24 + 8, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], 0);
	EXPECT_EVENT(events[1], 1);
	EXPECT_EQ(LOST, header->flags);
	EXPECT_EQ(4, header->sequence);
	EXPECT_EQ(0, ready(self->queue));
	EXPECT_EQ(0, TAKE(events, sizeof(events)));
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(12, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], 5);
}

/* The header of lost events fits where no event would, and stays alone */
TEST_F(veventq, lost_events_are_the_last_to_be_read)
{
	struct event events[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24, TAKE(events, 24 + 7));
	EXPECT_EQ(POLLIN | POLLRDNORM, ready(self->queue));
	EXPECT_EQ(8, TAKE(events, 8));
	EXPECT_EQ(LOST, events[0].header.flags);
	EXPECT_EQ(2, events[0].header.sequence);
	EXPECT_EQ(0, TAKE(events, 8));
}

/* An event that is queued behind it tells as much by its number */
TEST_F(veventq, lost_events_vanish_behind_an_event)
{
	struct event events[4];
	int i;

	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(12, TAKE(events, 12));
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], 1);
	EXPECT_EVENT(events[1], 4);
	EXPECT_EQ(0, TAKE(events, sizeof(events)));
}

#define LAST_SEQUENCE	0x7fffffffu

/* The number that the next event has, whatever that of the one before is */
static int set_sequence(__u32 sequence)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", sequence);
	return write_file(MOCK_PARAMETERS "vevent_sequence", text);
}

TEST_F(veventq, sequence_wraps)
{
	struct event events[4];

	ASSERT_EQ(0, set_sequence(LAST_SEQUENCE - 1));
	ASSERT_EQ(0, TRIGGER());
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], LAST_SEQUENCE - 1);
	EXPECT_EVENT(events[1], LAST_SEQUENCE);
	ASSERT_EQ(0, TRIGGER());
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(24, TAKE(events, sizeof(events)));
	EXPECT_EVENT(events[0], 0);
	EXPECT_EVENT(events[1], 1);
}

/* The one that is lost is the first after the wrap, and the last before it. */
TEST_F(veventq, lost_events_at_the_wrap)
{
	struct event events[4];
	struct iommufd_vevent_header *header = &events[2].header;
	__u32 i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, set_sequence(LAST_SEQUENCE - 1 - i));
		ASSERT_EQ(0, TRIGGER());
		ASSERT_EQ(0, TRIGGER());
		ASSERT_EQ(0, TRIGGER());
		EXPECT_EQ(24 + 8, TAKE(events, sizeof(events)));
		EXPECT_EVENT(events[0], LAST_SEQUENCE - 1 - i);
		EXPECT_EVENT(events[1], LAST_SEQUENCE - i);
		EXPECT_EQ(LOST, header->flags);
		EXPECT_EQ(i ? LAST_SEQUENCE : 0, header->sequence);
		ASSERT_EQ(0, TRIGGER());
		EXPECT_EQ(12, TAKE(events, sizeof(events)));
		EXPECT_EVENT(events[0], i ? 0 : 1);
	}
}

/* Two readers and a writer: each event is read once, in order for each reader */

struct readers {
	int fd;
	int queue;
	__u32 dev_id;
	atomic_long read;
	atomic_int wrong;
	atomic_int stop;
};

static void *read_all(void *arg)
{
	struct readers *r = arg;
	struct event event;
	long n, last = -1;

	while (!r->stop || ready(r->queue)) {
		n = take(r->queue, &event, sizeof(event));
		if (n == sizeof(event)) {
			r->read++;
			r->wrong += event.data.virt_id != VIRT_ID;
		} else if (n != sizeof(event.header) && n) {
			r->wrong++;
		}
		if (n > 0) {
			r->wrong += (long)event.header.sequence <= last;
			last = event.header.sequence;
		}
	}
	return NULL;
}

TEST_F(veventq, two_readers)
{
	struct readers r = {
		.fd = self->fd,
		.dev_id = self->dev.dev_id,
	};
	const int n = 20000;
	pthread_t threads[2];
	int i;

	close(self->queue);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, veventq_alloc(self->fd, self->viommu, TYPE, n, &self->id,
				   &self->queue));
	r.queue = self->queue;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, read_all, &r));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, TRIGGER());
	r.stop = 1;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(n, (int)r.read);
	EXPECT_EQ(0, (int)r.wrong);
}

/* The end of a queue, and of all, while devices report events and others read them */
struct storm {
	struct race race;
	int fd;
	__u32 dev_id;
	__u32 viommu;
	atomic_int queue;	/* the file; it may be closed */
};

static void *report(struct storm *s, unsigned int number)
{
	int rc;

	for (; !s->race.stop; s->race.rounds[number]++) {
		rc = trigger(s->fd, s->dev_id);
		/* There is no queue, or no context any more. */
		if (rc != -EOPNOTSUPP && rc != -EBADF)
			race_expect(&s->race, rc);
	}
	return NULL;
}

static void *report_events(void *arg)
{
	return report(arg, 0);
}

static void *report_more(void *arg)
{
	return report(arg, 3);
}

static void *read_events(void *arg)
{
	struct storm *s = arg;
	struct event event;
	long n;

	for (; !s->race.stop; s->race.rounds[1]++) {
		n = take(s->queue, &event, sizeof(event));
		if (n == sizeof(event))
			race_expect(&s->race,
				    event.data.virt_id == VIRT_ID &&
				    !event.header.flags ? 0 : -EBADE);
		else if (n != sizeof(event.header) && n != -EBADF)
			race_expect(&s->race, n);
	}
	return NULL;
}

/* A reader keeps a file that is closed until its call is over. */
static int destroy_closed(int fd, __u32 id)
{
	int rc, tries = 10000;

	do
		rc = iommu_destroy(fd, id);
	while (rc == -EBUSY && !usleep(100) && --tries);
	return rc;
}

static void *make_and_destroy(void *arg)
{
	struct storm *s = arg;
	int queue, rc;
	__u32 id;

	for (; !s->race.stop; s->race.rounds[2]++) {
		rc = veventq_alloc(s->fd, s->viommu, TYPE, 2, &id, &queue);
		if (!rc) {
			s->queue = queue;
			usleep(s->race.rounds[2] % 5 * 200);
			rc = close(queue) ? -errno : destroy_closed(s->fd, id);
		}
		race_expect(&s->race, rc);
	}
	return NULL;
}

TEST_F_TIMEOUT(veventq, destroy_in_a_race, 120)
{
	static void *(*const threads[])(void *) = {
		report_events, read_events, make_and_destroy, report_more,
	};
	struct storm s = {
		.fd = self->fd,
		.dev_id = self->dev.dev_id,
		.viommu = self->viommu,
		.queue = -1,
	};
	const int least = patient_rounds(20);
	struct event event;
	unsigned int i;

	close(self->queue);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, race_run_rounds(&s.race, threads, ARRAY_LEN(threads), 8,
				     least));
	EXPECT_EQ(0, s.race.failed);
	for (i = 0; i < ARRAY_LEN(threads); i++)
		EXPECT_LT(least, s.race.rounds[i])
			TH_LOG("thread %u", i);
	/* A queue begins anew, with nothing of those before. */
	EXPECT_EQ(-EOPNOTSUPP, TRIGGER());
	ASSERT_EQ(0, veventq_alloc(self->fd, self->viommu, TYPE, 2, &self->id,
				   &self->queue));
	EXPECT_EQ(0, TAKE(&event, sizeof(event)));
	ASSERT_EQ(0, TRIGGER());
	EXPECT_EQ(sizeof(event), TAKE(&event, sizeof(event)));
	EXPECT_EVENT(event, 0);
}

/* Both files, in both orders */
TEST_F_TIMEOUT(veventq, close_in_a_race, 120)
{
	static void *(*const threads[])(void *) = {
		report_events, read_events, report_events,
	};
	unsigned int i, rounds = patient_rounds(100);

	for (i = 0; i < rounds; i++) {
		struct _test_data_veventq q = {};
		struct storm s = {};

		veventq_setup(_metadata, &q, NULL);
		s.fd = q.fd;
		s.dev_id = q.dev.dev_id;
		s.queue = q.queue;
		ASSERT_EQ(0, race_begin(&s.race, threads, ARRAY_LEN(threads)));
		usleep(i % 7 * 300);
		close(i % 2 ? q.fd : q.queue);
		close(i % 2 ? q.queue : q.fd);
		ASSERT_EQ(0, race_end(&s.race));
		ASSERT_EQ(0, s.race.failed);
		ASSERT_EQ(1, mock_devices());
	}
}

TEST_HARNESS_MAIN

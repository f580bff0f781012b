// SPDX-License-Identifier: GPL-2.0-only
/* Software devices that are detached, and attached again. */
#include <pthread.h>
#include <stdatomic.h>

#include "access.h"

#define AT		(64 * MiB)
#define MEMORY		(16 * PAGE)
#define N		8UL		/* pages mapped in each IOAS */

/*
 * Two IOASes with N pages each at the same IOVA.  An access that pins and one
 * that does not are attached to the first IOAS, with or without a mock device.
 */
FIXTURE(attach)
{
	int fd;
	int pinner;
	int plain;
	__u32 ioas_id;
	__u32 other_id;
	struct mock_dev dev;
	__u32 refs;	/* pins of the memory mapped in the first IOAS */
	char *memory;
	char *other_memory;
	long pinned;
};

FIXTURE_VARIANT(attach)
{
	bool device;
};

FIXTURE_VARIANT_ADD(attach, no_device) { false };
FIXTURE_VARIANT_ADD(attach, device) { true };

FIXTURE_SETUP(attach)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->other_memory = self->memory + N * PAGE;
	memset(self->other_memory, 2, N * PAGE);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->refs = variant->device;
	if (variant->device)
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	self->pinner = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, self->pinner);
	self->plain = access_create(self->fd, self->ioas_id, 0);
	ASSERT_LE(0, self->plain);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, N * PAGE,
			      AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->other_memory,
			      N * PAGE, AT));
}

FIXTURE_TEARDOWN(attach)
{
	close(self->pinner);
	close(self->plain);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

static int detach(struct _test_data_attach *self, int access)
{
	return access_detach(self->fd, access);
}

static int attach(struct _test_data_attach *self, int access, __u32 ioas_id)
{
	return access_attach(self->fd, access, ioas_id);
}

/* Pin the first n pages that are mapped in the first IOAS, or the other. */
static int pin(struct _test_data_attach *self, int access, unsigned long n,
	       __u32 *id)
{
	return access_pin(self->fd, access, AT, n * PAGE, self->memory,
			  PIN_WRITE, id);
}

static int pin_other(struct _test_data_attach *self, int access,
		     unsigned long n, __u32 *id)
{
	return access_pin(self->fd, access, AT, n * PAGE, self->other_memory,
			  PIN_WRITE, id);
}

static int check_refs(struct _test_data_attach *self, __u32 refs)
{
	return mock_check_refs(self->fd, self->memory, N * PAGE, refs);
}

static int check_other(struct _test_data_attach *self, __u32 refs)
{
	return mock_check_refs(self->fd, self->other_memory, N * PAGE, refs);
}

static __u64 alignment_of(struct _test_data_attach *self, __u32 ioas_id)
{
	struct iommu_iova_range ranges[4];
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;

	if (ioas_ranges(self->fd, ioas_id, ranges, &n, &alignment))
		return 0;
	return alignment;
}

TEST_F(attach, attached_cannot_be_attached)
{
	const int accesses[] = { self->pinner, self->plain };
	unsigned int i;
	__u32 id;

	ASSERT_EQ(0, pin(self, self->pinner, N, &id));
	for (i = 0; i < ARRAY_LEN(accesses); i++) {
		EXPECT_EQ(-EINVAL, attach(self, accesses[i], self->ioas_id));
		EXPECT_EQ(-EINVAL, attach(self, accesses[i], self->other_id));
		EXPECT_EQ(-ENOENT, attach(self, accesses[i], BAD_ID));
		EXPECT_EQ(-ENOENT, attach(self, accesses[i], 0));
	}
	/* Nothing has changed: the attachment, pins, and the objects in use. */
	EXPECT_EQ(0, check_refs(self, 1));
	EXPECT_EQ(0, access_rw(self->fd, self->plain, AT, PAGE, self->memory,
			       0));
	EXPECT_EQ(1, alignment_of(self, self->other_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
	EXPECT_EQ(0, access_unpin(self->fd, self->pinner, id));
}

TEST_F(attach, detached_reaches_nothing)
{
	const int accesses[] = { self->pinner, self->plain };
	const int fd = self->fd;
	char *buf = anon(PAGE);
	unsigned int i;
	__u32 id;

	for (i = 0; i < ARRAY_LEN(accesses); i++) {
		const int access = accesses[i];

		ASSERT_EQ(0, access_rw(fd, access, AT, 1, buf, 0));
		EXPECT_EQ(1, buf[0]);
		ASSERT_EQ(0, detach(self, access));
		buf[0] = 3;
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT, 1, buf, 0));
		EXPECT_EQ(3, buf[0]);
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT, 1, buf, RW_WRITE));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT, 1, buf,
					     RW_WRITE | RW_SLOW));
		EXPECT_EQ(1, self->memory[0]);
		EXPECT_EQ(2, self->other_memory[0]);
		EXPECT_EQ(-ENOENT, access_replace(fd, access, self->ioas_id));
		EXPECT_EQ(-ENOENT, access_replace(fd, access, self->other_id));
		EXPECT_EQ(-ENOENT, access_replace(fd, access, BAD_ID));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT, 1, buf, 0));

		/* An error in the arguments is reported first. */
		EXPECT_EQ(-EINVAL, access_rw(fd, access, AT, 0, buf, 0));
		EXPECT_EQ(-EOVERFLOW, access_rw(fd, access, ALL, 2, buf, 0));
	}
	EXPECT_EQ(-ENOENT, pin(self, self->pinner, N, &id));
	EXPECT_EQ(-EINVAL, pin(self, self->pinner, 0, &id));
	EXPECT_EQ(-EOVERFLOW, access_pin(fd, self->pinner, ALL, 2, buf, 0,
					 &id));
	EXPECT_EQ(-EOPNOTSUPP, pin(self, self->plain, N, &id));
	EXPECT_EQ(-ENOENT, access_unpin(fd, self->pinner, 1));
	EXPECT_EQ(0, check_refs(self, self->refs));
	EXPECT_EQ(0, check_other(self, 0));
}

TEST_F(attach, detach_drops_pins)
{
	__u32 id, id2;

	ASSERT_EQ(0, pin(self, self->pinner, N, &id));
	ASSERT_EQ(0, pin(self, self->pinner, 3, &id2));
	EXPECT_EQ(0, check_refs(self, 1));
	ASSERT_EQ(0, detach(self, self->pinner));
	EXPECT_EQ(0, check_refs(self, self->refs));
	EXPECT_EQ((long)(self->refs * N), pinned() - self->pinned);
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, self->pinner, id));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, self->pinner, id2));

	/* A new attach does not bring the pins back. */
	ASSERT_EQ(0, attach(self, self->pinner, self->ioas_id));
	EXPECT_EQ(0, check_refs(self, self->refs));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, self->pinner, id));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, N * PAGE));
	EXPECT_EQ(self->pinned, pinned());
}

/* An IOAS is in use only while attached, however often it is detached. */
TEST_F(attach, detached_ioas_is_not_in_use)
{
	const int accesses[] = { self->pinner, self->plain };
	unsigned int i, j;
	__u32 ids[2];

	for (i = 0; i < ARRAY_LEN(accesses); i++) {
		ASSERT_EQ(0, detach(self, accesses[i]));
		for (j = 0; j < 2; j++) {
			ASSERT_EQ(0, ioas_alloc(self->fd, &ids[j]));
			ASSERT_EQ(0, attach(self, accesses[i], ids[j]));
			EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, ids[j]));
			EXPECT_EQ(0, detach(self, accesses[i]));
			EXPECT_EQ(0, detach(self, accesses[i]));
		}
		EXPECT_EQ(0, iommu_destroy(self->fd, ids[0]));
		EXPECT_EQ(-ENOENT, attach(self, accesses[i], ids[0]));
		EXPECT_EQ(0, iommu_destroy(self->fd, ids[1]));
	}
	EXPECT_EQ(variant->device ? -EBUSY : 0, iommu_destroy(self->fd,
							      self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
}

/* An access reaches the IOAS that it is attached to now, and no other. */
TEST_F(attach, attach_again)
{
	char *buf = anon(PAGE);
	unsigned int i;
	__u32 id;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, detach(self, self->pinner));
		ASSERT_EQ(0, attach(self, self->pinner, self->other_id));
		EXPECT_EQ(-EINVAL, attach(self, self->pinner, self->ioas_id));
		EXPECT_EQ(-EBADE, pin(self, self->pinner, N, &id));
		ASSERT_EQ(0, pin_other(self, self->pinner, N, &id));
		EXPECT_EQ(0, check_refs(self, self->refs));
		EXPECT_EQ(0, check_other(self, 1));
		EXPECT_EQ(0, access_rw(self->fd, self->pinner, AT, 1, buf, 0));
		EXPECT_EQ(2, buf[0]);

		ASSERT_EQ(0, detach(self, self->pinner));
		EXPECT_EQ(0, check_other(self, 0));
		ASSERT_EQ(0, attach(self, self->pinner, self->ioas_id));
		EXPECT_EQ(-EBADE, pin_other(self, self->pinner, N, &id));
		ASSERT_EQ(0, pin(self, self->pinner, N, &id));
		EXPECT_EQ(0, check_refs(self, 1));
		EXPECT_EQ(0, check_other(self, 0));
		EXPECT_EQ(0, access_rw(self->fd, self->pinner, AT, 1, buf, 0));
		EXPECT_EQ(1, buf[0]);
	}
	/* Unmap tells it of its pins again. */
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, N * PAGE));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, self->pinner, id));
	EXPECT_EQ(self->pinned, pinned());
}

/*
 * When the mock is told of an unmap, it drops each item that overlaps it.  The
 * memory unmapped in the first IOAS is pinned by another access, whose pins
 * have to go; the access that left has an item at the same IOVA of the other
 * IOAS.
 */
TEST_F(attach, unmap_tells_only_who_is_attached)
{
	const int second = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	__u32 id, id2;

	ASSERT_LE(0, second);
	ASSERT_EQ(0, pin(self, self->pinner, N, &id));
	ASSERT_EQ(0, detach(self, self->pinner));
	ASSERT_EQ(0, attach(self, self->pinner, self->other_id));
	ASSERT_EQ(0, pin_other(self, self->pinner, N, &id));
	ASSERT_EQ(0, pin(self, second, N, &id2));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, N * PAGE));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, second, id2));
	EXPECT_EQ(0, check_refs(self, 0));
	EXPECT_EQ(0, check_other(self, 1));
	EXPECT_EQ(0, access_unpin(self->fd, self->pinner, id));
	EXPECT_EQ(0, check_other(self, 0));
	EXPECT_EQ(0, close(second));
}

/* An access that pins takes whole pages, as long as it is attached. */
TEST_F(attach, alignment)
{
	const __u64 step = variant->device ? HALF : 1;
	__u32 id;

	EXPECT_EQ(PAGE, alignment_of(self, self->ioas_id));
	ASSERT_EQ(0, detach(self, self->plain));
	EXPECT_EQ(PAGE, alignment_of(self, self->ioas_id));
	ASSERT_EQ(0, detach(self, self->pinner));
	EXPECT_EQ(step, alignment_of(self, self->ioas_id));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, step,
			      2 * AT));

	/* It stays detached, and the IOAS as it is. */
	EXPECT_EQ(-EADDRINUSE, attach(self, self->pinner, self->ioas_id));
	EXPECT_EQ(-ENOENT, pin(self, self->pinner, N, &id));
	EXPECT_EQ(-ENOENT, access_replace(self->fd, self->pinner,
					  self->other_id));
	EXPECT_EQ(step, alignment_of(self, self->ioas_id));
	EXPECT_EQ(0, attach(self, self->plain, self->ioas_id));
	EXPECT_EQ(step, alignment_of(self, self->ioas_id));

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, 2 * AT, step));
	EXPECT_EQ(0, attach(self, self->pinner, self->ioas_id));
	EXPECT_EQ(PAGE, alignment_of(self, self->ioas_id));
	EXPECT_EQ(0, pin(self, self->pinner, N, &id));
}

TEST_F(attach, close_while_detached)
{
	ASSERT_EQ(0, detach(self, self->pinner));
	ASSERT_EQ(0, detach(self, self->plain));
	EXPECT_EQ(0, close(self->pinner));
	EXPECT_EQ(0, close(self->plain));
	self->pinner = -1;
	self->plain = -1;
	EXPECT_EQ(0, check_refs(self, self->refs));
	EXPECT_EQ(variant->device ? -EBUSY : 0, iommu_destroy(self->fd,
							      self->ioas_id));
}

/* Threads that pin and copy while the access comes and goes */
struct user {
	struct _test_data_attach *self;
	atomic_bool stop;
	unsigned long done;	/* calls that found it attached */
	int rc;			/* unexpected errno of a call */
};

static void *use_access(void *arg)
{
	struct user *user = arg;
	struct _test_data_attach *self = user->self;
	char buf[PAGE];
	__u32 id;
	int rc;

	while (!atomic_load(&user->stop) && !user->rc) {
		rc = pin(self, self->pinner, N, &id);
		if (!rc)
			rc = access_unpin(self->fd, self->pinner, id);
		if (!rc)
			rc = access_rw(self->fd, self->pinner, AT, PAGE, buf,
				       RW_SLOW);
		if (!rc)
			user->done++;
		else if (rc != -ENOENT)
			user->rc = rc;
	}
	return NULL;
}

TEST_F_TIMEOUT(attach, detach_while_it_is_used, 60)
{
	struct user users[2] = { { .self = self }, { .self = self } };
	unsigned int i, rounds = patient_rounds(500);
	pthread_t threads[2];
	__u32 id;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, use_access,
					    &users[i]));
	while (rounds--) {
		ASSERT_EQ(0, detach(self, self->pinner));
		EXPECT_EQ(0, check_refs(self, self->refs));
		ASSERT_EQ(0, attach(self, self->pinner, self->ioas_id));
		usleep(rounds % 8 * 20);
	}
	for (i = 0; i < 2; i++) {
		atomic_store(&users[i].stop, true);
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, users[i].rc);
	}
	EXPECT_LT(0, users[0].done + users[1].done);
	EXPECT_EQ(0, check_refs(self, self->refs));
	EXPECT_EQ(0, pin(self, self->pinner, N, &id));
}

TEST_HARNESS_MAIN

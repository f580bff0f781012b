// SPDX-License-Identifier: GPL-2.0-only
/* Which IOAS VFIO's container calls act on. */
#include <pthread.h>

#include "common.h"

static int vfio_ioas(int fd, __u16 op, __u32 *id)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = *id,
		.op = op,
	};
	int rc = call(fd, IOMMU_VFIO_IOAS, &arg);

	*id = arg.ioas_id;
	return rc;
}

static int set(int fd, __u32 id)
{
	return vfio_ioas(fd, IOMMU_VFIO_IOAS_SET, &id);
}

static int clear(int fd)
{
	__u32 id = BAD_ID;

	return vfio_ioas(fd, IOMMU_VFIO_IOAS_CLEAR, &id);
}

/* The ID that GET returns, or -errno */
static long get(int fd)
{
	__u32 id = BAD_ID;
	int rc = vfio_ioas(fd, IOMMU_VFIO_IOAS_GET, &id);

	return rc ? rc : (long)id;
}

TEST_F(iommufd, none_at_first)
{
	EXPECT_EQ(-ENODEV, get(self->fd));
}

TEST_F(iommufd, what_was_set_is_read)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	EXPECT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(self->ioas_id, get(self->fd));
	EXPECT_EQ(0, set(self->fd, other));
	EXPECT_EQ(other, get(self->fd));
}

TEST_F(iommufd, cleared)
{
	EXPECT_EQ(0, clear(self->fd));
	ASSERT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(0, clear(self->fd));
	EXPECT_EQ(-ENODEV, get(self->fd));
	EXPECT_EQ(0, clear(self->fd));
	EXPECT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(self->ioas_id, get(self->fd));
}

TEST_F(iommufd, only_an_ioas_can_be_set)
{
	ASSERT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(-ENOENT, set(self->fd, 0));
	EXPECT_EQ(-ENOENT, set(self->fd, BAD_ID));
	if (variant->device) {
		EXPECT_EQ(-ENOENT, set(self->fd, self->dev_id));
		EXPECT_EQ(-ENOENT, set(self->fd, self->hwpt_id));
	}
	EXPECT_EQ(self->ioas_id, get(self->fd));
}

TEST_F(iommufd, unknown_operation_and_reserved_field)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = self->ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
		.__reserved = 1,
	};

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VFIO_IOAS, &arg));
	arg.__reserved = 0;
	arg.op = IOMMU_VFIO_IOAS_CLEAR + 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VFIO_IOAS, &arg));
	EXPECT_EQ(-ENODEV, get(self->fd));
}

TEST_F(iommufd, answer_that_cannot_be_given)
{
	struct iommu_vfio_ioas arg = { .size = sizeof(arg) };
	void *p;

	ASSERT_EQ(0, set(self->fd, self->ioas_id));
	p = read_only(&arg, sizeof(arg));
	ASSERT_NE(NULL, p);
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VFIO_IOAS, p));
	munmap(p, PAGE);
}

/* The compatibility IOAS can be destroyed: being it is not a use */
TEST_F(iommufd, destroyed_is_cleared)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, set(self->fd, other));
	EXPECT_EQ(0, iommu_destroy(self->fd, other));
	EXPECT_EQ(-ENODEV, get(self->fd));
	/* It stays cleared when the ID is in use again */
	EXPECT_EQ(0, ioas_alloc(self->fd, &other));
	EXPECT_EQ(-ENODEV, get(self->fd));
}

TEST_F(iommufd, one_in_use_stays)
{
	if (!variant->device)
		SKIP(return, "only a device uses an IOAS");
	ASSERT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(self->ioas_id, get(self->fd));
}

TEST_F(iommufd, another_context_has_its_own)
{
	int fd = iommu_open();
	__u32 id;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioas_alloc(fd, &id));
	ASSERT_EQ(0, set(self->fd, self->ioas_id));
	EXPECT_EQ(-ENODEV, get(fd));
	close(fd);
	EXPECT_EQ(self->ioas_id, get(self->fd));
}

/* Set, read and destroyed by threads at once: GET has one of two results */

#define ROUNDS	((int)patient_rounds(20000))

struct racer {
	int fd;
	int bad;
};

static void *read_all_the_time(void *p)
{
	struct racer *racer = p;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		long rc = get(racer->fd);

		if (rc <= 0 && rc != -ENODEV)
			racer->bad++;
	}
	return NULL;
}

TEST_F_TIMEOUT(iommufd, set_and_destroyed_while_read, 120)
{
	struct racer racer = { .fd = self->fd };
	pthread_t thread;
	__u32 id;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, read_all_the_time, &racer));
	for (i = 0; i < ROUNDS / 2; i++) {
		if (ioas_alloc(self->fd, &id) || set(self->fd, id) ||
		    iommu_destroy(self->fd, id))
			break;
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(ROUNDS / 2, i);
	EXPECT_EQ(0, racer.bad);
	EXPECT_EQ(-ENODEV, get(self->fd));
}

TEST_HARNESS_MAIN

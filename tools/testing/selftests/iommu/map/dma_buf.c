// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_MAP_FILE of dma-bufs, which the mock exports: what is mapped, and
 * what a revoke takes away.  selftests/vfio/dma_buf has those of devices.
 */
#include <linux/udmabuf.h>

#include "../race.h"
#include "access.h"
#include "hwpt.h"

#define AT	(32 * MiB)
#define LENGTH	(64 * PAGE)
#define MAX	(512 * PAGE)	/* of a dma-buf */

/* A device, and a dma-buf that is not mapped */
FIXTURE(dma_buf)
{
	int fd;
	__u32 ioas;
	__u32 empty;	/* IOAS without a device */
	struct mock_dev dev;
	int buf;
	long pinned;
};

FIXTURE_SETUP(dma_buf)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->empty));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	self->buf = mock_dma_buf(self->fd, LENGTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->buf);
	self->pinned = pinned();
}

FIXTURE_TEARDOWN(dma_buf)
{
	close(self->buf);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	/* No dma-buf is left */
	EXPECT_EQ(0, mock_unload());
}

#define MAP(ioas, iova)							\
	ioas_map_file(self->fd, ioas, self->buf, 0, LENGTH, iova)

/* 0 if a page table has all of the dma-buf at an IOVA, -ENOENT if nothing */
#define CHECK(hwpt_id, iova)						\
	mock_check_mmio(self->fd, hwpt_id, self->buf, 0, LENGTH, iova, 1)

/* DMABUF_GET */

TEST_F(dma_buf, sizes)
{
	static const __u64 lengths[][2] = {
		{ 1, PAGE }, { PAGE, PAGE }, { PAGE + 1, 2 * PAGE },
		{ MAX - 1, MAX }, { MAX, MAX },
	};
	unsigned int i;
	int buf;

	for (i = 0; i < ARRAY_LEN(lengths); i++) {
		buf = mock_dma_buf(self->fd, lengths[i][0], O_RDWR);
		ASSERT_LE(0, buf);
		EXPECT_EQ((off_t)lengths[i][1], lseek(buf, 0, SEEK_END));
		ASSERT_EQ(0, close(buf));
	}
	EXPECT_EQ(-EINVAL, mock_dma_buf(self->fd, 0, O_RDWR));
	EXPECT_EQ(-EINVAL, mock_dma_buf(self->fd, MAX + 1, O_RDWR));
	EXPECT_EQ(-EINVAL, mock_dma_buf(self->fd, ~0U, O_RDWR));
}

TEST_F(dma_buf, open_flags)
{
	int buf = mock_dma_buf(self->fd, PAGE, O_RDONLY);

	ASSERT_LE(0, buf);
	EXPECT_EQ(O_RDONLY, fcntl(buf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(0, fcntl(buf, F_GETFD));
	EXPECT_EQ(O_RDWR, fcntl(self->buf, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->buf, F_GETFD));
	/* How it is open does not matter. */
	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, buf, 0, PAGE, AT));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, buf, 0, PAGE,
				     AT, 1));
	close(buf);
}

/* DMABUF_REVOKE */

static int other_exporters_buf(void)
{
	struct udmabuf_create create = {
		.memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = PAGE,
	};
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int buf = -ENODEV;

	if (dev >= 0 && !ftruncate(create.memfd, PAGE) &&
	    !fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		buf = ioctl(dev, UDMABUF_CREATE, &create);
	close(create.memfd);
	close(dev);
	return buf;
}

TEST_F(dma_buf, revoke_of_what_is_not_the_mocks)
{
	int memfd = memfd_create("test", MFD_CLOEXEC);
	int other = other_exporters_buf();
	__u32 revoked;

	for (revoked = 0; revoked < 2; revoked++) {
		EXPECT_EQ(-EBADF, mock_revoke(self->fd, -1, revoked));
		EXPECT_EQ(-EINVAL, mock_revoke(self->fd, self->fd, revoked));
		EXPECT_EQ(-EINVAL, mock_revoke(self->fd, memfd, revoked));
		if (other >= 0)
			EXPECT_EQ(-EOPNOTSUPP, mock_revoke(self->fd, other,
							   revoked));
	}
	if (other >= 0) {
		EXPECT_EQ(-EOPNOTSUPP, ioas_map_file(self->fd, self->ioas,
						     other, 0, PAGE, AT));
		EXPECT_EQ(-EBADFD, mock_check_mmio(self->fd, self->dev.hwpt_id,
						   other, 0, PAGE, AT, 1));
	}
	close(other);
	close(memfd);
	if (other < 0)
		SKIP(return, "no udmabuf in this kernel");
}

/* In each page table, for both values, and for good */
FIXTURE(revoke)
{
	int fd;
	__u32 ioas;
	__u32 empty;
	struct mock_dev dev;
	int buf;
	__u32 other;	/* page table of the IOAS */
	char *memory;
};

FIXTURE_VARIANT(revoke)
{
	__u32 revoked;
};

FIXTURE_VARIANT_ADD(revoke, to_stay_so) { 1 };
FIXTURE_VARIANT_ADD(revoke, for_a_moment) { 0 };

FIXTURE_SETUP(revoke)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->empty));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&self->other));
	self->buf = mock_dma_buf(self->fd, LENGTH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->buf);
	self->memory = small_pages(PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, MAP(self->ioas, AT));
	ASSERT_EQ(0, CHECK(self->dev.hwpt_id, AT));
	ASSERT_EQ(0, CHECK(self->other, AT));
}

FIXTURE_TEARDOWN(revoke)
{
	close(self->buf);
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_unload());
}

#define REVOKE()	mock_revoke(self->fd, self->buf, variant->revoked)
#define RESTORE()	mock_revoke(self->fd, self->buf, 0)
#define MAPPED_ANEW	(variant->revoked ? -ENODEV : 0)

TEST_F(revoke, takes_it_out_of_all_page_tables)
{
	ASSERT_EQ(0, REVOKE());
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
	EXPECT_EQ(-ENOENT, CHECK(self->other, AT));
	/* The IOVA is in use */
	EXPECT_EQ(-EEXIST, ioas_map(self->fd, self->ioas, self->memory, PAGE,
				    AT));
	EXPECT_EQ((long long)LENGTH, ioas_empty(self->fd, self->ioas));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, self->memory, PAGE, AT));
}

TEST_F(revoke, mapped_anew_it_is_there)
{
	ASSERT_EQ(0, REVOKE());
	EXPECT_EQ(MAPPED_ANEW, MAP(self->ioas, 2 * AT));
	EXPECT_EQ(variant->revoked ? -ENOENT : 0,
		  CHECK(self->dev.hwpt_id, 2 * AT));
	ASSERT_EQ(0, RESTORE());
	/* What was taken away does not come back */
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, 2 * AT));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
	ASSERT_EQ(0, MAP(self->ioas, AT));
	EXPECT_EQ(0, CHECK(self->dev.hwpt_id, AT));
	EXPECT_EQ(0, CHECK(self->other, AT));
}

TEST_F(revoke, however_often)
{
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, REVOKE());
		ASSERT_EQ(0, REVOKE());
		EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
		ASSERT_EQ(0, RESTORE());
		EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
		ASSERT_EQ(0, MAP(self->ioas, AT));
		EXPECT_EQ(0, CHECK(self->dev.hwpt_id, AT));
	}
}

TEST_F(revoke, new_page_tables_get_a_hole)
{
	struct mock_dev dev;
	__u32 hwpt;

	ASSERT_EQ(0, REVOKE());
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt));
	EXPECT_EQ(-ENOENT, CHECK(hwpt, AT));
	EXPECT_EQ(MAPPED_ANEW, MAP(self->ioas, 2 * AT));
	EXPECT_EQ(variant->revoked ? -ENOENT : 0, CHECK(hwpt, 2 * AT));
	ASSERT_EQ(0, RESTORE());
	EXPECT_EQ(-ENOENT, CHECK(hwpt, AT));

	/* So does the first one, also when all others have gone */
	ASSERT_EQ(0, iommu_destroy(self->fd, hwpt));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->other));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &dev));
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
}

/* A COPY is allowed, and leads nowhere either */
TEST_F(revoke, copies)
{
	struct mock_dev dev;

	/* Before the revoke, in this and in another IOAS */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, self->ioas, LENGTH, 2 * AT,
			       AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->empty, self->ioas, LENGTH, AT,
			       AT));
	ASSERT_EQ(0, mock_attach(self->fd, self->empty, &dev));
	EXPECT_EQ(0, CHECK(self->dev.hwpt_id, 2 * AT));
	EXPECT_EQ(0, CHECK(dev.hwpt_id, AT));

	ASSERT_EQ(0, REVOKE());
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, 2 * AT));
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->empty, self->ioas, LENGTH,
			       2 * AT, AT));
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, 2 * AT));
	ASSERT_EQ(0, RESTORE());
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, 2 * AT));
	EXPECT_EQ(2 * (long long)LENGTH, ioas_empty(self->fd, self->empty));
	EXPECT_EQ(2 * (long long)LENGTH, ioas_empty(self->fd, self->ioas));
}

/* Mapped where there is no page table yet */
TEST_F(revoke, mapped_before_a_device_comes)
{
	struct mock_dev dev;

	ASSERT_EQ(0, MAP(self->empty, AT));
	ASSERT_EQ(0, REVOKE());
	ASSERT_EQ(0, mock_attach(self->fd, self->empty, &dev));
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, AT));
	ASSERT_EQ(0, RESTORE());
	EXPECT_EQ(-ENOENT, CHECK(dev.hwpt_id, AT));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->empty, AT, LENGTH));
	ASSERT_EQ(0, MAP(self->empty, AT));
	EXPECT_EQ(0, CHECK(dev.hwpt_id, AT));
}

/* By any context, of what is mapped in any other */
TEST_F(revoke, of_all_contexts)
{
	struct mock_dev dev;
	__u32 ioas;
	int fd = mock_open(&ioas);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
	ASSERT_EQ(0, ioas_map_file(fd, ioas, self->buf, 0, LENGTH, AT));
	EXPECT_EQ(0, mock_check_mmio(fd, dev.hwpt_id, self->buf, 0, LENGTH, AT,
				     1));
	ASSERT_EQ(0, mock_revoke(fd, self->buf, variant->revoked));
	EXPECT_EQ(-ENOENT, mock_check_mmio(fd, dev.hwpt_id, self->buf, 0,
					   LENGTH, AT, 1));
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
	close(fd);
}

TEST_F(revoke, leaves_other_dma_bufs_alone)
{
	int buf = mock_dma_buf(self->fd, LENGTH, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, buf, 0, LENGTH,
				   2 * AT));
	ASSERT_EQ(0, REVOKE());
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, buf, 0,
				     LENGTH, 2 * AT, 1));
	close(buf);
}

/* What is mapped */

TEST_F(dma_buf, is_mapped_as_mmio)
{
	const __u32 flags = FIXED | IOMMU_IOAS_MAP_READABLE;
	__u64 iova = 2 * AT;

	ASSERT_EQ(0, MAP(self->ioas, AT));
	EXPECT_EQ(0, CHECK(self->dev.hwpt_id, AT));
	EXPECT_EQ(self->pinned, pinned());
	ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas, flags, self->buf,
					 0, LENGTH, &iova));
	EXPECT_EQ(-EINVAL, CHECK(self->dev.hwpt_id, 2 * AT));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->buf, 0,
				     LENGTH, 2 * AT, 0));
	EXPECT_EQ(2 * (long long)LENGTH, ioas_empty(self->fd, self->ioas));
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
}

TEST_F(dma_buf, parts)
{
	__u64 iova;

	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, self->buf, HALF,
				   3 * HALF, AT));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->buf,
				     HALF, 3 * HALF, AT, 1));
	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, self->buf,
				   LENGTH - HALF, HALF, 2 * AT));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->buf,
				     LENGTH - HALF, HALF, 2 * AT, 1));
	EXPECT_EQ(-EINVAL, ioas_map_file(self->fd, self->ioas, self->buf, 1,
					 HALF, 3 * AT));

	/* An IOVA that the kernel chooses agrees with the first byte */
	ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas, RW, self->buf,
					 5 * HALF, PAGE, &iova));
	EXPECT_EQ(HALF, iova % PAGE);
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, self->buf,
				     5 * HALF, PAGE, iova, 1));
}

/* errnos of a MAP_FILE of the dma-buf */
#define REFUSED(errno, ioas, start, length)				\
	EXPECT_EQ(-(errno), ioas_map_file(self->fd, ioas, self->buf,	\
					  start, length, AT))

TEST_F(dma_buf, what_comes_first)
{
	const __u32 ioas = self->ioas;

	REFUSED(EINVAL, ioas, 0, LENGTH + HALF);
	REFUSED(EINVAL, ioas, LENGTH, HALF);
	REFUSED(EINVAL, ioas, LENGTH - HALF, PAGE);
	REFUSED(EINVAL, ioas, -PAGE, PAGE);
	REFUSED(EINVAL, ioas, 0, 0);
	REFUSED(EOVERFLOW, ioas, -PAGE, 2 * PAGE);
	REFUSED(ENOENT, BAD_ID, 0, LENGTH);

	/* If it is revoked, its end and the ID are looked at before that */
	ASSERT_EQ(0, mock_revoke(self->fd, self->buf, 1));
	REFUSED(EINVAL, ioas, 0, LENGTH + HALF);
	REFUSED(ENOENT, BAD_ID, 0, LENGTH);
	REFUSED(ENODEV, ioas, 0, LENGTH);
	REFUSED(ENODEV, self->empty, 0, LENGTH);
	/* What is wrong with the IOVA only then */
	REFUSED(ENODEV, ioas, 1, HALF);
	ASSERT_EQ(0, mock_revoke(self->fd, self->buf, 0));
	REFUSED(EINVAL, ioas, 1, HALF);
	EXPECT_EQ(0, MAP(self->ioas, AT));
	REFUSED(EEXIST, ioas, 0, LENGTH);
}

/* What is mapped holds the dma-buf, its memory, and the module that made it. */
TEST_F(dma_buf, lasts_as_long_as_it_is_mapped)
{
	int other = mock_dma_buf(self->fd, LENGTH, O_RDWR | O_CLOEXEC);
	__u32 hwpt;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, MAP(self->ioas, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->empty, self->ioas, LENGTH, AT,
			       AT));
	ASSERT_EQ(0, close(self->buf));
	self->buf = -1;
	/* Something is mapped there, also in new page tables */
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt));
	EXPECT_EQ(-EINVAL, mock_check_mmio(self->fd, self->dev.hwpt_id, other,
					   0, LENGTH, AT, 1));
	EXPECT_EQ(-EINVAL, mock_check_mmio(self->fd, hwpt, other, 0, LENGTH, AT,
					   1));
	ASSERT_EQ(0, iommu_destroy(self->fd, hwpt));

	/* Without a device it is held all the same */
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-EWOULDBLOCK, mock_unload());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, LENGTH));
	EXPECT_EQ(-EWOULDBLOCK, mock_unload());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->empty, AT, LENGTH));
	EXPECT_EQ(0, mock_unload());
	/* For the teardown of the test */
	EXPECT_EQ(0, mock_load());
}

TEST_F(dma_buf, is_out_of_reach_of_software_devices)
{
	const __u32 flags = FIXED | IOMMU_IOAS_MAP_READABLE;
	int access = access_create(self->fd, self->ioas, NEEDS_PIN);
	__u64 iova = 2 * AT;
	char buffer[16] = "";
	__u32 item;

	ASSERT_LE(0, access);
	ASSERT_EQ(0, MAP(self->ioas, AT));
	EXPECT_EQ(-EINVAL, access_pin(self->fd, access, AT, PAGE, buffer, 0,
				      &item));
	EXPECT_EQ(-EINVAL, access_rw(self->fd, access, AT, sizeof(buffer),
				     buffer, 0));
	/* The right to write is looked at first. */
	ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas, flags, self->buf,
					 0, LENGTH, &iova));
	EXPECT_EQ(-EPERM, access_pin(self->fd, access, iova, PAGE, buffer,
				     PIN_WRITE, &item));
	EXPECT_EQ(-EPERM, access_rw(self->fd, access, iova, sizeof(buffer),
				    buffer, RW_WRITE));
	close(access);
}

TEST_F(dma_buf, is_not_for_the_cpu)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, LENGTH, PROT_READ, MAP_SHARED,
				   self->buf, 0));
	EXPECT_EQ(EINVAL, errno);
}

/* Everything at once: it is revoked, mapped and unmapped, and devices come */
struct at_once {
	struct race race;
	int fd;
	int buf;
};

static void *race_revoke(void *arg)
{
	struct at_once *r = arg;

	for (; !r->race.stop; r->race.rounds[0]++) {
		race_expect(arg, mock_revoke(r->fd, r->buf, 1));
		race_expect(arg, mock_revoke(r->fd, r->buf, 0));
		race_expect(arg, mock_revoke(r->fd, r->buf, 0));
	}
	return NULL;
}

static void *race_map(void *arg)
{
	struct at_once *r = arg;
	struct mock_dev dev;
	__u32 ioas;
	int fd = mock_open(&ioas), rc;

	race_expect(arg, mock_attach(fd, ioas, &dev));
	while (!r->race.stop) {
		rc = ioas_map_file(fd, ioas, r->buf, 0, LENGTH, AT);
		if (rc == -ENODEV)
			continue;
		race_expect(arg, rc ?: ioas_unmap(fd, ioas, AT, LENGTH));
		r->race.rounds[1]++;
	}
	close(fd);
	return NULL;
}

static void *race_attach(void *arg)
{
	struct at_once *r = arg;
	struct mock_dev dev;
	__u32 ioas;
	int fd, rc;

	while (!r->race.stop) {
		fd = mock_open(&ioas);
		race_expect(arg, fd < 0 ? fd : 0);
		rc = ioas_map_file(fd, ioas, r->buf, 0, LENGTH, AT);
		if (rc != -ENODEV) {
			race_expect(arg, rc ?: mock_attach(fd, ioas, &dev) ?:
					 ioas_copy(fd, ioas, ioas, LENGTH,
						   2 * AT, AT));
			r->race.rounds[2]++;
		}
		close(fd);
	}
	return NULL;
}

TEST_F_TIMEOUT(dma_buf, all_at_once, 60)
{
	static void *(*const calls[])(void *arg) = {
		race_revoke, race_map, race_attach,
	};
	struct at_once r = { .fd = self->fd, .buf = self->buf };
	size_t i;

	ASSERT_EQ(0, MAP(self->ioas, AT));
	ASSERT_EQ(0, race_run(&r.race, calls, ARRAY_LEN(calls), 3));
	for (i = 0; i < ARRAY_LEN(calls); i++)
		EXPECT_LT(0, r.race.rounds[i]);
	EXPECT_EQ(0, r.race.failed);
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(-ENOENT, CHECK(self->dev.hwpt_id, AT));
	EXPECT_EQ(0, MAP(self->ioas, 2 * AT));
	EXPECT_EQ(0, CHECK(self->dev.hwpt_id, 2 * AT));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * User addresses that change: VFIO_DMA_UNMAP_FLAG_VADDR makes them invalid,
 * VFIO_DMA_MAP_FLAG_VADDR gives new ones.  DMA goes on in between; accesses of
 * what is not pinned fail.  type1.c compares all errnos with type1's;
 * successor.c is about processes.
 */
#include <linux/vfio.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../userfault.h"
#include "access.h"
#include "edu.h"
#include "vaddr.h"

#define AT	(64 * MiB)
#define N	8UL		/* pages of each of two mappings */
#define SIZE	(N * PAGE)
#define SECOND	(AT + SIZE)
#define FAR	(AT + 64 * SIZE)

/*
 * A compatibility IOAS with two mappings of a file, which has a second place in
 * user space, and another IOAS; with and without a device.
 */
FIXTURE(vaddr)
{
	int fd;
	__u32 ioas_id;
	__u32 other_id;
	struct mock_dev dev;
	int file;
	char *old;	/* the file's first place */
	char *new;	/* its second one */
	char *buf;
	long pinned;
};

FIXTURE_VARIANT(vaddr)
{
	bool device;
};

FIXTURE_VARIANT_ADD(vaddr, no_device)
{
};

FIXTURE_VARIANT_ADD(vaddr, device)
{
	.device = true,
};

static char *map_file(int file)
{
	char *p = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		       0);

	return p == MAP_FAILED ? NULL : p;
}

FIXTURE_SETUP(vaddr)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	if (variant->device)
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	self->file = memfd_create("test", MFD_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, ftruncate(self->file, 2 * SIZE));
	self->old = map_file(self->file);
	self->new = map_file(self->file);
	self->buf = anon(SIZE);
	ASSERT_TRUE(self->old && self->new && self->buf);
	memset(self->old, 'a', 2 * SIZE);
	ASSERT_EQ(0, map(self->fd, self->old, AT, SIZE));
	ASSERT_EQ(0, map(self->fd, self->old + SIZE, SECOND, SIZE));
	ASSERT_EQ(IF_ATTACHED(2 * N), PINNED());
}

FIXTURE_TEARDOWN(vaddr)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Do devices reach this memory at this IOVA?  Without a device, true */
static bool reached(struct _test_data_vaddr *self,
		    const struct _fixture_variant_vaddr *variant, char *va,
		    __u64 iova, __u64 size)
{
	return !variant->device ||
	       !mock_check_map(self->fd, self->dev.hwpt_id, va, size, iova);
}

TEST_F(vaddr, dma_goes_on)
{
	const int fd = self->fd;

	EXPECT_EQ(1, may_update(fd));
	ASSERT_EQ(2 * SIZE, forget_all(fd));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
	EXPECT_TRUE(reached(self, variant, self->old, AT, 2 * SIZE));
	ASSERT_EQ(0, munmap(self->old, 2 * SIZE));
	EXPECT_TRUE(reached(self, variant, self->new, AT, 2 * SIZE));
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	ASSERT_EQ(0, update(fd, self->new + SIZE, SECOND, SIZE));
	EXPECT_TRUE(reached(self, variant, self->new, AT, 2 * SIZE));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
	/* It can change again, to where it was, too */
	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(2 * SIZE, dma_unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	EXPECT_EQ(0, PINNED());
}

/* A real device */
TEST(dma_of_a_device)
{
	const int fd = iommu_open(), file = memfd_create("test", MFD_CLOEXEC);
	__u32 ioas_id, dev_id;
	struct edu edu;
	char *old, *new;
	int dev;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(file, 2 * SIZE));
	old = map_file(file);
	new = map_file(file);
	ASSERT_TRUE(old && new);
	ASSERT_EQ(0, ioas_alloc(fd, &ioas_id));
	ASSERT_EQ(0, set_ioas(fd, ioas_id));
	dev = vfio_open_bound(EDU, fd, &dev_id);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, vfio_attach(dev, ioas_id, NULL));
	ASSERT_EQ(0, edu_open(&edu, dev));
	ASSERT_EQ(0, map(fd, old, AT, SIZE));

	memset(new, '1', PAGE);
	ASSERT_EQ(SIZE, forget_all(fd));
	EXPECT_EQ(0, edu_from_memory(&edu, AT, EDU_DMA_MAX));
	ASSERT_EQ(0, munmap(old, 2 * SIZE));
	EXPECT_EQ(0, edu_to_memory(&edu, AT + PAGE, EDU_DMA_MAX));
	EXPECT_EQ(0, memcmp(new, new + PAGE, EDU_DMA_MAX));
	ASSERT_EQ(0, update(fd, new, AT, SIZE));
	memset(new, '2', PAGE);
	EXPECT_EQ(0, edu_from_memory(&edu, AT, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&edu, AT + 2 * PAGE, EDU_DMA_MAX));
	EXPECT_EQ(0, memcmp(new, new + 2 * PAGE, EDU_DMA_MAX));
	edu_close(&edu);
	close(dev);
	close(fd);
}

TEST_F(vaddr, errnos)
{
	const int fd = self->fd;
	char *new = self->new;

	/* Nothing is invalid yet */
	EXPECT_EQ(-EINVAL, update(fd, new, AT, SIZE));
	EXPECT_EQ(-ENOENT, update(fd, new, FAR, SIZE));
	EXPECT_EQ(0, forget(fd, FAR, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, SIZE - PAGE));
	EXPECT_EQ(-EINVAL, forget(fd, AT + PAGE, SIZE - PAGE));
	EXPECT_EQ(-EINVAL, forget(fd, AT + PAGE, 2 * SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, 0));
	EXPECT_EQ(-EINVAL, forget(fd, AT, SIZE + 1));
	EXPECT_EQ(-EINVAL, forget(fd, AT + 1, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, -PAGE));
	EXPECT_EQ(-EINVAL, dma_unmap(fd, FORGET_ALL, AT, 0));
	EXPECT_EQ(-EINVAL, dma_unmap(fd, FORGET_ALL, 0, SIZE));
	EXPECT_EQ(-EINVAL, dma_unmap(fd, FORGET | 8, AT, SIZE));
	EXPECT_EQ(-EINVAL,
		  dma_unmap(fd, FORGET | VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			    AT, SIZE));

	/* One is: a range with it changes nothing */
	ASSERT_EQ(SIZE, forget(fd, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, 2 * SIZE));
	EXPECT_EQ(-EINVAL, forget_all(fd));
	EXPECT_EQ(-EINVAL, update(fd, new, AT, SIZE));
	new += SIZE;
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND, SIZE - PAGE));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND, SIZE + PAGE));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND + PAGE, SIZE - PAGE));
	EXPECT_EQ(-EINVAL, update(fd, new, AT, 2 * SIZE));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND, 0));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND, SIZE + 1));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND + 1, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, new + 1, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, (void *)-PAGE, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, new, -PAGE, SIZE));
	EXPECT_EQ(-EINVAL,
		  dma_map(fd, VFIO_DMA_MAP_FLAG_VADDR | VFIO_DMA_MAP_FLAG_READ,
			  new, SECOND, SIZE));
	EXPECT_EQ(-EINVAL,
		  dma_map(fd, VFIO_DMA_MAP_FLAG_VADDR | VFIO_DMA_MAP_FLAG_WRITE,
			  new, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, dma_map(fd, VFIO_DMA_MAP_FLAG_VADDR | 8, new, SECOND,
				   SIZE));
	EXPECT_EQ(0, update(fd, new, SECOND, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, new, SECOND, SIZE));
	EXPECT_EQ(2 * SIZE, forget(fd, 0, FAR));
}

TEST_F(vaddr, without_an_ioas)
{
	const int fd = iommu_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, may_update(fd));
	EXPECT_EQ(-ENODEV, forget_all(fd));
	EXPECT_EQ(-ENODEV, forget(fd, AT, SIZE));
	EXPECT_EQ(-ENODEV, update(fd, self->new, AT, SIZE));
	close(fd);
}

/* An answer that cannot be written changes nothing */
TEST_F(vaddr, answer_cannot_be_written)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = FORGET_ALL,
	};
	void *p = read_only(&arg, sizeof(arg));

	ASSERT_NE(NULL, p);
	EXPECT_EQ(-EFAULT, call(self->fd, VFIO_IOMMU_UNMAP_DMA, p));
	EXPECT_EQ(2 * SIZE, forget_all(self->fd));
}

TEST_F(vaddr, unmap_in_the_gap)
{
	const int fd = self->fd;

	ASSERT_EQ(2 * SIZE, forget_all(fd));
	EXPECT_EQ(SIZE, dma_unmap(fd, 0, AT, SIZE));
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(-ENOENT, update(fd, self->new, AT, SIZE));
	/* What is mapped there now has an address */
	ASSERT_EQ(0, map(fd, self->new, AT, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(0, ioas_unmap(fd, self->ioas_id, SECOND, SIZE));
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(SIZE, forget_all(fd));
}

TEST_F(vaddr, ends_with_the_context)
{
	ASSERT_EQ(2 * SIZE, forget_all(self->fd));
}

/* The file may be closed, or the IOAS destroyed, while addresses are invalid */
TEST_F(vaddr, destroyed_in_the_gap)
{
	ASSERT_EQ(2 * SIZE, forget_all(self->fd));
	if (variant->device)
		ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-ENODEV, update(self->fd, self->new, AT, SIZE));
	EXPECT_EQ(0, may_update(self->fd));
}

/* While an access is attached, as with type1, addresses do not change */
TEST_F(vaddr, not_under_an_access)
{
	const __u32 all_flags[] = { 0, NEEDS_PIN };
	const int fd = self->fd;
	unsigned int i;
	int access;

	for (i = 0; i < ARRAY_LEN(all_flags); i++) {
		access = access_create(fd, self->ioas_id, all_flags[i]);
		ASSERT_LE(0, access);
		EXPECT_EQ(0, may_update(fd));
		EXPECT_EQ(-EBUSY, forget_all(fd));
		EXPECT_EQ(-EBUSY, forget(fd, AT, SIZE));
		/* An unknown flag is found before, a bad range after */
		EXPECT_EQ(-EINVAL, dma_unmap(fd, FORGET | 8, AT, SIZE));
		EXPECT_EQ(-EBUSY, forget(fd, AT + 1, SIZE));
		EXPECT_EQ(-EINVAL, update(fd, self->new, AT, SIZE));
		ASSERT_EQ(0, access_replace(fd, access, self->other_id));
		EXPECT_EQ(1, may_update(fd));
		ASSERT_EQ(0, access_replace(fd, access, self->ioas_id));
		EXPECT_EQ(0, may_update(fd));
		ASSERT_EQ(0, access_detach(fd, access));
		EXPECT_EQ(1, may_update(fd));
		ASSERT_EQ(0, access_attach(fd, access, self->ioas_id));
		EXPECT_EQ(0, may_update(fd));
		close(access);
		EXPECT_EQ(1, may_update(fd));
	}
}

/* Copy one page to and from IOVA both ways: each returns rc? */
static bool rw_returns(struct _test_data_vaddr *self, int access, __u64 iova,
		       int rc)
{
	const __u32 flags[] = { 0, RW_SLOW, RW_WRITE, RW_WRITE | RW_SLOW };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(flags); i++)
		if (access_rw(self->fd, access, iova, PAGE, self->buf,
			      flags[i]) != rc)
			return false;
	return true;
}

/* An access that is attached in the gap reaches what is pinned */
TEST_F(vaddr, access_in_the_gap)
{
	const int fd = self->fd, rc = variant->device ? 0 : -EBUSY;
	int access;
	__u32 id;

	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));
	access = access_create(fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, AT, rc));
	EXPECT_EQ(rc, access_pin(fd, access, AT, PAGE, self->old, 0, &id));
	if (!rc)
		ASSERT_EQ(0, access_unpin(fd, access, id));
	/* A range with another mapping, whose address is valid */
	EXPECT_EQ(rc, access_rw(fd, access, SECOND - 1, 2, self->buf, 0));
	EXPECT_TRUE(rw_returns(self, access, SECOND, 0));
	EXPECT_EQ(-EBUSY, forget(fd, SECOND, SIZE));

	ASSERT_EQ(0, munmap(self->old, SIZE));
	EXPECT_TRUE(rw_returns(self, access, AT, rc));
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_TRUE(rw_returns(self, access, AT, 0));
	memset(self->buf, 'n', PAGE);
	ASSERT_EQ(0, access_rw(fd, access, AT + PAGE, PAGE, self->buf,
			       RW_WRITE));
	EXPECT_EQ(0, memcmp(self->new + PAGE, self->buf, PAGE));
	ASSERT_EQ(0, access_pin(fd, access, AT, SIZE, self->new, PIN_WRITE,
				&id));
	close(access);
}

/*
 * A pin that was made before stays, and reaches its pages.  The access lets
 * addresses change.
 */
TEST_F(vaddr, pinned_before)
{
	const int fd = self->fd, rc = variant->device ? 0 : -EBUSY;
	int access = access_create(fd, self->ioas_id, NEEDS_PIN | MAY_CHANGE);
	__u32 id, id2;

	ASSERT_LE(0, access);
	ASSERT_EQ(0, access_pin(fd, access, AT, 2 * PAGE, self->old, PIN_WRITE,
				&id));
	EXPECT_EQ(1, may_update(fd));
	ASSERT_EQ(2 * SIZE, forget_all(fd));
	ASSERT_EQ(0, munmap(self->old, SIZE));
	EXPECT_TRUE(rw_returns(self, access, AT, 0));
	EXPECT_TRUE(rw_returns(self, access, AT + PAGE, 0));
	EXPECT_TRUE(rw_returns(self, access, AT + 2 * PAGE, rc));
	EXPECT_EQ(0, access_pin(fd, access, AT, PAGE, self->new, 0, &id2));
	EXPECT_EQ(0, access_unpin(fd, access, id2));
	EXPECT_EQ(rc, access_pin(fd, access, AT + PAGE, 2 * PAGE,
				 self->new + PAGE, 0, &id2));
	if (!rc)
		EXPECT_EQ(0, access_unpin(fd, access, id2));
	ASSERT_EQ(0, access_unpin(fd, access, id));
	EXPECT_TRUE(rw_returns(self, access, AT, rc));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_TRUE(rw_returns(self, access, AT, 0));
	close(access);
}

/* The first device cannot be attached, as that pins; others can */
TEST_F(vaddr, attach_in_the_gap)
{
	const int fd = self->fd;
	struct mock_dev dev;
	int access;

	ASSERT_EQ(2 * SIZE, forget_all(fd));
	if (variant->device) {
		/* Of the same domain, and of another one */
		ASSERT_EQ(0, mock_attach(fd, self->ioas_id, &dev));
		EXPECT_EQ(0, mock_check_map(fd, dev.hwpt_id, self->new,
					    2 * SIZE, AT));
		ASSERT_EQ(0, iommu_destroy(fd, dev.id));
		ASSERT_EQ(0, iommu_destroy(fd, self->dev.id));
		EXPECT_EQ(0, PINNED());
	}
	EXPECT_EQ(-EBUSY, mock_attach(fd, self->ioas_id, &dev));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(-EBUSY, mock_attach(fd, self->ioas_id, &dev));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, update(fd, self->new + SIZE, SECOND, SIZE));
	ASSERT_EQ(0, mock_attach(fd, self->ioas_id, &dev));
	EXPECT_EQ(0, mock_check_map(fd, dev.hwpt_id, self->new, 2 * SIZE, AT));
	EXPECT_EQ(2 * N, PINNED());
	access = access_create(fd, self->ioas_id, 0);
	EXPECT_TRUE(rw_returns(self, access, AT, 0));
	close(access);
}

/* An address that a copy shares does not become invalid */
TEST_F(vaddr, copies_elsewhere)
{
	const int fd = self->fd;
	int access;

	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, PAGE, FAR,
			       AT + PAGE));
	EXPECT_EQ(-EBUSY, forget(fd, AT, SIZE));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	EXPECT_EQ(-EBUSY, forget(fd, 0, FAR));
	/* Nothing has changed, nor does what is not shared */
	EXPECT_EQ(-EINVAL, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new + SIZE, SECOND, SIZE));
	access = access_create(fd, self->ioas_id, MAY_CHANGE);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, AT, 0));
	EXPECT_TRUE(rw_returns(self, access, SECOND, 0));
	close(access);
	EXPECT_EQ(SIZE, forget(fd, SECOND, SIZE));
	EXPECT_EQ(0, update(fd, self->new + SIZE, SECOND, SIZE));

	/* Without the copy it can, and a copy made later has the new one */
	ASSERT_EQ(0, ioas_unmap(fd, self->other_id, FAR, PAGE));
	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));
	ASSERT_EQ(0, update(fd, self->new, AT, SIZE));
	ASSERT_EQ(0, munmap(self->old, SIZE));
	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, SIZE, FAR,
			       AT));
	access = access_create(fd, self->other_id, 0);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, FAR, 0));
	memset(self->buf, 'n', PAGE);
	EXPECT_EQ(0, access_rw(fd, access, FAR + PAGE, PAGE, self->buf,
			       RW_WRITE));
	EXPECT_EQ(0, memcmp(self->new + PAGE, self->buf, PAGE));
	close(access);
	EXPECT_EQ(-EBUSY, forget(fd, AT, SIZE));
}

TEST_F(vaddr, copies_in_one_ioas)
{
	const int fd = self->fd;

	ASSERT_EQ(0, ioas_copy(fd, self->ioas_id, self->ioas_id, SIZE, FAR,
			       AT));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	EXPECT_EQ(-EBUSY, forget(fd, AT, SIZE));
	EXPECT_EQ(-EBUSY, forget(fd, FAR, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new + SIZE, SECOND, SIZE));
	ASSERT_EQ(SIZE, dma_unmap(fd, 0, FAR, SIZE));
	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));

	/* While a copy that was made in the gap shares it, it is not given */
	ASSERT_EQ(0, ioas_copy(fd, self->ioas_id, self->ioas_id, SIZE, FAR,
			       AT));
	EXPECT_EQ(-EBUSY, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(-EBUSY, update(fd, self->new, FAR, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, FAR, SIZE));
	/* Without the mapping that has lost it, the copy is given one */
	ASSERT_EQ(SIZE, dma_unmap(fd, 0, AT, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, FAR, SIZE));
	EXPECT_EQ(0, update(fd, self->new, FAR, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, FAR, SIZE));
	EXPECT_EQ(SIZE, forget(fd, FAR, SIZE));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
}

/*
 * Much is mapped in one IOAS, little of it in another one.  Who gives an
 * address for the little must not give the memory around it to the much.
 */
TEST_F(vaddr, reaches_nothing_that_was_not_given)
{
	const int fd = self->fd;
	char *old = small_pages(4 * HUGE), *new = small_pages(4 * HUGE);
	const __u64 much = 16 * AT, little = much + HUGE;
	int access = access_create(fd, self->ioas_id, NEEDS_PIN | MAY_CHANGE);
	int rc = variant->device ? 0 : -EBUSY;
	__u32 id;

	ASSERT_TRUE(old && new);
	ASSERT_LE(0, access);
	memset(old, 'o', 4 * HUGE);
	memset(new, 's', 4 * HUGE);
	ASSERT_EQ(0, map(fd, old, much, 4 * HUGE));

	/* The copy is there before */
	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, HUGE, little,
			       little));
	ASSERT_EQ(0, set_ioas(fd, self->other_id));
	EXPECT_EQ(-EBUSY, forget(fd, little, HUGE));
	EXPECT_EQ(-EINVAL, update(fd, new + HUGE, little, HUGE));
	EXPECT_EQ(0, access_rw(fd, access, much, PAGE, self->buf, 0));
	EXPECT_EQ('o', self->buf[0]);

	/* It is made in the gap */
	ASSERT_EQ(0, ioas_unmap(fd, self->other_id, little, HUGE));
	ASSERT_EQ(0, set_ioas(fd, self->ioas_id));
	ASSERT_EQ(4 * HUGE, forget(fd, much, 4 * HUGE));
	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, HUGE, little,
			       little));
	ASSERT_EQ(0, set_ioas(fd, self->other_id));
	EXPECT_EQ(-EBUSY, update(fd, new + HUGE, little, HUGE));
	EXPECT_TRUE(rw_returns(self, access, much, rc));
	EXPECT_TRUE(rw_returns(self, access, little, rc));
	EXPECT_EQ(rc, access_pin(fd, access, much + 2 * HUGE, HUGE,
				 old + 2 * HUGE, PIN_WRITE, &id));
	if (!rc)
		ASSERT_EQ(0, access_unpin(fd, access, id));
	EXPECT_EQ('s', new[0]);
	EXPECT_EQ('s', new[HUGE]);

	/* Without the much, only the little can be copied */
	ASSERT_EQ(0, ioas_unmap(fd, self->ioas_id, much, 4 * HUGE));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
	EXPECT_EQ(0, update(fd, new + HUGE, little, HUGE));
	EXPECT_EQ(-ENOENT, ioas_copy(fd, self->ioas_id, self->other_id,
				     2 * HUGE, little, little));
	ASSERT_EQ(0, ioas_copy(fd, self->ioas_id, self->other_id, HUGE, little,
			       little));
	EXPECT_EQ(0, access_rw(fd, access, little, PAGE, self->buf, 0));
	EXPECT_EQ('s', self->buf[0]);
	close(access);
}

/* A mapping of a file has no address, yet needs one given like any other */
TEST_F(vaddr, mapping_of_a_file)
{
	const int fd = self->fd;
	int access;

	ASSERT_EQ(0, ioas_map_file(fd, self->ioas_id, self->file, 0, SIZE,
				   FAR));
	/* A copy of it does not matter */
	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, SIZE, FAR,
			       FAR));
	ASSERT_EQ(3 * SIZE, forget_all(fd));
	access = access_create(fd, self->ioas_id, 0);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, FAR, 0));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	close(access);
	EXPECT_EQ(-EINVAL, forget(fd, FAR, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, FAR, PAGE));
	EXPECT_EQ(0, update(fd, self->new + SIZE, FAR, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, FAR, SIZE));
	EXPECT_TRUE(reached(self, variant, self->new, FAR, SIZE));
	EXPECT_EQ(SIZE, forget(fd, FAR, SIZE));
}

/* So does MMIO */
TEST_F(vaddr, mmio)
{
	const int fd = self->fd;
	int region = mock_mmio(fd, SIZE);
	char *p, *p2;

	ASSERT_LE(0, region);
	p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
	p2 = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, region, 0);
	ASSERT_NE(MAP_FAILED, p);
	ASSERT_NE(MAP_FAILED, p2);
	ASSERT_EQ(0, mock_mmio_set(fd, region, 1));
	ASSERT_EQ(0, map(fd, p, FAR, SIZE));
	ASSERT_EQ(0, ioas_copy(fd, self->other_id, self->ioas_id, SIZE, FAR,
			       FAR));
	ASSERT_EQ(3 * SIZE, forget_all(fd));
	ASSERT_EQ(0, munmap(p, SIZE));
	EXPECT_EQ(-EINVAL, forget(fd, FAR, SIZE));
	if (variant->device) {
		EXPECT_EQ(0, mock_check_mmio(fd, self->dev.hwpt_id, region, 0,
					     SIZE, FAR, 1));
		ASSERT_EQ(0, mock_mmio_set(fd, region, 0));
		ASSERT_EQ(0, mock_mmio_set(fd, region, 1));
		EXPECT_EQ(0, mock_check_mmio(fd, self->dev.hwpt_id, region, 0,
					     SIZE, FAR, 1));
	}
	EXPECT_EQ(0, update(fd, p2, FAR, SIZE));
	EXPECT_EQ(-EINVAL, update(fd, p2, FAR, SIZE));
	EXPECT_EQ(SIZE, dma_unmap(fd, 0, FAR, SIZE));
	/* Both keep the context */
	ASSERT_EQ(0, munmap(p2, SIZE));
	close(region);
}

/* A mapping that begins inside a page begins there at its new address, too */
TEST_F(vaddr, begins_inside_a_page)
{
	const int fd = self->fd;

	ASSERT_EQ(0, ioas_map(fd, self->ioas_id, self->old + HALF, PAGE, FAR));
	ASSERT_EQ(PAGE, forget(fd, FAR, PAGE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, FAR, PAGE));
	EXPECT_EQ(-EINVAL, update(fd, self->new + HALF, FAR, PAGE));
	EXPECT_EQ(PAGE, dma_unmap(fd, 0, FAR, PAGE));
}

/* VFIO_TYPE1_IOMMU: a mapping that begins in the range counts as a whole */
TEST_F(vaddr, type1_v1)
{
	const int fd = self->fd;

	ASSERT_EQ(2 * SIZE, dma_unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	ASSERT_EQ(0, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map(fd, self->old, AT, SIZE));
	ASSERT_EQ(0, map(fd, self->old + SIZE, SECOND, SIZE));
	EXPECT_EQ(0, forget(fd, AT + PAGE, 2 * SIZE));
	EXPECT_EQ(0, forget(fd, AT + PAGE, PAGE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(2 * SIZE, forget(fd, AT, SIZE + PAGE));
	EXPECT_EQ(-EINVAL, forget(fd, AT, PAGE));
	EXPECT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(0, update(fd, self->new + SIZE, SECOND, SIZE));

	/* The parts of a mapping that was split share the address */
	ASSERT_EQ(PAGE, dma_unmap(fd, 0, AT + 3 * PAGE, PAGE));
	EXPECT_EQ(-EBUSY, forget_all(fd));
	EXPECT_EQ(-EBUSY, forget(fd, AT, 3 * PAGE));
	EXPECT_EQ(-EBUSY, forget(fd, AT + 4 * PAGE, 4 * PAGE));
	EXPECT_EQ(-EINVAL, update(fd, self->new, AT, 3 * PAGE));
	EXPECT_EQ(-EINVAL, update(fd, self->new + SIZE, SECOND, SIZE));
	ASSERT_EQ(4 * PAGE, dma_unmap(fd, 0, AT + 4 * PAGE, 4 * PAGE));
	EXPECT_EQ(3 * PAGE + SIZE, forget_all(fd));
	EXPECT_EQ(0, update(fd, self->old, AT, 3 * PAGE));

	/* Split in the gap, none is given it while there are two */
	ASSERT_EQ(PAGE, dma_unmap(fd, 0, SECOND + 3 * PAGE, PAGE));
	EXPECT_EQ(-EBUSY, update(fd, self->new + SIZE, SECOND, 3 * PAGE));
	EXPECT_EQ(-EBUSY, update(fd, self->new + SIZE + 4 * PAGE,
				 SECOND + 4 * PAGE, 4 * PAGE));
	EXPECT_EQ(-EINVAL, forget(fd, SECOND, SIZE));
	ASSERT_EQ(3 * PAGE, dma_unmap(fd, 0, SECOND, 3 * PAGE));
	EXPECT_EQ(0, update(fd, self->new + SIZE + 4 * PAGE, SECOND + 4 * PAGE,
			    4 * PAGE));
	EXPECT_EQ(IF_ATTACHED(7), PINNED());
	EXPECT_TRUE(reached(self, variant, self->new + SIZE + 4 * PAGE,
			    SECOND + 4 * PAGE, 4 * PAGE));
}

/* The address of the parts of a mapping that are unmapped would wrap */
TEST_F(vaddr, address_wraps_beside_a_part)
{
	const int fd = self->fd, rc = variant->device ? 0 : -EFAULT;
	char *const head = (void *)(-3 * PAGE), *const tail = (void *)PAGE;
	const __u64 tail_at = AT + 4 * PAGE;
	int access;
	__u32 id;

	ASSERT_EQ(2 * SIZE, dma_unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	ASSERT_EQ(0, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map(fd, self->old, AT, SIZE));
	ASSERT_EQ(0, map(fd, self->old + SIZE, SECOND, SIZE));
	ASSERT_EQ(4 * PAGE, dma_unmap(fd, 0, AT, 4 * PAGE));
	ASSERT_EQ(5 * PAGE, dma_unmap(fd, 0, SECOND + 3 * PAGE, 5 * PAGE));
	ASSERT_EQ(7 * PAGE, forget_all(fd));
	EXPECT_EQ(0, update(fd, tail, tail_at, 4 * PAGE));
	EXPECT_EQ(0, update(fd, head, SECOND, 3 * PAGE));
	access = access_create(fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, tail_at, rc));
	EXPECT_TRUE(rw_returns(self, access, SECOND + 2 * PAGE, rc));
	EXPECT_EQ(rc, access_pin(fd, access, tail_at, 4 * PAGE,
				 self->old + 4 * PAGE, 0, &id));
	EXPECT_EQ(rc, access_pin(fd, access, SECOND, 3 * PAGE,
				 self->old + SIZE, 0, &id));
	close(access);
	EXPECT_EQ(IF_ATTACHED(7), PINNED());
}

/*
 * The kernel cannot tell whether it is the same memory.  If not, devices, and
 * accesses of what is pinned, go on with the old one.
 */
TEST_F(vaddr, memory_that_is_not_the_same)
{
	const int fd = self->fd;
	char *other = anon(SIZE);
	int access;

	ASSERT_NE(NULL, other);
	memset(other, 'o', SIZE);
	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));
	ASSERT_EQ(0, update(fd, other, AT, SIZE));
	EXPECT_TRUE(reached(self, variant, self->old, AT, SIZE));
	access = access_create(fd, self->ioas_id, 0);
	ASSERT_LE(0, access);
	ASSERT_EQ(0, access_rw(fd, access, AT, PAGE, self->buf, 0));
	EXPECT_EQ(variant->device ? 'a' : 'o', self->buf[0]);
	close(access);
	/* Memory that is not there is found out when it is used */
	ASSERT_EQ(SIZE, forget(fd, AT, SIZE));
	ASSERT_EQ(0, munmap(other, SIZE));
	ASSERT_EQ(0, update(fd, other, AT, SIZE));
	access = access_create(fd, self->ioas_id, 0);
	ASSERT_LE(0, access);
	EXPECT_TRUE(rw_returns(self, access, AT, variant->device ? 0 :
							  -EFAULT));
	close(access);
	ASSERT_EQ(2 * SIZE, dma_unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0));
	EXPECT_EQ(0, PINNED());
}

/* Huge pages: chunks of the old address need not be aligned at the new one */
TEST_F(vaddr, huge_pages)
{
	char *old = huge_pages(2 * HUGE), *new = small_pages(4 * HUGE);
	const int fd = self->fd;
	__u32 id;
	int access;

	ASSERT_TRUE(old && new);
	ASSERT_EQ(0, map(fd, old, 16 * AT, 2 * HUGE));
	ASSERT_EQ(2 * HUGE, forget(fd, 16 * AT, 2 * HUGE));
	new = (char *)((addr(new) + HUGE - 1) & ~(HUGE - 1)) + PAGE;
	ASSERT_EQ(0, update(fd, new, 16 * AT, 2 * HUGE));
	EXPECT_TRUE(reached(self, variant, old, 16 * AT, 2 * HUGE));
	access = access_create(fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, access);
	EXPECT_EQ(0, access_pin(fd, access, 16 * AT, 2 * HUGE,
				variant->device ? old : new, PIN_WRITE, &id));
	close(access);
	EXPECT_EQ(2 * HUGE, dma_unmap(fd, 0, 16 * AT, 2 * HUGE));
}

/* Calls that wait */

struct copy {
	pthread_t thread;
	struct _test_data_vaddr *self;
	int access;
	atomic_int rc;		/* 1 while it is at work */
};

static void *copy_late(void *arg)
{
	struct copy *copy = arg;

	copy->rc = access_rw(copy->self->fd, copy->access, FAR, 2 * PAGE,
			     copy->self->buf, 0);
	return NULL;
}

/*
 * A copy by user address is at work, by an access that lets addresses change,
 * and waits for a page.  Whoever makes the address invalid waits for the copy,
 * and can be killed.
 */
TEST_F(vaddr, waits_for_a_copy)
{
	struct copy copy = { .self = self, .rc = 1 };
	struct userfault fault;
	const int fd = self->fd;
	char *memory = anon(2 * PAGE);
	int status;
	pid_t pid;

	if (variant->device)
		SKIP(return, "the memory is pinned");
	ASSERT_NE(NULL, memory);
	memory[0] = 1;
	ASSERT_EQ(0, map(fd, memory, FAR, 2 * PAGE));
	copy.access = access_create(fd, self->ioas_id, MAY_CHANGE);
	ASSERT_LE(0, copy.access);
	ASSERT_EQ(0, userfault_start(&fault, memory + PAGE,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, pthread_create(&copy.thread, NULL, copy_late, &copy));
	ASSERT_EQ(0, userfault_wait(&fault));

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		forget(fd, FAR, 2 * PAGE);
		_exit(0);
	}
	/* The address is invalid at once */
	while (!access_rw(fd, copy.access, FAR, 1, self->buf, RW_SLOW))
		usleep(1000);
	EXPECT_EQ(-EBUSY, access_rw(fd, copy.access, FAR, 1, self->buf,
				    RW_SLOW));
	usleep(100000);
	EXPECT_EQ(0, waitpid(pid, NULL, WNOHANG));
	EXPECT_EQ(1, copy.rc);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	/* It is as if it were killed after the call */
	EXPECT_EQ(-EINVAL, forget(fd, FAR, 2 * PAGE));
	EXPECT_EQ(1, copy.rc);
	/* Others need not wait for the copy */
	EXPECT_EQ(2 * SIZE, forget(fd, AT, 2 * SIZE));
	EXPECT_EQ(0, update(fd, self->new, AT, SIZE));
	EXPECT_EQ(0, update(fd, memory, FAR, 2 * PAGE));

	ASSERT_EQ(0, userfault_end(&fault, self->new));
	ASSERT_EQ(0, pthread_join(copy.thread, NULL));
	EXPECT_EQ(0, copy.rc);
	EXPECT_EQ('a', self->buf[PAGE]);
	EXPECT_EQ(2 * PAGE, forget(fd, FAR, 2 * PAGE));
	close(copy.access);
}

/* Races: the address changes, others use it */

struct racer {
	pthread_t thread;
	struct _test_data_vaddr *self;
	int access;
	char *memory;		/* the file, at a third place */
	atomic_bool *stop;
	atomic_ulong done;
	unsigned long busy;
	atomic_int rc;
};

static void *race_rw(void *arg)
{
	struct racer *r = arg;
	char buf[64];
	int rc;

	while (!*r->stop && !r->rc) {
		rc = access_rw(r->self->fd, r->access, AT + PAGE - 32,
			       sizeof(buf), buf, r->done % 2 ? RW_SLOW : 0);
		if (!rc && (buf[0] != 'a' || buf[63] != 'a'))
			rc = -EILSEQ;
		if (rc == -EBUSY)
			r->busy++;
		else
			r->rc = rc;
		r->done++;
	}
	return NULL;
}

static void *race_pin(void *arg)
{
	struct racer *r = arg;
	__u32 id;
	int rc;

	while (!*r->stop && !r->rc) {
		rc = access_pin(r->self->fd, r->access, AT, 2 * PAGE,
				r->memory, 0, &id);
		if (!rc)
			rc = access_unpin(r->self->fd, r->access, id);
		if (rc == -EBUSY)
			r->busy++;
		else
			r->rc = rc;
		r->done++;
	}
	return NULL;
}

/* While there is a copy, the address does not change. */
static void *race_copy(void *arg)
{
	struct racer *r = arg;
	int rc;

	while (!*r->stop && !r->rc) {
		rc = ioas_copy(r->self->fd, r->self->ioas_id, r->self->ioas_id,
			       PAGE, 4 * FAR, AT);
		if (!rc)
			rc = ioas_unmap(r->self->fd, r->self->ioas_id, 4 * FAR,
					PAGE);
		r->rc = rc;
		r->done++;
		usleep(100);
	}
	return NULL;
}

/* Do it again as long as there is a copy.  Returns what forget() does. */
static long long forget_without_copy(int fd)
{
	long long n;

	do {
		n = forget(fd, AT, SIZE);
	} while (n == -EBUSY);
	return n;
}

static int update_without_copy(int fd, const void *va)
{
	int rc;

	do {
		rc = update(fd, va, AT, SIZE);
	} while (rc == -EBUSY);
	return rc;
}

/* On few CPUs it takes a while until each has had its turn */
static bool all_have_run(const struct racer *racers, unsigned int n)
{
	bool all = true;

	while (n--)
		all = all && (racers[n].done > 10 || racers[n].rc);
	return all;
}

TEST_F_TIMEOUT(vaddr, races, 120)
{
	void *(*run[])(void *) = { race_rw, race_pin, race_copy };
	unsigned int i, rounds = patient_rounds(300);
	struct racer racers[ARRAY_LEN(run)] = {};
	atomic_bool stop = false;
	const int fd = self->fd;
	char *always = map_file(self->file);

	ASSERT_NE(NULL, always);
	for (i = 0; i < ARRAY_LEN(run); i++) {
		racers[i].self = self;
		racers[i].stop = &stop;
		racers[i].memory = always;
		racers[i].access = access_create(fd, self->ioas_id,
						 NEEDS_PIN | MAY_CHANGE);
		ASSERT_LE(0, racers[i].access);
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, run[i],
					    &racers[i]));
	}
	for (i = 0; i < rounds || !all_have_run(racers, ARRAY_LEN(run)); i++) {
		/* The place that is not in use has other memory */
		char *from = i % 2 ? self->new : self->old;
		char *to = i % 2 ? self->old : self->new;

		ASSERT_EQ(SIZE, forget_without_copy(fd));
		ASSERT_EQ(from, mmap(from, SIZE, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				     -1, 0));
		ASSERT_EQ(to, mmap(to, SIZE, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->file, 0));
		ASSERT_EQ(0, update_without_copy(fd, to));
	}
	stop = true;
	for (i = 0; i < ARRAY_LEN(run); i++) {
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
		EXPECT_EQ(0, racers[i].rc) TH_LOG("racer %u", i);
		if (variant->device)
			EXPECT_EQ(0, racers[i].busy) TH_LOG("racer %u", i);
		close(racers[i].access);
	}
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
}

struct changer {
	pthread_t thread;
	struct _test_data_vaddr *self;
	unsigned int rounds;
	unsigned long lost;	/* times that it has made the address invalid */
	unsigned long given;	/* times that it has given a new one */
	int rc;
};

static void *race_change(void *arg)
{
	struct changer *c = arg;
	const int fd = c->self->fd;
	long long n;
	int rc;

	while (c->rounds-- && !c->rc) {
		n = forget(fd, AT, SIZE);
		if (n == SIZE)
			c->lost++;
		else if (n != -EINVAL)
			c->rc = n < 0 ? n : -EIO;
		rc = update(fd, c->self->new, AT, SIZE);
		if (!rc)
			c->given++;
		else if (rc != -EINVAL)
			c->rc = rc;
	}
	return NULL;
}

/* Each address that was made invalid by one of two is given by one of them */
TEST_F_TIMEOUT(vaddr, two_change_at_once, 120)
{
	unsigned long lost = 0, given = 0;
	struct changer changers[2] = {};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(changers); i++) {
		changers[i].self = self;
		changers[i].rounds = patient_rounds(2000);
		ASSERT_EQ(0, pthread_create(&changers[i].thread, NULL,
					    race_change, &changers[i]));
	}
	for (i = 0; i < ARRAY_LEN(changers); i++) {
		ASSERT_EQ(0, pthread_join(changers[i].thread, NULL));
		EXPECT_EQ(0, changers[i].rc);
		lost += changers[i].lost;
		given += changers[i].given;
	}
	EXPECT_LT(0, lost);
	EXPECT_EQ(lost, given);
	EXPECT_EQ(-EINVAL, update(self->fd, self->new, AT, SIZE));
	EXPECT_EQ(SIZE, forget(self->fd, AT, SIZE));
	EXPECT_EQ(IF_ATTACHED(2 * N), PINNED());
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory that can be mapped, and the time for which it is pinned: as
 * long as it is mapped and a device is attached, once, and not a page more.
 */
#include <sys/mman.h>
#include <linux/vfio.h>

#include "common.h"

#define AT	(256 * HUGE)
#define NR_HUGE	"/proc/sys/vm/nr_hugepages"

static char *or_null(void *p)
{
	return p == MAP_FAILED ? NULL : p;
}

/* A file in memory of the given size, full of data */
static int file(size_t length, unsigned int flags)
{
	int fd = memfd_create("test", MFD_CLOEXEC | flags);
	char page[PAGE];
	size_t i;

	if (fd < 0 || flags)
		return ftruncate(fd, length) ? -1 : fd;
	memset(page, 0x5a, sizeof(page));
	for (i = 0; i < length; i += PAGE)
		if (write(fd, page, PAGE) != PAGE)
			return -1;
	return fd;
}

static char *get_anon(size_t length)
{
	return anon(length);
}

static char *get_populated(size_t length)
{
	char *p = anon(length);

	if (p)
		memset(p, 0xa5, length);
	return p;
}

static char *get_anon_read_only(size_t length)
{
	char *p = get_populated(length);

	return mprotect(p, length, PROT_READ) ? NULL : p;
}

static char *get_thp(size_t length)
{
	char *p = anon_aligned(length, HUGE);

	if (!p || madvise(p, length, MADV_HUGEPAGE))
		return NULL;
	memset(p, 0xa5, length);
	return p;
}

static char *get_no_thp(size_t length)
{
	char *p = anon_aligned(length, HUGE);

	if (!p || madvise(p, length, MADV_NOHUGEPAGE))
		return NULL;
	return p;
}

static char *get_hugetlb(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0));
}

static char *get_hugetlb_file(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    file(length, MFD_HUGETLB), 0));
}

static char *get_shared_anon(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

static char *get_memfd(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    file(length, 0), 0));
}

static char *get_shared_read_only(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ, MAP_SHARED,
			    file(length, 0), 0));
}

static char *get_private_file(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    file(length, 0), 0));
}

static char *get_private_read_only(size_t length)
{
	return or_null(mmap(NULL, length, PROT_READ, MAP_PRIVATE,
			    file(length, 0), 0));
}

/* One kind of memory, and a device that is not attached yet */
FIXTURE(memory)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
	char *p;
	long pinned;
};

FIXTURE_VARIANT(memory)
{
	char *(*get)(size_t length);
	size_t length;
	bool read_only;
};

FIXTURE_VARIANT_ADD(memory, anon)
{
	.get = get_anon,
	.length = 100 * PAGE,
};

FIXTURE_VARIANT_ADD(memory, anon_one_page)
{
	.get = get_anon,
	.length = PAGE,
};

FIXTURE_VARIANT_ADD(memory, anon_populated)
{
	.get = get_populated,
	.length = 100 * PAGE,
};

FIXTURE_VARIANT_ADD(memory, anon_read_only)
{
	.get = get_anon_read_only,
	.length = 100 * PAGE,
	.read_only = true,
};

FIXTURE_VARIANT_ADD(memory, anon_64m)
{
	.get = get_anon,
	.length = 32 * HUGE,
};

FIXTURE_VARIANT_ADD(memory, small_pages)
{
	.get = get_no_thp,
	.length = 4 * HUGE,
};

FIXTURE_VARIANT_ADD(memory, thp)
{
	.get = get_thp,
	.length = 4 * HUGE,
};

FIXTURE_VARIANT_ADD(memory, hugetlb)
{
	.get = get_hugetlb,
	.length = 4 * HUGE,
};

FIXTURE_VARIANT_ADD(memory, hugetlb_file)
{
	.get = get_hugetlb_file,
	.length = 4 * HUGE,
};

FIXTURE_VARIANT_ADD(memory, shared_anon)
{
	.get = get_shared_anon,
	.length = 100 * PAGE,
};

FIXTURE_VARIANT_ADD(memory, memfd)
{
	.get = get_memfd,
	.length = 100 * PAGE,
};

FIXTURE_VARIANT_ADD(memory, shared_file_read_only)
{
	.get = get_shared_read_only,
	.length = 100 * PAGE,
	.read_only = true,
};

FIXTURE_VARIANT_ADD(memory, private_file)
{
	.get = get_private_file,
	.length = 100 * PAGE,
};

FIXTURE_VARIANT_ADD(memory, private_file_read_only)
{
	.get = get_private_read_only,
	.length = 100 * PAGE,
	.read_only = true,
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, write_file(NR_HUGE, "16"));
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	self->p = variant->get(variant->length);
	ASSERT_NE(NULL, self->p);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(memory)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, write_file(NR_HUGE, "0"));
}

static int map_with(int fd, __u32 id, __u32 flags, void *p, size_t length,
		    __u64 iova)
{
	return ioas_map_flags(fd, id, FIXED | flags, p, length, &iova);
}

#define PAGES		((long)(variant->length / PAGE))
#define PERMISSION	(variant->read_only ? READABLE : RW)

TEST_F(memory, map_pins_and_unmap_unpins)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION, self->p,
			      variant->length, AT));
	EXPECT_EQ(PAGES, PINNED());
	ASSERT_EQ(variant->length, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

TEST_F(memory, attach_pins_and_detach_unpins)
{
	int i;

	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION, self->p,
			      variant->length, AT));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, PINNED());
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
		EXPECT_EQ(PAGES, PINNED());
		ASSERT_EQ(0, vfio_detach(self->dev));
	}
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(variant->length, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(memory, write_permission_needs_writeable_memory)
{
	int rc = variant->read_only ? -EFAULT : 0;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(rc, map_with(self->fd, self->ioas_id, RW, self->p,
			       variant->length, AT));
	EXPECT_EQ(rc ? 0 : PAGES, PINNED());
	EXPECT_EQ(rc ? 0 : variant->length,
		  ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(rc, map_with(self->fd, self->ioas_id, WRITEABLE, self->p,
			       variant->length, AT));
	EXPECT_EQ(rc ? 0 : variant->length,
		  ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, map_with(self->fd, self->ioas_id, READABLE, self->p,
			      variant->length, AT));
	EXPECT_EQ(PAGES, PINNED());
}

TEST_F(memory, attach_refuses_what_map_would)
{
	int rc = variant->read_only ? -EFAULT : 0;

	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, RW, self->p,
			      variant->length, AT));
	EXPECT_EQ(rc, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(rc ? 0 : PAGES, PINNED());
	EXPECT_EQ(variant->length, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
}

TEST_F(memory, munmap_does_not_unpin)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION, self->p,
			      variant->length, AT));
	ASSERT_EQ(0, munmap(self->p, variant->length));
	EXPECT_EQ(PAGES, PINNED());
	ASSERT_EQ(variant->length, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

TEST_F(memory, close_unpins)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION, self->p,
			      variant->length, AT));
	EXPECT_EQ(PAGES, PINNED());
	/* The teardown closes the two files, and checks */
}

TEST_F(memory, page_by_page)
{
	long i, n = PAGES < 300 ? PAGES : 300;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	for (i = 0; i < n; i++)
		ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION,
				      self->p + i * PAGE, PAGE,
				      AT + i * PAGE));
	EXPECT_EQ(n, PINNED());
	for (i = 0; i < n; i += 2)
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT + i * PAGE,
					PAGE));
	EXPECT_EQ(n / 2, PINNED());
	EXPECT_EQ(n / 2 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(memory, a_part_from_the_middle)
{
	long n = PAGES / 2;

	if (!n)
		return;
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION,
			      self->p + PAGE, n * PAGE, AT + PAGE));
	EXPECT_EQ(n, PINNED());
	EXPECT_EQ(n * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(memory, copies_are_pinned_once)
{
	__u64 iova = AT + variant->length;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, map_with(self->fd, self->ioas_id, PERMISSION, self->p,
			      variant->length, AT));
	ASSERT_EQ(0, ioas_copy_flags(self->fd, FIXED | PERMISSION,
				     self->ioas_id, self->ioas_id,
				     variant->length, &iova, AT));
	EXPECT_EQ(PAGES, PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, variant->length));
	EXPECT_EQ(PAGES, PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iova,
				variant->length));
	EXPECT_EQ(0, PINNED());
}

/* Memory that is missing */

FIXTURE(hole)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
	char *good;
	char *p;
	long pinned;
};

FIXTURE_VARIANT(hole)
{
	size_t length;
	size_t at;		/* of the page that is missing */
	bool guard;		/* mapped without permission, not unmapped */
};

FIXTURE_VARIANT_ADD(hole, at_the_start)
{
	.length = 16 * PAGE,
	.at = 0,
};

FIXTURE_VARIANT_ADD(hole, in_the_middle)
{
	.length = 16 * PAGE,
	.at = 7 * PAGE,
};

FIXTURE_VARIANT_ADD(hole, at_the_end)
{
	.length = 16 * PAGE,
	.at = 15 * PAGE,
};

FIXTURE_VARIANT_ADD(hole, far_into_it)
{
	.length = 32 * HUGE,
	.at = 27 * HUGE + 5 * PAGE,
};

FIXTURE_VARIANT_ADD(hole, guard_page)
{
	.length = 16 * PAGE,
	.at = 7 * PAGE,
	.guard = true,
};

FIXTURE_VARIANT_ADD(hole, all_of_it)
{
	.length = PAGE,
	.at = 0,
};

FIXTURE_SETUP(hole)
{
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	/* Allocate it first, so that it does not fill the hole */
	self->good = get_populated(8 * PAGE);
	ASSERT_NE(NULL, self->good);
	self->p = get_populated(variant->length);
	ASSERT_NE(NULL, self->p);
	ASSERT_EQ(0, variant->guard ?
		     mprotect(self->p + variant->at, PAGE, PROT_NONE) :
		     munmap(self->p + variant->at, PAGE));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(hole)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(hole, map_leaves_nothing)
{
	__u64 iova = 77;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(-EFAULT, ioas_map(self->fd, self->ioas_id, self->p,
				    variant->length, AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-EFAULT, ioas_map_flags(self->fd, self->ioas_id, RW, self->p,
					  variant->length, &iova));
	EXPECT_EQ(77, iova);
	EXPECT_EQ(-EFAULT, map_with(self->fd, self->ioas_id, READABLE, self->p,
				    variant->length, AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	/* The IOVA is free: memory before the hole can be mapped there */
	if (variant->at)
		EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p,
				      variant->at, AT));
	EXPECT_EQ(variant->at / PAGE, PINNED());
}

/* What is before the hole is not pinned again to see whether it is MMIO. */
TEST_F(hole, map_pins_once)
{
	long before;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	before = pins_acquired();
	ASSERT_LE(0, before);
	EXPECT_EQ(-EFAULT, ioas_map(self->fd, self->ioas_id, self->p,
				    variant->length, AT));
	EXPECT_EQ(variant->at / PAGE, pins_acquired() - before);
	EXPECT_EQ(0, PINNED());
}

TEST_F(hole, map_without_a_device_does_not_look)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p,
			      variant->length, AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(variant->length, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(hole, attach_leaves_nothing)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->good, 8 * PAGE,
			      AT - 8 * PAGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p,
			      variant->length, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->good, 8 * PAGE,
			      AT + variant->length));
	EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	/* Without the mapping that has the hole, attach works */
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, variant->length));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(16, PINNED());
	EXPECT_EQ(16 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(hole, copy_to_a_device_leaves_nothing)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->p, variant->length, AT));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(-EFAULT, ioas_copy(self->fd, self->ioas_id, other,
				     variant->length, AT, AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	if (variant->at) {
		EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, other,
				       variant->at, AT, AT));
	}
	EXPECT_EQ(variant->at / PAGE, PINNED());
}

/* Of a process, and with several devices */

/* Without a device, the error is found when one is attached. */
TEST_F(iommufd, kernel_addresses_are_no_memory)
{
	static const struct {
		__u64 va;
		__u64 length;
	} wrong[] = {
		{ 0xffffffff81000000UL, PAGE },
		{ 0x7ffffffff000UL, 2 * PAGE },
		{ 0, PAGE },
	};
	int rc = variant->device ? -EFAULT : 0;
	unsigned int i;

	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id,
				       (void *)(uintptr_t)wrong[i].va,
				       wrong[i].length, AT));
		if (!variant->device)
			EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id,
						       NULL));
		EXPECT_EQ(rc ? 0 : (long long)wrong[i].length,
			  ioas_empty(self->fd, self->ioas_id));
	}
	EXPECT_EQ(0, PINNED());
}

/* Device memory can be mapped, see ../../vfio/bar.c, but not pinned */
TEST_F(iommufd, device_memory_is_no_memory)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region),
		.index = VFIO_PCI_BAR0_REGION_INDEX,
	};
	char *bar;

	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	ASSERT_EQ(0, call(self->dev, VFIO_DEVICE_GET_REGION_INFO, &region));
	bar = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, self->dev,
		   region.offset);
	ASSERT_NE(MAP_FAILED, bar);
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, bar, PAGE, AT));
	if (!variant->device)
		EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, memory_that_went_before_attach)
{
	char *p = get_populated(8 * PAGE);

	if (variant->device) {
		ASSERT_EQ(0, vfio_detach(self->dev));
	} else {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, 8 * PAGE, AT));
	ASSERT_EQ(0, munmap(p, 8 * PAGE));
	EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(8 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

/* Several devices: memory that all of them see is pinned once */

FIXTURE(devices)
{
	int fd;
	int dev[3];
	__u32 dev_id[3];
	__u32 ioas_id;
	char *p;
	long pinned;
};

FIXTURE_SETUP(devices)
{
	static const char *const bdf[] = { EDU, PAIR_0, PAIR_1 };
	int i;

	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	/* Bind fails while any device of the group has a host driver */
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, pci_bind(bdf[i], "vfio-pci"));
	for (i = 0; i < 3; i++) {
		self->dev[i] = vfio_open_bound(bdf[i], self->fd,
					       &self->dev_id[i]);
		ASSERT_LE(0, self->dev[i]);
	}
	self->p = get_populated(64 * PAGE);
	ASSERT_NE(NULL, self->p);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(devices)
{
	int i;

	for (i = 0; i < 3; i++)
		close(self->dev[i]);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(devices, one_ioas_pins_once)
{
	int i, j;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p, 64 * PAGE, AT));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, vfio_attach(self->dev[i], self->ioas_id, NULL));
		EXPECT_EQ(64, PINNED());
	}
	/* Mapped with all of them there */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p, 32 * PAGE,
			      AT + 64 * PAGE));
	EXPECT_EQ(96, PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT + 64 * PAGE,
				32 * PAGE));
	EXPECT_EQ(64, PINNED());
	/* Pinned until the last device is gone, whichever it is */
	for (i = 0; i < 3; i++) {
		for (j = 0; j < 3; j++) {
			EXPECT_EQ(64, PINNED());
			ASSERT_EQ(0, vfio_detach(self->dev[(i + j) % 3]));
		}
		EXPECT_EQ(0, PINNED());
		for (j = 0; j < 3; j++)
			ASSERT_EQ(0, vfio_attach(self->dev[(i + j) % 3],
						 self->ioas_id, NULL));
	}
}

TEST_F(devices, copies_in_two_ioas_pin_once)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, vfio_attach(self->dev[0], self->ioas_id, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev[1], other, NULL));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->p, 64 * PAGE, AT));
	EXPECT_EQ(64, PINNED());
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, 48 * PAGE, AT,
			       AT + 8 * PAGE));
	EXPECT_EQ(64, PINNED());
	ASSERT_EQ(64 * PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(48, PINNED());
	ASSERT_EQ(0, vfio_detach(self->dev[1]));
	EXPECT_EQ(0, PINNED());
	/* With a device again, the copy pins the memory that it came from */
	ASSERT_EQ(0, vfio_attach(self->dev[1], other, NULL));
	EXPECT_EQ(48, PINNED());
	EXPECT_EQ(48 * PAGE, ioas_empty(self->fd, other));
	EXPECT_EQ(0, PINNED());
}

TEST_F(devices, a_group_has_one_ioas)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->p, PAGE, AT));
	ASSERT_EQ(0, vfio_attach(self->dev[1], self->ioas_id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev[2], other, NULL));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, vfio_attach(self->dev[2], self->ioas_id, NULL));
	EXPECT_EQ(0, vfio_attach(self->dev[0], other, NULL));
	EXPECT_EQ(1, PINNED());
}

TEST_F(devices, share_a_page_table)
{
	__u32 hwpt_id[3];
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, vfio_attach(self->dev[i], self->ioas_id,
					 &hwpt_id[i]));
	EXPECT_EQ(hwpt_id[0], hwpt_id[1]);
	EXPECT_EQ(hwpt_id[0], hwpt_id[2]);
	ASSERT_EQ(0, vfio_detach(self->dev[0]));
	ASSERT_EQ(0, vfio_detach(self->dev[1]));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, hwpt_id[0]));
	ASSERT_EQ(0, vfio_detach(self->dev[2]));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, hwpt_id[0]));
}

TEST_HARNESS_MAIN

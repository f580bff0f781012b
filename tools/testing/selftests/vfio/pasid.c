// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs by the kernel's IOMMU driver.  No device of QEMU has any: the module
 * iommufd_pasid makes the PCI core say that some have, and does DMA with a PASID
 * by the tables that the IOMMU driver has made.
 */
#include <stddef.h>

#include "../race.h"
#include "pasid.h"

#define AT		0x40000000ULL
#define PAGES		8	/* of the memory */
#define MAPPED		(PAGES / 2)	/* of them, in each IOAS */
#define NO_ID		0x7fffffffu

/*
 * edu, bound, and two IOASs that have a half of the memory each at the same IOVA.
 * Each has a page table for PASIDs.
 */
FIXTURE(pasid)
{
	int tables;
	int dev;
	int iommu;
	__u32 ioas[2];
	__u32 dev_id;
	__u32 hwpt[2];
	char *memory;
	__u32 last;	/* the highest PASID */
	long pinned;
};

/* What is at the start of a page of the memory */
static __u64 *tag(const struct _test_data_pasid *self, unsigned int page)
{
	return (__u64 *)(self->memory + page * PAGE);
}

static int map_half(const struct _test_data_pasid *self, unsigned int half)
{
	return ioas_map(self->iommu, self->ioas[half],
			tag(self, half * MAPPED), MAPPED * PAGE, AT);
}

FIXTURE_SETUP(pasid)
{
	unsigned int i;
	__u64 unused;
	int bits;

	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	self->tables = pasid_open();
	ASSERT_LE(0, self->tables);
	self->memory = anon_pages(PAGES);
	ASSERT_NE(MAP_FAILED, (void *)self->memory);
	for (i = 0; i < PAGES; i++)
		*tag(self, i) = 0x7a67000000000000ULL + i;
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas[0]);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &self->ioas[1]));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	bits = get_hw_info(self->iommu, self->dev_id, &unused);
	ASSERT_EQ(expected_bits(), bits);
	self->last = (1U << bits) - 1;
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id,
					self->ioas[i], COMPATIBLE,
					&self->hwpt[i]));
		ASSERT_EQ(0, map_half(self, i));
	}
}

FIXTURE_TEARDOWN(pasid)
{
	close(self->dev);
	close(self->iommu);
	close(self->tables);
	EXPECT_EQ(self->pinned, pinned());
}

#define ATTACH(pasid, pt)	pasid_attach(self->dev, pasid, pt)
#define DETACH(pasid)		pasid_detach(self->dev, pasid)
#define READ(pasid, iova, value) \
	dma_read(self->tables, EDU, pasid, iova, value)
#define WRITE(pasid, iova, value) \
	dma_write(self->tables, EDU, pasid, iova, value)
#define NO_PASID		0

/*
 * DMA with the PASID reaches half of the memory, page by page, and nothing beside
 * it; without a half, it reaches nothing.
 */
static void expect_reaches(struct __test_metadata *_metadata,
			   const struct _test_data_pasid *self, __u32 pasid,
			   unsigned int half)
{
	unsigned int i;
	__u64 value;

	for (i = 0; i < MAPPED; i++) {
		EXPECT_EQ(0, READ(pasid, AT + i * PAGE, &value));
		EXPECT_EQ(*tag(self, half * MAPPED + i), value)
			TH_LOG("PASID %u, page %u", pasid, i);
	}
	EXPECT_EQ(-EFAULT, READ(pasid, AT - 8, &value));
	EXPECT_EQ(-EFAULT, READ(pasid, AT + MAPPED * PAGE, &value));
}

#define REACHES(pasid, half)	expect_reaches(_metadata, self, pasid, half)

static void expect_blocked(struct __test_metadata *_metadata,
			   const struct _test_data_pasid *self, __u32 pasid)
{
	__u64 value;

	EXPECT_EQ(-ENXIO, READ(pasid, AT, &value))
		TH_LOG("PASID %u", pasid);
	EXPECT_EQ(-ENXIO, WRITE(pasid, AT, 0));
}

#define BLOCKED(pasid)		expect_blocked(_metadata, self, pasid)

TEST_F(pasid, comes_and_goes)
{
	BLOCKED(1);
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	REACHES(1, 0);
	BLOCKED(2);
	BLOCKED(self->last);
	BLOCKED(NO_PASID);
	ASSERT_EQ(0, ATTACH(1, self->hwpt[1]));
	REACHES(1, 1);
	ASSERT_EQ(0, ATTACH(1, self->hwpt[1]));
	REACHES(1, 1);
	ASSERT_EQ(0, DETACH(1));
	BLOCKED(1);
	ASSERT_EQ(0, DETACH(1));
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	REACHES(1, 0);
}

TEST_F(pasid, apart_from_the_device)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[0], NULL));
	ASSERT_EQ(0, ATTACH(5, self->hwpt[1]));
	REACHES(NO_PASID, 0);
	REACHES(5, 1);
	/* The page table of the device comes and goes ... */
	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[1], NULL));
	REACHES(NO_PASID, 1);
	REACHES(5, 1);
	ASSERT_EQ(0, vfio_detach(self->dev));
	BLOCKED(NO_PASID);
	REACHES(5, 1);
	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[0], NULL));
	REACHES(NO_PASID, 0);
	REACHES(5, 1);
	/* ... and so does that of the PASID. */
	ASSERT_EQ(0, ATTACH(5, self->hwpt[0]));
	REACHES(NO_PASID, 0);
	REACHES(5, 0);
	ASSERT_EQ(0, DETACH(5));
	REACHES(NO_PASID, 0);
	BLOCKED(5);
}

TEST_F(pasid, several)
{
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(2, self->hwpt[1]));
	/* In another part of the tables, and in the last one */
	ASSERT_EQ(0, ATTACH(64, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(self->last, self->hwpt[1]));
	REACHES(1, 0);
	REACHES(2, 1);
	REACHES(64, 0);
	REACHES(self->last, 1);
	BLOCKED(3);
	BLOCKED(63);
	BLOCKED(65);
	BLOCKED(self->last - 1);
	ASSERT_EQ(0, DETACH(2));
	REACHES(1, 0);
	BLOCKED(2);
	REACHES(64, 0);
	REACHES(self->last, 1);
	ASSERT_EQ(0, ATTACH(64, self->hwpt[1]));
	REACHES(1, 0);
	REACHES(64, 1);
}

/* Two PASIDs and the device */
TEST_F(pasid, one_page_table_for_several)
{
	__u64 value;

	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[0], NULL));
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(2, self->hwpt[0]));
	REACHES(NO_PASID, 0);
	REACHES(1, 0);
	REACHES(2, 0);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->hwpt[0]));
	ASSERT_EQ(0, DETACH(1));
	BLOCKED(1);
	REACHES(2, 0);
	ASSERT_EQ(0, vfio_detach(self->dev));
	BLOCKED(NO_PASID);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->hwpt[0]));
	/* It is still kept up to date. */
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas[0], AT, MAPPED * PAGE));
	EXPECT_EQ(-EFAULT, READ(2, AT, &value));
	ASSERT_EQ(0, map_half(self, 0));
	REACHES(2, 0);
	ASSERT_EQ(0, DETACH(2));
	BLOCKED(2);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->hwpt[0]));
}

TEST_F(pasid, maps_and_unmaps)
{
	const __u64 other = AT + 0x200000000ULL;
	__u64 value;

	ASSERT_EQ(0, ATTACH(3, self->hwpt[0]));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas[0], tag(self, 6), PAGE,
			      other));
	EXPECT_EQ(0, READ(3, other, &value));
	EXPECT_EQ(*tag(self, 6), value);
	EXPECT_EQ(0, WRITE(3, other, 42));
	EXPECT_EQ(42, *tag(self, 6));
	REACHES(3, 0);
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas[0], other, PAGE));
	EXPECT_EQ(-EFAULT, READ(3, other, &value));
	EXPECT_EQ(-EFAULT, WRITE(3, other, 43));
	EXPECT_EQ(42, *tag(self, 6));
	REACHES(3, 0);
	ASSERT_EQ(0, ioas_map_ro(self->iommu, self->ioas[0], tag(self, 7), PAGE,
				 other));
	EXPECT_EQ(0, READ(3, other, &value));
	EXPECT_EQ(*tag(self, 7), value);
	EXPECT_EQ(-EFAULT, WRITE(3, other, 43));
	EXPECT_EQ(value, *tag(self, 7));
}

TEST_F(pasid, number)
{
	const __u32 bad[] = {
		0, self->last + 1, 1U << 20, (1U << 20) + 1, 1U << 31, ~0U,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, ATTACH(bad[i], self->hwpt[0]));
		EXPECT_EQ(-ENOENT, ATTACH(bad[i], NO_ID));
		EXPECT_EQ(0, DETACH(bad[i]));
	}
	EXPECT_EQ(0, ATTACH(1, self->hwpt[0]));
	EXPECT_EQ(0, ATTACH(self->last, self->hwpt[0]));
	BLOCKED(NO_PASID);
}

/* Page tables that are not for PASIDs */
TEST_F(pasid, page_table)
{
	__u32 plain;

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas[0], 0,
				&plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->ioas[0]));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->dev_id));
	EXPECT_EQ(-ENOENT, ATTACH(1, NO_ID));
	BLOCKED(1);

	/* The device has one of them. */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas[0], NULL));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->hwpt[1]));
	ASSERT_EQ(0, vfio_attach(self->dev, plain, NULL));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->hwpt[1]));
	BLOCKED(1);
	REACHES(NO_PASID, 0);

	/* A PASID is attached. */
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, ATTACH(1, self->hwpt[1]));
	EXPECT_EQ(-EINVAL, ATTACH(1, plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->ioas[0]));
	EXPECT_EQ(-ENOENT, ATTACH(1, NO_ID));
	REACHES(1, 1);
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, plain, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->ioas[0], NULL));
	BLOCKED(NO_PASID);
	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[0], NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, plain, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->ioas[0], NULL));
	REACHES(NO_PASID, 0);
	REACHES(1, 1);
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(0, vfio_attach(self->dev, plain, NULL));
}

/* One that was made for a device with PASIDs, and none such has */
TEST_F(pasid, page_table_of_another_device)
{
	int nvme = open_vfio(NVME);
	__u32 dev_id, id;

	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, &dev_id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, dev_id, self->ioas[1], COMPATIBLE,
				&id));
	ASSERT_EQ(0, vfio_attach(nvme, self->hwpt[0], NULL));
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(2, id));
	REACHES(1, 0);
	REACHES(2, 1);
	EXPECT_EQ(-EINVAL, pasid_attach(nvme, 1, self->hwpt[0]));
	EXPECT_EQ(-EINVAL, pasid_attach(nvme, 3, id));
	EXPECT_EQ(0, pasid_detach(nvme, 1));
	REACHES(1, 0);
	close(nvme);
	REACHES(1, 0);
	REACHES(2, 1);
}

TEST_F(pasid, argument_that_cannot_be_written)
{
	struct vfio_device_attach_iommufd_pt *attach = (void *)anon_pages(1);

	ASSERT_NE(MAP_FAILED, (void *)attach);
	*attach = (struct vfio_device_attach_iommufd_pt) {
		.argsz = sizeof(*attach),
		.flags = VFIO_DEVICE_ATTACH_PASID,
		.pt_id = self->hwpt[1],
		.pasid = 1,
	};
	ASSERT_EQ(0, mprotect(attach, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				     attach)));
	BLOCKED(1);
	ASSERT_EQ(0, ATTACH(1, self->hwpt[0]));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				     attach)));
	REACHES(1, 0);
}

/* Attached, moved and detached, as long as memory is mapped and unmapped */
TEST_F_TIMEOUT(pasid, while_memory_comes_and_goes, PATIENCE)
{
	const __u64 other = AT + 0x200000000ULL;
	unsigned int i;
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		for (i = 0; i < 2000; i++)
			if (ioas_map(self->iommu, self->ioas[i % 2],
				     tag(self, i % PAGES), PAGE, other) ||
			    ioas_unmap(self->iommu, self->ioas[i % 2], other,
				       PAGE))
				_exit(1);
		_exit(0);
	}
	for (i = 0; !waitpid(child, &status, WNOHANG); i++) {
		ASSERT_EQ(0, ATTACH(1 + i % 3, self->hwpt[i % 2]));
		if (i % 5 == 4)
			ASSERT_EQ(0, DETACH(1 + i % 3));
	}
	EXPECT_EQ(0, status);
	TH_LOG("attached %u times", i);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ATTACH(2, self->hwpt[i]));
		REACHES(2, i);
	}
}

/* Threads that attach and detach the device, and PASIDs of their own and of both */
struct movers {
	struct race race;
	const struct _test_data_pasid *self;
};

#define SHARED	5
#define FAR	1000	/* in another page of the table of PASIDs */

static void move_pasids(struct movers *m, unsigned int i, __u32 own)
{
	const struct _test_data_pasid *self = m->self;

	for (; !m->race.stop; m->race.rounds[i]++)
		race_expect(&m->race, ATTACH(own, self->hwpt[0]) ?:
				      ATTACH(SHARED, self->hwpt[i]) ?:
				      ATTACH(own, self->hwpt[1]) ?:
				      DETACH(SHARED) ?: DETACH(own));
}

static void *move_pasids_near(void *arg)
{
	move_pasids(arg, 0, 1);
	return NULL;
}

static void *move_pasids_far(void *arg)
{
	move_pasids(arg, 1, FAR);
	return NULL;
}

static void *move_device(void *arg)
{
	struct movers *m = arg;
	int dev = m->self->dev;

	for (; !m->race.stop; m->race.rounds[2]++)
		race_expect(&m->race, vfio_attach(dev, m->self->hwpt[0], NULL) ?:
				      vfio_attach(dev, m->self->hwpt[1], NULL) ?:
				      vfio_detach(dev));
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	struct movers *m = arg;
	const struct _test_data_pasid *self = m->self;
	const __u64 other = AT + 0x200000000ULL;
	unsigned int i;

	for (; !m->race.stop; m->race.rounds[3]++)
		for (i = 0; i < 2; i++)
			race_expect(&m->race,
				    ioas_map(self->iommu, self->ioas[i],
					     tag(self, i), PAGE, other) ?:
				    ioas_unmap(self->iommu, self->ioas[i],
					       other, PAGE));
	return NULL;
}

TEST_F_TIMEOUT(pasid, attached_and_detached_by_several_threads, PATIENCE)
{
	static void *(*const threads[])(void *) = {
		move_pasids_near, move_pasids_far, move_device, map_and_unmap,
	};
	static const __u32 pasids[] = { NO_PASID, 1, SHARED, FAR };
	struct movers m = { .self = self };
	const int least = patient_rounds(20);
	unsigned int i;

	ASSERT_EQ(0, race_run_rounds(&m.race, threads, ARRAY_SIZE(threads), 10,
				     least));
	EXPECT_EQ(0, m.race.failed);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		EXPECT_LT(least, m.race.rounds[i])
			TH_LOG("thread %u", i);
	/* SHARED may be what one thread attached after the other's detach. */
	ASSERT_EQ(0, DETACH(SHARED));
	for (i = 0; i < ARRAY_SIZE(pasids); i++)
		BLOCKED(pasids[i]);
	ASSERT_EQ(0, vfio_attach(self->dev, self->hwpt[0], NULL));
	for (i = 1; i < ARRAY_SIZE(pasids); i++) {
		ASSERT_EQ(0, ATTACH(pasids[i], self->hwpt[i % 2]));
		REACHES(pasids[i], i % 2);
	}
	REACHES(NO_PASID, 0);
}

/* How PASIDs end that nobody detaches, with the device attached or not */

#define MANY	200

FIXTURE(ending)
{
	struct _test_data_pasid pasid;
};

FIXTURE_VARIANT(ending)
{
	bool attached;
};

FIXTURE_VARIANT_ADD(ending, detached) { false };
FIXTURE_VARIANT_ADD(ending, attached) { true };

FIXTURE_SETUP(ending)
{
	unsigned int i;

	pasid_setup(_metadata, &self->pasid, NULL);
	if (variant->attached)
		ASSERT_EQ(0, vfio_attach(self->pasid.dev, self->pasid.hwpt[0],
					 NULL));
	for (i = 1; i <= MANY; i++)
		ASSERT_EQ(0, pasid_attach(self->pasid.dev, i,
					  self->pasid.hwpt[i % 2]));
	for (i = 1; i <= MANY; i++)
		expect_reaches(_metadata, &self->pasid, i, i % 2);
}

FIXTURE_TEARDOWN(ending)
{
	pasid_teardown(_metadata, &self->pasid, NULL);
}

/* PASIDs are gone, and the device itself has the page table of the host. */
static void expect_host(struct __test_metadata *_metadata,
			struct _test_data_pasid *self)
{
	unsigned int i;
	__u64 value;

	for (i = 1; i <= MANY; i++)
		BLOCKED(i);
	EXPECT_EQ(-EFAULT, READ(NO_PASID, AT, &value));
}

/* Nothing is left in the tables, and the device can be used anew. */
static void expect_free(struct __test_metadata *_metadata,
			struct _test_data_pasid *self)
{
	unsigned int i;

	expect_host(_metadata, self);
	self->dev = open_vfio(EDU);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	for (i = 0; i <= MANY; i++)
		BLOCKED(i);
	ASSERT_EQ(0, ATTACH(1, self->hwpt[1]));
	REACHES(1, 1);
	BLOCKED(2);
	BLOCKED(NO_PASID);
}

TEST_F_TIMEOUT(ending, close, PATIENCE)
{
	struct _test_data_pasid *pasid = &self->pasid;

	ASSERT_EQ(0, close(pasid->dev));
	expect_free(_metadata, pasid);
	EXPECT_EQ(0, iommu_destroy(pasid->iommu, pasid->hwpt[0]));
}

/* The context is closed first, and goes with the device file. */
TEST_F_TIMEOUT(ending, close_of_all, PATIENCE)
{
	struct _test_data_pasid *pasid = &self->pasid;

	ASSERT_EQ(0, close(pasid->iommu));
	expect_reaches(_metadata, pasid, MANY, MANY % 2);
	ASSERT_EQ(0, close(pasid->dev));
	expect_host(_metadata, pasid);
	EXPECT_EQ(pasid->pinned, pinned());
	EXPECT_EQ(0, bind_anew(EDU));
	pasid->dev = -1;
	pasid->iommu = -1;
}

/* The device is pulled out, which waits for its user. */
TEST_F_TIMEOUT(ending, removal, PATIENCE)
{
	struct _test_data_pasid *pasid = &self->pasid;
	pid_t child = fork();
	int status;

	ASSERT_LE(0, child);
	if (!child) {
		close(pasid->dev);
		_exit(pci_remove(EDU) ? 1 : 0);
	}
	sleep(1);
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	expect_reaches(_metadata, pasid, MANY, MANY % 2);
	ASSERT_EQ(0, close(pasid->dev));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	expect_blocked(_metadata, pasid, 1);
	ASSERT_EQ(0, pci_rescan());
	expect_free(_metadata, pasid);
}

SKIP_PROGRAM_IF(kernel_before(7, 3, 0),
		"this kernel attaches no page tables to PASIDs")

#define main(argc, argv) run_tests(argc, argv)
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	return run_with_pasids(run_tests, argc, argv);
}

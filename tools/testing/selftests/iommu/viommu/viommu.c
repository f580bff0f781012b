// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs and vDEVICEs: how they are made, what holds them, page tables
 * that are nested by way of them, and what they invalidate.
 */
#include "../race.h"
#include "viommu.h"

#define VIRT_ID		0x77
#define OTHER_IOMMU	MOCK_FLAGS_DEVICE_OTHER_IOMMU

/* Two devices that are attached elsewhere, a parent and a vIOMMU */
FIXTURE(viommu)
{
	int fd;
	__u32 dev_ioas_id;
	__u32 ioas_id;
	__u32 parent;
	struct mock_dev dev;
	struct mock_dev second;
	__u32 id;
};

FIXTURE_SETUP(viommu)
{
	self->fd = mock_open(&self->dev_ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &self->dev));
	ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &self->second));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, viommu_alloc(self->fd, self->dev.dev_id, self->parent,
				  &self->id));
}

FIXTURE_TEARDOWN(viommu)
{
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
}

#define VIOMMU(hwpt, out) \
	viommu_alloc(self->fd, self->dev.dev_id, hwpt, out)
#define VDEVICE(device, virt_id, out) \
	vdevice_alloc(self->fd, self->id, (device).dev_id, virt_id, out)
#define DESTROY(object)	iommu_destroy(self->fd, object)

/* VIOMMU_ALLOC */

TEST_F(viommu, holds_its_parent_and_no_device)
{
	__u32 second;

	ASSERT_EQ(0, VIOMMU(self->parent, &second));
	EXPECT_NE(self->id, second);
	ASSERT_EQ(0, DESTROY(self->dev.id));
	EXPECT_EQ(-EBUSY, DESTROY(self->parent));
	EXPECT_EQ(0, DESTROY(self->id));
	EXPECT_EQ(-EBUSY, DESTROY(self->parent));
	EXPECT_EQ(0, DESTROY(second));
	EXPECT_EQ(-ENOENT, DESTROY(second));
	EXPECT_EQ(0, DESTROY(self->parent));
	EXPECT_EQ(0, DESTROY(self->ioas_id));
}

/* In the order of the checks: each call has the mistakes that come later */
TEST_F(viommu, order_of_checks)
{
	struct iommu_viommu_selftest data = {};
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg),
		.flags = 1,
		.dev_id = BAD_ID,
		.hwpt_id = BAD_ID,
		.data_len = 7,
		.__reserved = ~0U,
		.data_uptr = addr(&data),
	};
	const __u32 no_paging[] = {
		self->ioas_id, self->dev.dev_id, self->dev.id, self->id, 0,
	};
	__u32 plain, nested, i;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, 0,
				&plain));
	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->parent,
				  &nested));
	arg.type = VIOMMU_TYPE;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.flags = 0;
	arg.type = IOMMU_VIOMMU_TYPE_DEFAULT;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.type = VIOMMU_TYPE + 1;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.dev_id = self->dev.dev_id;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.type = VIOMMU_TYPE;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	for (i = 0; i < ARRAY_LEN(no_paging); i++) {
		arg.hwpt_id = no_paging[i];
		EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	}
	arg.hwpt_id = nested;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.hwpt_id = plain;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.hwpt_id = self->dev.hwpt_id;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	arg.hwpt_id = self->parent;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	EXPECT_EQ(0, arg.out_viommu_id);
	arg.data_len = 8;
	EXPECT_EQ(0, call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
	EXPECT_NE(0, arg.out_viommu_id);
}

TEST_F(viommu, data_is_answered)
{
	struct {
		struct iommu_viommu_selftest known;
		char more[8];
	} data = { .known.in_data = 0x1234 };
	__u32 id;

	ASSERT_EQ(0, viommu_alloc_data(self->fd, self->dev.dev_id, self->parent,
				       VIOMMU_TYPE, &data, sizeof(data), &id));
	EXPECT_EQ(0x1234, data.known.out_data);
	data.more[7] = 1;
	EXPECT_EQ(-E2BIG, viommu_alloc_data(self->fd, self->dev.dev_id,
					    self->parent, VIOMMU_TYPE, &data,
					    sizeof(data), &id));
	EXPECT_EQ(-EFAULT, viommu_alloc_data(self->fd, self->dev.dev_id,
					     self->parent, VIOMMU_TYPE, NULL,
					     sizeof(data.known), &id));
	EXPECT_EQ(-EFAULT, viommu_alloc_data(self->fd, self->dev.dev_id,
					     self->parent, VIOMMU_TYPE,
					     read_only(&data, sizeof(data)),
					     sizeof(data.known), &id));
}

TEST_F(viommu, that_cannot_be_told_of_is_not_made)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg),
		.type = VIOMMU_TYPE,
		.dev_id = self->dev.dev_id,
		.hwpt_id = self->parent,
	};

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VIOMMU_ALLOC,
				read_only(&arg, sizeof(arg))));
	ASSERT_EQ(0, DESTROY(self->id));
	EXPECT_EQ(0, DESTROY(self->parent));
}

#define PARAMETERS	"/sys/module/iommufd/parameters/"

TEST_F(viommu, limit)
{
	__u32 second, third;
	int rc;

	ASSERT_EQ(0, write_file(PARAMETERS "max_viommus", "2"));
	EXPECT_EQ(0, VIOMMU(self->parent, &second));
	rc = VIOMMU(self->parent, &third);
	EXPECT_EQ(0, DESTROY(second));
	EXPECT_EQ(0, VIOMMU(self->parent, &third));
	ASSERT_EQ(0, write_file(PARAMETERS "max_viommus", "128"));
	EXPECT_EQ(-ENOSPC, rc);
}

/* Sizes of the arguments, as in context/argument.c for other calls */
TEST_F(viommu, sizes)
{
	union {
		__u32 size;
		struct iommu_viommu_alloc viommu;
		struct iommu_vdevice_alloc vdevice;
		unsigned char bytes[64];
	} arg;
	__u32 size;

	for (size = 0; size <= sizeof(arg); size++) {
		memset(&arg, 0, sizeof(arg));
		arg.viommu.type = VIOMMU_TYPE;
		arg.viommu.dev_id = self->dev.dev_id;
		arg.viommu.hwpt_id = self->parent;
		arg.size = size;
		EXPECT_EQ(size < 24 ? -EINVAL : 0,
			  call(self->fd, IOMMU_VIOMMU_ALLOC, &arg));
		if (size > sizeof(arg.viommu)) {
			arg.bytes[size - 1] = 1;
			EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_VIOMMU_ALLOC,
					       &arg));
		}
		memset(&arg, 0, sizeof(arg));
		arg.vdevice.viommu_id = self->id;
		arg.vdevice.dev_id = self->dev.dev_id;
		arg.size = size;
		EXPECT_EQ(size < 24 ? -EINVAL : 0,
			  call(self->fd, IOMMU_VDEVICE_ALLOC, &arg));
		if (size >= 24)
			ASSERT_EQ(0, DESTROY(arg.vdevice.out_vdevice_id));
		if (size > sizeof(arg.vdevice)) {
			arg.bytes[size - 1] = 1;
			EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_VDEVICE_ALLOC,
					       &arg));
		}
	}
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VIOMMU_ALLOC, NULL));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VDEVICE_ALLOC, NULL));
}

/* Only the mock offers it so far */
TEST_F(viommu, kernel_iommu_drivers_do_not_offer_it)
{
	__u32 dev_id, id;
	int edu = vfio_open_bound(EDU, self->fd, &dev_id);

	ASSERT_LE(0, edu);
	EXPECT_EQ(-EOPNOTSUPP, viommu_alloc(self->fd, dev_id, self->parent,
					    &id));
	EXPECT_EQ(-EOPNOTSUPP, viommu_alloc_data(self->fd, dev_id, self->parent,
						 IOMMU_VIOMMU_TYPE_ARM_SMMUV3,
						 NULL, 0, &id));
	EXPECT_EQ(-EINVAL, vdevice_alloc(self->fd, self->id, dev_id, 1, &id));
	EXPECT_EQ(-EINVAL, nested_alloc(self->fd, dev_id, self->id, &id));
	close(edu);
}

/* VDEVICE_ALLOC */

TEST_F(viommu, vdevice_holds_the_viommu)
{
	__u32 id;

	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	EXPECT_EQ(-EBUSY, DESTROY(self->id));
	EXPECT_EQ(-EBUSY, DESTROY(self->dev.dev_id));
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(-ENOENT, DESTROY(id));
	EXPECT_EQ(0, DESTROY(self->id));
}

TEST_F(viommu, vdevice_order_of_checks)
{
	struct mock_dev far;
	__u32 id, other, viommu;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id, OTHER_IOMMU,
				       &far));
	ASSERT_EQ(0, VIOMMU(self->parent, &viommu));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, BAD_ID, BAD_ID, VIRT_ID,
					 &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->parent,
					 self->dev.dev_id, VIRT_ID, &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->id, BAD_ID, VIRT_ID,
					 &id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, self->id, self->dev.id,
					 VIRT_ID, &id));
	EXPECT_EQ(-EINVAL, VDEVICE(far, VIRT_ID, &id));
	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	EXPECT_EQ(-EEXIST, VDEVICE(self->dev, VIRT_ID + 1, &other));
	EXPECT_EQ(-EEXIST, vdevice_alloc(self->fd, viommu, self->dev.dev_id,
					 VIRT_ID, &other));
	EXPECT_EQ(-EEXIST, VDEVICE(self->second, VIRT_ID, &other));
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, self->second.dev_id,
				   VIRT_ID, &other));
	EXPECT_EQ(-EINVAL, VDEVICE(far, VIRT_ID, &other));
}

TEST_F(viommu, vdevice_ids)
{
	static const __u64 ids[] = { 0, 1, 1ULL << 31, 1ULL << 32, ALL - 1,
				     ALL };
	unsigned int i;
	__u32 id, other;

	for (i = 0; i < ARRAY_LEN(ids); i++) {
		ASSERT_EQ(0, VDEVICE(self->dev, ids[i], &id));
		EXPECT_EQ(-EEXIST, VDEVICE(self->second, ids[i], &other));
		ASSERT_EQ(0, VDEVICE(self->second, ids[i] ^ 2, &other));
		ASSERT_EQ(0, DESTROY(id));
		ASSERT_EQ(0, DESTROY(other));
	}
}

TEST_F(viommu, vdevice_that_cannot_be_told_of_is_not_made)
{
	struct iommu_vdevice_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = self->id,
		.dev_id = self->dev.dev_id,
		.virt_id = VIRT_ID,
	};
	__u32 id;

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_VDEVICE_ALLOC,
				read_only(&arg, sizeof(arg))));
	EXPECT_EQ(0, VDEVICE(self->second, VIRT_ID, &id));
	EXPECT_EQ(0, VDEVICE(self->dev, VIRT_ID + 1, &id));
}

/* It ends with the binding; nothing else gets its ID */
TEST_F(viommu, unbind_ends_the_vdevice)
{
	__u32 id, other, i, next;

	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	ASSERT_EQ(0, DESTROY(self->dev.id));
	EXPECT_EQ(-ENOENT, DESTROY(id));
	EXPECT_EQ(-ENOENT, vdevice_alloc(self->fd, id, self->second.dev_id,
					 VIRT_ID, &other));
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &next));
		EXPECT_NE(id, next);
	}
	EXPECT_EQ(-ENOENT, DESTROY(id));
	ASSERT_EQ(0, VDEVICE(self->second, VIRT_ID, &other));
	EXPECT_NE(id, other);
	EXPECT_EQ(0, DESTROY(other));
	EXPECT_EQ(0, DESTROY(self->id));
}

/* Those that have ended count until the context ends */
TEST_F(viommu, vdevice_limit)
{
	__u32 id, other;
	int rc;

	ASSERT_EQ(0, write_file(PARAMETERS "max_vdevices", "1"));
	EXPECT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	EXPECT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	EXPECT_EQ(-ENOSPC, VDEVICE(self->second, VIRT_ID + 1, &other));
	EXPECT_EQ(0, DESTROY(self->dev.id));
	rc = VDEVICE(self->second, VIRT_ID + 1, &other);
	ASSERT_EQ(0, write_file(PARAMETERS "max_vdevices", "65536"));
	EXPECT_EQ(-ENOSPC, rc);
	EXPECT_EQ(0, VDEVICE(self->second, VIRT_ID + 1, &other));
}

/* A vDEVICE, attached or not, is left when the file is closed */
TEST_F(viommu, close)
{
	__u32 id, nested;

	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	ASSERT_EQ(0, VDEVICE(self->second, VIRT_ID + 1, &id));
	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->id,
				  &nested));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, nested));
}

/* Page tables that are nested by way of a vIOMMU */

TEST_F(viommu, nested_holds_the_viommu)
{
	__u32 nested;

	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->id,
				  &nested));
	EXPECT_EQ(0xf, mock_iotlb(self->fd, nested));
	EXPECT_EQ(-EBUSY, DESTROY(self->id));
	EXPECT_EQ(-EBUSY, DESTROY(self->parent));
	ASSERT_EQ(0, DESTROY(nested));
	EXPECT_EQ(-EBUSY, DESTROY(self->parent));
	EXPECT_EQ(0, DESTROY(self->id));
	EXPECT_EQ(0, DESTROY(self->parent));
}

TEST_F(viommu, nested_order_of_checks)
{
	const struct iommu_hwpt_selftest data = {};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = TRACKED,
		.pt_id = self->id,
		.data_uptr = addr(&data),
	};
	struct mock_dev far;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id, OTHER_IOMMU,
				       &far));
	arg.dev_id = far.dev_id;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.dev_id = self->dev.dev_id;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = 77;
	arg.data_len = 3;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = 4;
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(viommu, attach_needs_a_vdevice)
{
	__u32 nested, id, other, viommu, dev_hwpt = self->dev.hwpt_id;

	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->id,
				  &nested));
	ASSERT_EQ(0, VIOMMU(self->parent, &viommu));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev, nested));
	EXPECT_EQ(dev_hwpt, self->dev.hwpt_id);
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, self->dev.dev_id, VIRT_ID,
				   &other));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev, nested));
	ASSERT_EQ(0, DESTROY(other));
	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, nested));
	EXPECT_EQ(nested, self->dev.hwpt_id);
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->second, nested));

	/* That it is attached does not hold the vDEVICE */
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(-EBUSY, DESTROY(nested));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->parent));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev, nested));
	EXPECT_EQ(0, DESTROY(nested));
}

/* HWPT_INVALIDATE of a vIOMMU */

#define INVALIDATE(entries, n) \
	viommu_invalidate(self->fd, self->id, entries, n)

TEST_F(viommu, cache)
{
	__u32 i;

	for (i = 0; i < NCACHE; i++) {
		EXPECT_EQ(0, mock_check_cache(self->fd, self->dev.dev_id, i,
					      CACHE));
		EXPECT_EQ(-EINVAL, mock_check_cache(self->fd, self->dev.dev_id,
						    i, 0));
	}
	EXPECT_EQ(-EINVAL, mock_check_cache(self->fd, self->dev.dev_id, i,
					    CACHE));
	EXPECT_EQ(-ENOENT, mock_check_cache(self->fd, self->dev.id, 0, CACHE));
	EXPECT_EQ(-ENOENT, mock_check_cache(self->fd, BAD_ID, 0, CACHE));
}

TEST_F(viommu, invalidate_by_virtual_id)
{
	struct iommu_viommu_invalidate_selftest e[] = {
		{ .vdev_id = VIRT_ID, .cache_id = 1 },
		{ .vdev_id = VIRT_ID + 1, .cache_id = 3 },
	};
	__u32 n = 1, id;

	EXPECT_EQ(-EINVAL, INVALIDATE(e, &n));
	EXPECT_EQ(0, n);
	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	n = 2;
	EXPECT_EQ(-EINVAL, INVALIDATE(e, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0xd, mock_cache(self->fd, self->dev.dev_id));
	EXPECT_EQ(0xf, mock_cache(self->fd, self->second.dev_id));
	ASSERT_EQ(0, VDEVICE(self->second, VIRT_ID + 1, &id));
	e[0].flags = IOMMU_TEST_INVALIDATE_FLAG_ALL;
	n = 2;
	EXPECT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(2, n);
	EXPECT_EQ(0, mock_cache(self->fd, self->dev.dev_id));
	EXPECT_EQ(0x7, mock_cache(self->fd, self->second.dev_id));
}

TEST_F(viommu, invalidate_until_one_fails)
{
	static const struct {
		struct iommu_viommu_invalidate_selftest bad;
		int rc;
	} cases[] = {
		{ { .vdev_id = VIRT_ID, .cache_id = NCACHE }, -EINVAL },
		{ { 1, VIRT_ID, NCACHE }, -EINVAL },
		{ { .vdev_id = VIRT_ID + 1 }, -EINVAL },
		{ { .vdev_id = VIRT_ID, .flags = 2 }, -EOPNOTSUPP },
		{ { 3, VIRT_ID, 0 }, -EOPNOTSUPP },
	};
	struct iommu_viommu_invalidate_selftest e[3] = {
		{ .vdev_id = VIRT_ID }, {}, { .vdev_id = VIRT_ID, .cache_id = 2 }
	};
	unsigned int i;
	__u32 n, id;

	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		e[1] = cases[i].bad;
		n = 3;
		EXPECT_EQ(cases[i].rc, INVALIDATE(e, &n));
		EXPECT_EQ(1, n);
		EXPECT_EQ(0xe, mock_cache(self->fd, self->dev.dev_id));
	}
}

/* Entries that are shorter than the kernel's have zeros where they end */
TEST_F(viommu, invalidate_entry_length)
{
	const __u32 type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
	struct {
		struct iommu_viommu_invalidate_selftest known;
		char more[4];
	} e = { .known = { .flags = 0, .vdev_id = 0, .cache_id = 2 } };
	__u32 n = 1, id;

	ASSERT_EQ(0, VDEVICE(self->dev, 0, &id));
	EXPECT_EQ(0, invalidate(self->fd, self->id, type, &e, 8, &n));
	EXPECT_EQ(0xe, mock_cache(self->fd, self->dev.dev_id));
	EXPECT_EQ(0, invalidate(self->fd, self->id, type, &e, 1, &n));
	EXPECT_EQ(0xe, mock_cache(self->fd, self->dev.dev_id));
	EXPECT_EQ(0, invalidate(self->fd, self->id, type, &e, sizeof(e), &n));
	EXPECT_EQ(0xa, mock_cache(self->fd, self->dev.dev_id));
	e.more[3] = 1;
	EXPECT_EQ(-E2BIG, invalidate(self->fd, self->id, type, &e, sizeof(e),
				     &n));
	EXPECT_EQ(0, n);
}

TEST_F(viommu, invalidate_nothing)
{
	const __u32 type = IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST;
	__u32 n = 0;

	EXPECT_EQ(0, invalidate(self->fd, self->id, type, NULL, 0, &n));
	EXPECT_EQ(-EINVAL, invalidate(self->fd, self->id,
				      IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID,
				      NULL, 0, &n));
}

/* After unbind, the ID of the device stands for nothing */
TEST_F(viommu, invalidate_after_unbind)
{
	struct iommu_viommu_invalidate_selftest e = { .vdev_id = VIRT_ID };
	__u32 n = 1, id;

	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	EXPECT_EQ(0, INVALIDATE(&e, &n));
	ASSERT_EQ(0, DESTROY(self->dev.id));
	EXPECT_EQ(-EINVAL, INVALIDATE(&e, &n));
	EXPECT_EQ(0, n);
}

/* Races */

#define ROUNDS	400

struct shared {
	struct race race;
	int fd;
	__u32 ioas_id;
	__u32 id;
	atomic_uint dev_id;
	atomic_uint vdev_id;
	unsigned int nested;
};

static void *make_vdevices(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop)
		if (!vdevice_alloc(r->fd, r->id, r->dev_id, VIRT_ID, &id))
			r->vdev_id = id;
	return NULL;
}

static void *use_vdevices(void *arg)
{
	struct iommu_viommu_invalidate_selftest e = { .vdev_id = VIRT_ID };
	struct shared *r = arg;
	__u32 n;

	while (!r->race.stop) {
		n = 1;
		viommu_invalidate(r->fd, r->id, &e, &n);
	}
	return NULL;
}

static void *destroy_vdevices(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop) {
		id = r->vdev_id;
		r->vdev_id = BAD_ID;
		iommu_destroy(r->fd, id);
	}
	return NULL;
}

/* vDEVICEs are made, used and destroyed while their device is unbound */
TEST_F(viommu, unbind_while_others_use_the_vdevice)
{
	void *(*const fn[])(void *) = {
		make_vdevices, use_vdevices, destroy_vdevices
	};
	struct shared r = {
		.fd = self->fd,
		.ioas_id = self->dev_ioas_id,
		.id = self->id,
		.dev_id = BAD_ID,
		.vdev_id = BAD_ID,
	};
	struct mock_dev dev;
	unsigned int i, made = 0;
	__u32 id;

	ASSERT_EQ(0, race_begin(&r.race, fn, ARRAY_LEN(fn)));
	for (i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &dev));
		r.dev_id = dev.dev_id;
		usleep(i % 20 * 10);
		made += r.vdev_id != BAD_ID;
		ASSERT_EQ(0, DESTROY(dev.id));
	}
	ASSERT_EQ(0, race_end(&r.race));
	EXPECT_LT(0, made);
	ASSERT_EQ(0, VDEVICE(self->dev, VIRT_ID, &id));
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, DESTROY(self->id));
}

static void *make_viommus(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop)
		if (!viommu_alloc(r->fd, r->dev_id, r->id, &id))
			r->vdev_id = id;
	return NULL;
}

static void *nest_in_viommus(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop)
		if (!nested_alloc(r->fd, r->dev_id, r->vdev_id, &id)) {
			r->nested++;
			iommu_destroy(r->fd, id);
		}
	return NULL;
}

/* vIOMMUs are made and destroyed while page tables are made of them */
TEST_F(viommu, destroyed_while_it_is_used)
{
	void *(*const fn[])(void *) = {
		make_viommus, nest_in_viommus, destroy_vdevices
	};
	struct shared r = {
		.fd = self->fd,
		.id = self->parent,
		.dev_id = self->dev.dev_id,
		.vdev_id = self->id,
	};

	ASSERT_EQ(0, race_run(&r.race, fn, ARRAY_LEN(fn), 1));
	EXPECT_LT(0, r.nested);
}

TEST_HARNESS_MAIN

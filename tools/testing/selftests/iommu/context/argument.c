// SPDX-License-Identifier: GPL-2.0-only
/* Rules for the argument of every ioctl of /dev/iommu. */
#include "common.h"

union argument {
	__u32 size;
	struct iommu_destroy destroy;
	struct iommu_ioas_alloc alloc;
	struct iommu_ioas_iova_ranges ranges;
	struct iommu_ioas_allow_iovas allow;
	struct iommu_ioas_map map;
	struct iommu_ioas_copy copy;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_change_process change;
	struct iommu_fault_alloc fault;
	unsigned char bytes[2 * PAGE];
};

/*
 * Each ioctl that needs no device, its smallest argument, and its largest.
 * Those of HWPTs and of hardware information are tested in hwpt/.
 */
static const struct {
	unsigned int request;
	__u32 min;
	__u32 max;
} calls[] = {
	{ IOMMU_DESTROY, 8, sizeof(struct iommu_destroy) },
	{ IOMMU_IOAS_ALLOC, 12, sizeof(struct iommu_ioas_alloc) },
	{ IOMMU_IOAS_IOVA_RANGES, 32, sizeof(struct iommu_ioas_iova_ranges) },
	{ IOMMU_IOAS_ALLOW_IOVAS, 24, sizeof(struct iommu_ioas_allow_iovas) },
	{ IOMMU_IOAS_MAP, 40, sizeof(struct iommu_ioas_map) },
	{ IOMMU_IOAS_COPY, 40, sizeof(struct iommu_ioas_copy) },
	{ IOMMU_IOAS_UNMAP, 24, sizeof(struct iommu_ioas_unmap) },
	{ IOMMU_OPTION, 24, sizeof(struct iommu_option) },
	{ IOMMU_VFIO_IOAS, 12, sizeof(struct iommu_vfio_ioas) },
	{ IOMMU_IOAS_MAP_FILE, 40, sizeof(struct iommu_ioas_map_file) },
	{ IOMMU_IOAS_CHANGE_PROCESS, 8,
	  sizeof(struct iommu_ioas_change_process) },
	{ IOMMU_FAULT_QUEUE_ALLOC, 16, sizeof(struct iommu_fault_alloc) },
};

static struct iommu_iova_range ranges[64];
static union argument arg;

/* The memory that is mapped */
static void *page;
static int file;

static int prepare_memory(void)
{
	if (page)
		return 0;
	page = anon(PAGE);
	file = memfd_create("argument", MFD_CLOEXEC);
	return !page || file < 0 || ftruncate(file, PAGE) ? -errno : 0;
}

/* Fill arg for calls that need nothing but mapped memory. */
static int prepare_fields(__u32 ioas_id, unsigned int request)
{
	switch (request) {
	case IOMMU_IOAS_ALLOC:
	case IOMMU_FAULT_QUEUE_ALLOC:
		return 0;
	case IOMMU_IOAS_IOVA_RANGES:
		arg.ranges.ioas_id = ioas_id;
		arg.ranges.num_iovas = ARRAY_LEN(ranges);
		arg.ranges.allowed_iovas = addr(ranges);
		return 0;
	case IOMMU_IOAS_ALLOW_IOVAS:
		arg.allow.ioas_id = ioas_id;
		return 0;
	case IOMMU_IOAS_MAP:
		arg.map.flags = FIXED | RW;
		arg.map.ioas_id = ioas_id;
		arg.map.user_va = addr(page);
		arg.map.length = PAGE;
		arg.map.iova = 32 * PAGE;
		return 0;
	case IOMMU_IOAS_COPY:
		arg.copy.flags = FIXED | RW;
		arg.copy.dst_ioas_id = ioas_id;
		arg.copy.src_ioas_id = ioas_id;
		arg.copy.length = PAGE;
		arg.copy.dst_iova = 32 * PAGE;
		arg.copy.src_iova = 16 * PAGE;
		return 0;
	case IOMMU_IOAS_UNMAP:
		arg.unmap.ioas_id = ioas_id;
		arg.unmap.iova = 16 * PAGE;
		arg.unmap.length = PAGE;
		return 0;
	case IOMMU_OPTION:
		arg.option.op = IOMMU_OPTION_OP_GET;
		arg.option.option_id = IOMMU_OPTION_HUGE_PAGES;
		arg.option.object_id = ioas_id;
		return 0;
	case IOMMU_VFIO_IOAS:
		arg.vfio_ioas.op = IOMMU_VFIO_IOAS_SET;
		arg.vfio_ioas.ioas_id = ioas_id;
		return 0;
	case IOMMU_IOAS_MAP_FILE:
		arg.map_file.flags = FIXED | RW;
		arg.map_file.ioas_id = ioas_id;
		arg.map_file.fd = file;
		arg.map_file.length = PAGE;
		arg.map_file.iova = 32 * PAGE;
		return 0;
	}
	return -ENOTTY;
}

/*
 * Fill arg with valid values: one page is mapped at IOVA 16 * PAGE; the call
 * maps or copies to 32 * PAGE, or unmaps the page.
 */
static int prepare(int fd, __u32 ioas_id, unsigned int request)
{
	int rc = prepare_memory();
	__u32 id;

	if (rc)
		return rc;
	memset(&arg, 0, sizeof(arg));
	ioas_empty(fd, ioas_id);
	/* Memory of a process cannot change it */
	if (request == IOMMU_IOAS_CHANGE_PROCESS)
		return ioas_map_file(fd, ioas_id, file, 0, PAGE, 16 * PAGE);
	rc = ioas_map(fd, ioas_id, page, PAGE, 16 * PAGE);
	if (rc)
		return rc;
	if (request != IOMMU_DESTROY)
		return prepare_fields(ioas_id, request);
	rc = ioas_alloc(fd, &id);
	arg.destroy.id = id;
	return rc;
}

TEST_F(iommufd, works_with_its_own_size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		arg.size = calls[i].max;
		EXPECT_EQ(0, call(self->fd, calls[i].request, &arg))
			TH_LOG("request %#x", calls[i].request);
	}
}

TEST_F(iommufd, works_with_the_smallest_size)
{
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		arg.size = calls[i].min;
		EXPECT_EQ(0, call(self->fd, calls[i].request, &arg))
			TH_LOG("request %#x", calls[i].request);
	}
}

/* The size alone decides: the argument is valid, then full of rubbish */
TEST_F(iommufd, short_size_is_invalid)
{
	unsigned int i;
	__u32 size;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		for (size = 0; size < calls[i].min; size++) {
			arg.size = size;
			EXPECT_EQ(-EINVAL,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x", calls[i].request);
		}
		memset(&arg, 0xff, sizeof(arg));
		arg.size = calls[i].min - 1;
		EXPECT_EQ(-EINVAL, call(self->fd, calls[i].request, &arg))
			TH_LOG("request %#x", calls[i].request);
	}
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, long_size_with_zeros_works)
{
	static const __u32 more[] = { 1, 8, 100, PAGE };
	unsigned int i, j;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		for (j = 0; j < ARRAY_LEN(more); j++) {
			ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
					     calls[i].request));
			arg.size = calls[i].max + more[j];
			EXPECT_EQ(0, call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, %u more",
				       calls[i].request, more[j]);
		}
	}
}

/* E2BIG wherever the byte is, also when other fields are wrong */
TEST_F(iommufd, long_size_with_more_is_too_big)
{
	static const __u32 more[] = { 1, 8, 100, PAGE };
	unsigned int i, j;
	__u32 size;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		for (j = 0; j < ARRAY_LEN(more); j++) {
			ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
					     calls[i].request));
			size = calls[i].max + more[j];
			arg.size = size;
			arg.bytes[size - 1] = 1;
			EXPECT_EQ(-E2BIG,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, %u more",
				       calls[i].request, more[j]);
			EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
			memset(&arg, 0xff, sizeof(arg));
			arg.size = size;
			EXPECT_EQ(-E2BIG,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, %u more",
				       calls[i].request, more[j]);
		}
	}
}

/* Is it a call of VFIO's container, which has this ioctl type, too? */
static bool vfio_call(unsigned int request)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
	case VFIO_CHECK_EXTENSION:
	case VFIO_SET_IOMMU:
	case VFIO_IOMMU_GET_INFO:
	case VFIO_IOMMU_MAP_DMA:
	case VFIO_IOMMU_UNMAP_DMA:
	case VFIO_IOMMU_DIRTY_PAGES:
		return true;
	}
	return false;
}

/* Calls that need a device, see demand/, hwpt/, nested/, viommu/, ../vfio/ */
static bool device_call(unsigned int request)
{
	switch (request) {
	case IOMMU_GET_HW_INFO:
	case IOMMU_HWPT_ALLOC:
	case IOMMU_HWPT_GET_DIRTY_BITMAP:
	case IOMMU_HWPT_INVALIDATE:
	case IOMMU_HWPT_SET_DIRTY_TRACKING:
	case IOMMU_IOAS_DEMAND:
	case IOMMU_IOAS_NOIOMMU_GET_PA:
	case IOMMU_HW_QUEUE_ALLOC:
	case IOMMU_VIOMMU_ALLOC:
	case IOMMU_VDEVICE_ALLOC:
	case IOMMU_VEVENTQ_ALLOC:
		return true;
	}
	return false;
}

TEST_F(iommufd, number_that_is_no_call)
{
	unsigned int nr, i;

	for (nr = 0; nr < 256; nr++) {
		if (vfio_call(_IO(IOMMUFD_TYPE, nr)) ||
		    device_call(_IO(IOMMUFD_TYPE, nr)))
			continue;
		for (i = 0; i < ARRAY_LEN(calls); i++)
			if (calls[i].request == _IO(IOMMUFD_TYPE, nr))
				break;
		if (i < ARRAY_LEN(calls)) {
			/* The right number, but not the right request */
			EXPECT_EQ(-ENOTTY, call(self->fd,
						_IO(IOMMUFD_TYPE + 1, nr),
						&arg));
			EXPECT_EQ(-ENOTTY, call(self->fd,
						_IOC(_IOC_READ | _IOC_WRITE,
						     IOMMUFD_TYPE, nr,
						     calls[i].max), &arg));
			continue;
		}
		memset(&arg, 0, sizeof(arg));
		EXPECT_EQ(-ENOTTY, call(self->fd, _IO(IOMMUFD_TYPE, nr), &arg))
			TH_LOG("number %#x", nr);
		EXPECT_EQ(-ENOTTY, call(self->fd, _IO(IOMMUFD_TYPE, nr), NULL))
			TH_LOG("number %#x", nr);
	}
}

TEST_F(iommufd, argument_that_cannot_be_read)
{
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		arg.size = calls[i].max;
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, NULL));
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request,
					(void *)(ALL & ~(PAGE - 1))));
		p = cut_off(&arg, 2);
		ASSERT_NE(NULL, p);
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, p));
		p = cut_off(&arg, sizeof(__u32));
		ASSERT_NE(NULL, p);
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, p));
		p = cut_off(&arg, calls[i].max - 1);
		ASSERT_NE(NULL, p);
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, p));
		/* The fields are there, the zeros up to the size are not */
		arg.size = calls[i].max + 8;
		p = cut_off(&arg, calls[i].max);
		ASSERT_NE(NULL, p);
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, p))
			TH_LOG("request %#x", calls[i].request);
		EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	}
}

/* An argument may end right before memory that is not mapped */
TEST_F(iommufd, argument_at_the_end_of_memory)
{
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		arg.size = calls[i].max;
		p = cut_off(&arg, calls[i].max);
		ASSERT_NE(NULL, p);
		EXPECT_EQ(0, call(self->fd, calls[i].request, p))
			TH_LOG("request %#x", calls[i].request);
	}
}

TEST_F(iommufd, reserved_field_is_not_supported)
{
	ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_IOAS_IOVA_RANGES));
	arg.size = sizeof(arg.ranges);
	arg.ranges.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_IOVA_RANGES, &arg));

	ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_IOAS_ALLOW_IOVAS));
	arg.size = sizeof(arg.allow);
	arg.allow.__reserved = 1U << 31;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_ALLOW_IOVAS, &arg));

	ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_IOAS_MAP));
	arg.size = sizeof(arg.map);
	arg.map.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_MAP, &arg));
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));

	ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_OPTION));
	arg.size = sizeof(arg.option);
	arg.option.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_OPTION, &arg));
}

TEST_F(iommufd, unknown_flags_are_not_supported)
{
	unsigned int bit;

	for (bit = 0; bit < 32; bit++) {
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     IOMMU_IOAS_ALLOC));
		arg.size = sizeof(arg.alloc);
		arg.alloc.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_ALLOC, &arg));
		EXPECT_EQ(0, arg.alloc.out_ioas_id);

		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     IOMMU_FAULT_QUEUE_ALLOC));
		arg.size = sizeof(arg.fault);
		arg.fault.flags = 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP,
			  call(self->fd, IOMMU_FAULT_QUEUE_ALLOC, &arg));
		EXPECT_EQ(0, arg.fault.out_fault_id);
		EXPECT_EQ(0, arg.fault.out_fault_fd);
		if (bit < 3)
			continue;

		ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_IOAS_MAP));
		arg.size = sizeof(arg.map);
		arg.map.flags |= 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_MAP, &arg));

		ASSERT_EQ(0, prepare(self->fd, self->ioas_id, IOMMU_IOAS_COPY));
		arg.size = sizeof(arg.copy);
		arg.copy.flags |= 1U << bit;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_COPY, &arg));
		EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	}
}

/* Set the field of arg that names the IOAS, or one of the two of a copy */
static void name_ioas(unsigned int request, __u32 id, bool src)
{
	switch (request) {
	case IOMMU_DESTROY:
		arg.destroy.id = id;
		break;
	case IOMMU_IOAS_IOVA_RANGES:
		arg.ranges.ioas_id = id;
		break;
	case IOMMU_IOAS_ALLOW_IOVAS:
		arg.allow.ioas_id = id;
		break;
	case IOMMU_IOAS_MAP:
		arg.map.ioas_id = id;
		break;
	case IOMMU_IOAS_COPY:
		if (src)
			arg.copy.src_ioas_id = id;
		else
			arg.copy.dst_ioas_id = id;
		break;
	case IOMMU_IOAS_UNMAP:
		arg.unmap.ioas_id = id;
		break;
	case IOMMU_OPTION:
		arg.option.object_id = id;
		break;
	case IOMMU_VFIO_IOAS:
		arg.vfio_ioas.ioas_id = id;
		break;
	case IOMMU_IOAS_MAP_FILE:
		arg.map_file.ioas_id = id;
		break;
	}
}

static bool names_nothing(unsigned int request)
{
	return request == IOMMU_IOAS_ALLOC ||
	       request == IOMMU_FAULT_QUEUE_ALLOC ||
	       request == IOMMU_IOAS_CHANGE_PROCESS;
}

TEST_F(iommufd, unknown_id)
{
	__u32 gone, ids[5] = { 0, BAD_ID, ~0U };
	unsigned int i, j, src;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ids[3]));
	ASSERT_EQ(0, ioas_alloc(self->fd, &gone));
	ids[4] = gone;
	ASSERT_EQ(0, iommu_destroy(self->fd, ids[3]));
	ASSERT_EQ(0, iommu_destroy(self->fd, ids[4]));

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		if (names_nothing(calls[i].request))
			continue;
		for (j = 0; j < ARRAY_LEN(ids) * 2; j++) {
			src = j % 2;
			ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
					     calls[i].request));
			/* prepare() may have used the IDs that are gone */
			if (calls[i].request == IOMMU_DESTROY)
				ASSERT_EQ(0, iommu_destroy(self->fd,
							   arg.destroy.id));
			arg.size = calls[i].max;
			name_ioas(calls[i].request, ids[j / 2], src);
			EXPECT_EQ(-ENOENT,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, id %#x",
				       calls[i].request, ids[j / 2]);
			EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
		}
	}
}

/* The IDs of a device and of its page table are not those of an IOAS */
TEST_F(iommufd, id_of_another_kind)
{
	__u32 ids[2] = { self->dev_id, self->hwpt_id };
	unsigned int i, j, src;

	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &ids[0]);
		ASSERT_LE(0, self->dev);
		ids[1] = ids[0];
	}
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		if (names_nothing(calls[i].request) ||
		    calls[i].request == IOMMU_DESTROY)
			continue;
		for (j = 0; j < ARRAY_LEN(ids) * 2; j++) {
			src = j % 2;
			ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
					     calls[i].request));
			arg.size = calls[i].max;
			name_ioas(calls[i].request, ids[j / 2], src);
			EXPECT_EQ(-ENOENT,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, id %#x",
				       calls[i].request, ids[j / 2]);
			EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
		}
	}
}

/* An ID is valid in its own context only */
TEST_F(iommufd, id_of_another_context)
{
	__u32 id = 0, i;
	int other;

	other = iommu_open();
	ASSERT_LE(0, other);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		if (names_nothing(calls[i].request))
			continue;
		ASSERT_EQ(0, prepare(self->fd, self->ioas_id,
				     calls[i].request));
		arg.size = calls[i].max;
		name_ioas(calls[i].request, id, false);
		EXPECT_EQ(-ENOENT, call(other, calls[i].request, &arg));
		name_ioas(calls[i].request, id, true);
		EXPECT_EQ(-ENOENT, call(other, calls[i].request, &arg));
	}
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
	close(other);
}

TEST_HARNESS_MAIN

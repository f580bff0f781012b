// SPDX-License-Identifier: GPL-2.0-only
/* Calls on /dev/iommu */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "iommu.h"

/*
 * Every call passes one struct, whose first member is its size.  The caller
 * gets what the kernel wrote after a failure, too.
 */
static int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) ? -errno : 0;
}

static __u64 address(const void *p)
{
	return (uintptr_t)p;
}

int iommu_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int iommu_destroy(int fd, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return call(fd, IOMMU_DESTROY, &cmd);
}

int iommu_option(int fd, __u16 op, __u32 option, __u32 object, __u64 *value)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = option,
		.op = op,
		.object_id = object,
		.val64 = *value,
	};
	int rc = call(fd, IOMMU_OPTION, &cmd);

	*value = cmd.val64;
	return rc;
}

int iommu_option_set(int fd, __u32 option, __u32 object, __u64 value)
{
	return iommu_option(fd, IOMMU_OPTION_OP_SET, option, object, &value);
}

int ioas_alloc(int fd, __u32 *ioas)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = call(fd, IOMMU_IOAS_ALLOC, &cmd);

	*ioas = cmd.out_ioas_id;
	return rc;
}

int ioas_map_flags(int fd, __u32 ioas, __u32 flags, const void *va,
		   __u64 length, __u64 *iova)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.user_va = address(va),
		.length = length,
		.iova = *iova,
	};
	int rc = call(fd, IOMMU_IOAS_MAP, &cmd);

	*iova = cmd.iova;
	return rc;
}

int ioas_map(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova)
{
	return ioas_map_flags(fd, ioas, IOMMU_IOAS_MAP_FIXED_IOVA | IOAS_RW, va,
			      length, &iova);
}

int ioas_map_ro(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova)
{
	return ioas_map_flags(fd, ioas, IOMMU_IOAS_MAP_FIXED_IOVA | IOAS_RO, va,
			      length, &iova);
}

int ioas_map_anywhere(int fd, __u32 ioas, const void *va, __u64 length,
		      __u64 *iova)
{
	*iova = 0;
	return ioas_map_flags(fd, ioas, IOAS_RW, va, length, iova);
}

int ioas_map_file_flags(int fd, __u32 ioas, __u32 flags, int file, __u64 start,
			__u64 length, __u64 *iova)
{
	struct iommu_ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas,
		.fd = file,
		.start = start,
		.length = length,
		.iova = *iova,
	};
	int rc = call(fd, IOMMU_IOAS_MAP_FILE, &cmd);

	*iova = cmd.iova;
	return rc;
}

int ioas_map_file(int fd, __u32 ioas, int file, __u64 start, __u64 length,
		  __u64 iova)
{
	return ioas_map_file_flags(fd, ioas, IOMMU_IOAS_MAP_FIXED_IOVA |
				   IOAS_RW, file, start, length, &iova);
}

int ioas_demand(int fd, __u32 ioas, __u32 op, __u64 iova, __u64 length)
{
	struct iommu_ioas_demand cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.op = op,
		.iova = iova,
		.length = length,
	};

	return call(fd, IOMMU_IOAS_DEMAND, &cmd);
}

int ioas_copy_flags(int fd, __u32 flags, __u32 dst, __u32 src, __u64 length,
		    __u64 *dst_iova, __u64 src_iova)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = length,
		.dst_iova = *dst_iova,
		.src_iova = src_iova,
	};
	int rc = call(fd, IOMMU_IOAS_COPY, &cmd);

	*dst_iova = cmd.dst_iova;
	return rc;
}

int ioas_copy(int fd, __u32 dst, __u32 src, __u64 length, __u64 dst_iova,
	      __u64 src_iova)
{
	return ioas_copy_flags(fd, IOMMU_IOAS_MAP_FIXED_IOVA | IOAS_RW, dst,
			       src, length, &dst_iova, src_iova);
}

int ioas_unmap_len(int fd, __u32 ioas, __u64 iova, __u64 *length)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = *length,
	};
	int rc = call(fd, IOMMU_IOAS_UNMAP, &cmd);

	*length = cmd.length;
	return rc;
}

int ioas_unmap(int fd, __u32 ioas, __u64 iova, __u64 length)
{
	return ioas_unmap_len(fd, ioas, iova, &length);
}

int ioas_noiommu_get_pa(int fd, __u32 ioas, __u64 iova, __u64 *length,
			__u64 *phys)
{
	struct iommu_ioas_noiommu_get_pa cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = *length,
	};

	if (ioctl(fd, IOMMU_IOAS_NOIOMMU_GET_PA, &cmd))
		return -errno;
	*length = cmd.length;
	*phys = cmd.out_phys;
	return 0;
}

int ioas_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges, __u32 *n,
		__u64 *alignment)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = *n,
		.allowed_iovas = address(ranges),
		.out_iova_alignment = *alignment,
	};
	int rc = call(fd, IOMMU_IOAS_IOVA_RANGES, &cmd);

	*n = cmd.num_iovas;
	*alignment = cmd.out_iova_alignment;
	return rc;
}

int ioas_allow(int fd, __u32 ioas, const struct iommu_iova_range *ranges,
	       __u32 n)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = n,
		.allowed_iovas = address(ranges),
	};

	return call(fd, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

int hwpt_alloc(int fd, __u32 devid, __u32 pt, __u32 flags, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = devid,
		.pt_id = pt,
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

int hwpt_alloc_faults(int fd, __u32 devid, __u32 pt, __u32 queue, __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = devid,
		.pt_id = pt,
		.fault_id = queue,
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

int dirty_set(int fd, __u32 hwpt, __u32 flags)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.hwpt_id = hwpt,
	};

	return call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

int dirty_get(int fd, __u32 hwpt, __u32 flags, __u64 iova, __u64 length,
	      __u64 page_size, void *bitmap)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt,
		.flags = flags,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = address(bitmap),
	};

	return call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

int fault_queue_alloc(int fd, __u32 *queue)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = call(fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd);

	*queue = cmd.out_fault_id;
	return rc ? rc : (int)cmd.out_fault_fd;
}

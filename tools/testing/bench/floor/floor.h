/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ioctls of /dev/iommufd_floor, for the benchmark only
 */
#ifndef IOMMUFD_FLOOR_H
#define IOMMUFD_FLOOR_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
	FLOOR_PIN,
	FLOOR_MAP,
	FLOOR_UNMAP,
	FLOOR_UNPIN,
	FLOOR_NR_STEPS
};

/**
 * struct floor_run - What each step costs on some memory
 * @uaddr: User address, page aligned.
 * @length: Bytes, multiple of the page size.
 * @iova: Where to map it, page aligned.
 * @ns: Set to the nanoseconds of each step.
 */
struct floor_run {
	__u64 uaddr;
	__u64 length;
	__u64 iova;
	__u64 ns[FLOOR_NR_STEPS];
};

#define FLOOR_NOP	_IO('F', 0)	/* nothing: the cost of a call */
#define FLOOR_RUN	_IOWR('F', 1, struct floor_run)

#endif

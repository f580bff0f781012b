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

/* A call of floor_record has no more pages than this. */
#define FLOOR_RECORD_PAGES	16

/**
 * struct floor_record - Memory to map, or to unmap, see record.c
 * @size: Size of this struct; ignored.
 * @id: FLOOR_RECORD_ID.
 * @uaddr: User address, page aligned; FLOOR_RECORD_UNMAP makes no use of it.
 * @length: Bytes: FLOOR_RECORD_PAGES pages or less.  Set by FLOOR_RECORD_UNMAP.
 * @iova: Page aligned: for FLOOR_RECORD_MAP above all that is mapped, for
 *	FLOOR_RECORD_UNMAP the lowest of it.  Set by FLOOR_RECORD_MAP.
 */
struct floor_record {
	__u32 size;
	__u32 id;
	__u64 uaddr;
	__u64 length;
	__u64 iova;
};

#define FLOOR_RECORD_ID		1

#define FLOOR_NOP		_IO('F', 0)	/* nothing: the cost of a call */
#define FLOOR_RUN		_IOWR('F', 1, struct floor_run)
#define FLOOR_RECORD_MAP	_IOWR('F', 2, struct floor_record)
#define FLOOR_RECORD_UNMAP	_IOWR('F', 3, struct floor_record)

#endif

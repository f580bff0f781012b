/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ioctls of /dev/iommufd_baseline, for the benchmark only
 */
#ifndef IOMMUFD_BASELINE_H
#define IOMMUFD_BASELINE_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum {
	BASELINE_PIN,
	BASELINE_MAP,
	BASELINE_UNMAP,
	BASELINE_UNPIN,
	BASELINE_NR_STEPS
};

/**
 * struct baseline_run - The cost of each step on some memory
 * @uaddr: User address, page aligned.
 * @length: Bytes, multiple of the page size.
 * @iova: The IOVA to map it at, page aligned.
 * @ns: Set to the nanoseconds of each step.
 */
struct baseline_run {
	__u64 uaddr;
	__u64 length;
	__u64 iova;
	__u64 ns[BASELINE_NR_STEPS];
};

/* A call that takes a struct undo_baseline has no more pages than this. */
#define UNDO_BASELINE_PAGES	16

/**
 * struct undo_baseline - Memory to map, or to unmap, see undo.c
 * @size: Size of this struct; ignored.
 * @id: UNDO_BASELINE_ID.
 * @uaddr: User address, page aligned; UNDO_BASELINE_UNMAP makes no use of it.
 * @length: Bytes: UNDO_BASELINE_PAGES pages or less.  Set by
 *	UNDO_BASELINE_UNMAP.
 * @iova: Page aligned: for UNDO_BASELINE_MAP above all mappings, for
 *	UNDO_BASELINE_UNMAP the lowest mapped IOVA.  Set by UNDO_BASELINE_MAP.
 */
struct undo_baseline {
	__u32 size;
	__u32 id;
	__u64 uaddr;
	__u64 length;
	__u64 iova;
};

#define UNDO_BASELINE_ID	1

#define BASELINE_NOP		_IO('F', 0)	/* cost of a call alone */
#define BASELINE_RUN		_IOWR('F', 1, struct baseline_run)
#define UNDO_BASELINE_MAP	_IOWR('F', 2, struct undo_baseline)
#define UNDO_BASELINE_UNMAP	_IOWR('F', 3, struct undo_baseline)

#endif

/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ioctls of /dev/iommufd_tracker, for tests only
 */
#ifndef IOMMUFD_TRACKER_H
#define IOMMUFD_TRACKER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Where devices may write, last exclusive: far from what host drivers map */
#define TRACKER_START	0x100000000ULL
#define TRACKER_END	0x180000000ULL

/**
 * struct tracker_write - Writes of a device
 * @iovas: User address of an array of IOVAs, __u64, one for each write, from
 *	TRACKER_START to TRACKER_END.
 * @n: Number of them.
 * @requester: Requester ID of the device: bus, slot and function.
 * @out_marked: Number of pages that were clean and are marked dirty now.
 * @out_page: Bytes of the page that the last write was to.
 *
 * Errors: EFAULT for an IOVA that the device cannot write; ERANGE; EINTR.
 */
struct tracker_write {
	__u64 iovas;
	__u32 n;
	__u32 requester;
	__u64 out_marked;
	__u64 out_page;
};

#define TRACKER_WORDS	8

/**
 * struct tracker_entry - The entry by which a device has its page tables
 * @requester: As for struct tracker_write.
 * @pasid: The PASID of requests, 0 for those without one.
 * @out_words: The entry of VT-d's PASID table for such requests.
 *
 * Errors: ENOENT if there is no table with such an entry; EOPNOTSUPP for
 * another IOMMU.
 */
struct tracker_entry {
	__u32 requester;
	__u32 pasid;
	__u64 out_words[TRACKER_WORDS];
};

/**
 * struct tracker_translate - Where a read or write of a device leads to
 * @iova: The address that the device has.
 * @requester: As for struct tracker_write.
 * @pasid: As for struct tracker_entry.
 * @out_phys: The physical address.
 *
 * The tables are walked as they are in memory, by nested translation, too.
 *
 * Errors: EFAULT if it leads nowhere; EOPNOTSUPP for another IOMMU.
 */
struct tracker_translate {
	__u64 iova;
	__u32 requester;
	__u32 pasid;
	__u64 out_phys;
};

#define TRACKER_WRITE	_IOWR('T', 0, struct tracker_write)
/* What the IOMMU driver returns when it looks for dirty pages */
#define TRACKER_ASK	_IOR('T', 1, __s32)
#define TRACKER_ENTRY	_IOWR('T', 2, struct tracker_entry)
#define TRACKER_TRANSLATE _IOWR('T', 3, struct tracker_translate)
/* Bits of CAP and of ECAP that the IOMMU driver is to believe in as well */
#define TRACKER_PRETEND	_IOW('T', 4, __u64[2])

#endif

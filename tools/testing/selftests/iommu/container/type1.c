// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container calls on /dev/iommu, and on a VFIO container with our backend
 * vfio_iommu_iommufd, do what they do on a VFIO container with the kernel's own
 * type1.
 *
 * One list of calls, good and bad, is made first on a container with type1, then
 * on /dev/iommu or on a container with our backend, with the same device.  The
 * results, the data written and the number of pinned pages must be the same.
 * Where they are meant to differ, the list has both.
 */
#include <stddef.h>
#include <sys/resource.h>

#include "../kernel.h"
#include "common.h"

#define IOVA		0x10000000ULL
#define MAPPED		(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define DIRTY		VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
#define START		VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define STOP		VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP
#define GET		VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP
#define UNKNOWN		0x8
#define FORGET		VFIO_DMA_UNMAP_FLAG_VADDR
#define FORGET_ALL	(VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL)
#define UPDATE		VFIO_DMA_MAP_FLAG_VADDR
#define BITMAP_MAX	0x10000000ULL
#define KERNEL_ADDR	0xffff888000000000ULL

/* With the struct that <linux/vfio.h> calls data */
struct unmap_arg {
	__u32 argsz;
	__u32 flags;
	__u64 iova;
	__u64 size;
	struct {
		__u64 pgsize;
		__u64 size;
		__u64 data;
	} bitmap;
};

struct dirty_arg {
	__u32 argsz;
	__u32 flags;
	__u64 iova;
	__u64 size;
	struct {
		__u64 pgsize;
		__u64 size;
		__u64 data;
	} bitmap;
};

#define UNMAP_SIZE	offsetof(struct unmap_arg, bitmap)

union arg {
	struct vfio_iommu_type1_info info;
	struct vfio_iommu_type1_dma_map map;
	struct unmap_arg unmap;
	struct dirty_arg dirty;
	unsigned char bytes[512];
};

#define PAGES		600
#define READABLE_PAGE	(PAGES - 3)	/* read-only */
#define NO_PAGE		(PAGES - 1)	/* not accessible */

/* At a fixed place, so that the list below can be static */
#define MEMORY		0x7e0000000000UL

static __u64 bitmap[64];

#define ADDR(p)		((unsigned long)(p))
#define PAGE_ADDR(n)	(MEMORY + (n) * PAGE)
#define AT(n)		(IOVA + (n) * PAGE)

enum how {
	IN_MEMORY,
	NUMBER,		/* the argument is a number */
	READ_ONLY,	/* it cannot be written */
	ENDS,		/* it ends after this number of bytes */
};

struct step {
	const char *what;
	unsigned int request;
	enum how how;
	unsigned long number;
	union arg arg;
	bool v2_only;	/* VFIO_TYPE1_IOMMU splits, see vfio_compat.c */
	bool wraps;	/* /dev/iommu returns EINVAL, type1 what its kernel has */
	bool differs;	/* type1 is meant to return this, and pin nothing: */
	int type1_rc;
	bool not_in_7;	/* but that of 7.x returns 0 */
	int rc;		/* what /dev/iommu is meant to return then, */
	long pinned;	/* and to pin; in limited_calls, what both are */
};

#define CALL(_what, _request, _number, ...)				\
	{								\
		.what = _what,						\
		.request = _request,					\
		.how = NUMBER,						\
		.number = _number,					\
		__VA_ARGS__						\
	}

#define MAP_(_what, _argsz, _flags, _vaddr, _iova, _size, ...)		\
	{								\
		.what = _what,						\
		.request = VFIO_IOMMU_MAP_DMA,				\
		.arg.map = {						\
			.argsz = _argsz,				\
			.flags = _flags,				\
			.vaddr = _vaddr,				\
			.iova = _iova,					\
			.size = _size,					\
		},							\
		__VA_ARGS__						\
	}

#define MAP(_what, _flags, _vaddr, _iova, _size, ...)			\
	MAP_(_what, sizeof(struct vfio_iommu_type1_dma_map), _flags,	\
	     _vaddr, _iova, _size, __VA_ARGS__)

/* A bitmap of the caller's, as one argument */
#define BITMAP(...)	{ __VA_ARGS__ }

#define UNMAP_TO(_what, _argsz, _flags, _iova, _size, _bitmap, ...)	\
	{								\
		.what = _what,						\
		.request = VFIO_IOMMU_UNMAP_DMA,			\
		.arg.unmap = {						\
			.argsz = _argsz,				\
			.flags = _flags,				\
			.iova = _iova,					\
			.size = _size,					\
			.bitmap = _bitmap,				\
		},							\
		__VA_ARGS__						\
	}

#define UNMAP_(_what, _argsz, _flags, _iova, _size, ...)		\
	UNMAP_TO(_what, _argsz, _flags, _iova, _size,			\
		 BITMAP(PAGE, sizeof(bitmap), ADDR(bitmap)), __VA_ARGS__)

#define UNMAP(_what, _flags, _iova, _size, ...)				\
	UNMAP_(_what, UNMAP_SIZE, _flags, _iova, _size, __VA_ARGS__)

#define UNMAP_DIRTY(_what, _flags, _iova, _size, ...)			\
	UNMAP_(_what, sizeof(struct unmap_arg), DIRTY | (_flags),	\
	       _iova, _size, __VA_ARGS__)

#define DIRTY_TO(_what, _argsz, _flags, _iova, _size, _bitmap, ...)	\
	{								\
		.what = _what,						\
		.request = VFIO_IOMMU_DIRTY_PAGES,			\
		.arg.dirty = {						\
			.argsz = _argsz,				\
			.flags = _flags,				\
			.iova = _iova,					\
			.size = _size,					\
			.bitmap = _bitmap,				\
		},							\
		__VA_ARGS__						\
	}

#define DIRTY_(_what, _argsz, _flags, _iova, _size, ...)		\
	DIRTY_TO(_what, _argsz, _flags, _iova, _size,			\
		 BITMAP(PAGE, sizeof(bitmap), ADDR(bitmap)), __VA_ARGS__)

#define PAGES_DIRTY(_what, _flags, _iova, _size, ...)			\
	DIRTY_(_what, sizeof(struct dirty_arg), _flags, _iova, _size,	\
	       __VA_ARGS__)

/* Calls whose argument has another bitmap */
#define GET_INTO(_what, _iova, _size, ...)				\
	DIRTY_TO(_what, sizeof(struct dirty_arg), GET, _iova, _size,	\
		 BITMAP(__VA_ARGS__))

#define UNMAP_INTO(_what, _iova, _size, ...)				\
	UNMAP_TO(_what, sizeof(struct unmap_arg), DIRTY, _iova, _size,	\
		 BITMAP(__VA_ARGS__))

#define INFO(_what, _argsz, ...)					\
	{								\
		.what = _what,						\
		.request = VFIO_IOMMU_GET_INFO,				\
		.arg.info.argsz = _argsz,				\
		__VA_ARGS__						\
	}

#define DIFFERS(_type1_rc, _rc)						\
	.differs = true, .type1_rc = _type1_rc, .rc = _rc

#define TYPELESS(_rc)	DIFFERS(-EINVAL, _rc)

/* Before VFIO_SET_IOMMU */
static const struct step first_calls[] = {
	CALL("version", VFIO_GET_API_VERSION, 0),
	CALL("type1?", VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU),
	CALL("type1v2?", VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU),
	CALL("unmap all?", VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL),
	CALL("sPAPR?", VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_IOMMU),
	CALL("extension 9999?", VFIO_CHECK_EXTENSION, 9999),
	CALL("set no type", VFIO_SET_IOMMU, 0),
	CALL("set unknown type", VFIO_SET_IOMMU, 9999),
	CALL("set sPAPR", VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU),

	/* An IOAS needs no type; a container needs one for these calls. */
	INFO("info without a type", sizeof(union arg), TYPELESS(0)),
	INFO("info without a type, too short", 15, TYPELESS(-EINVAL)),
	CALL("info of nothing without a type", VFIO_IOMMU_GET_INFO, 0,
	     TYPELESS(-EFAULT)),
	MAP("map without a type", MAPPED, PAGE_ADDR(0), AT(0), PAGE,
	    TYPELESS(0), .pinned = 1),
	MAP("map twice without a type", MAPPED, PAGE_ADDR(0), AT(0), PAGE,
	    TYPELESS(-EEXIST)),
	MAP("map no bytes without a type", MAPPED, PAGE_ADDR(0), AT(1), 0,
	    TYPELESS(-EINVAL)),
	PAGES_DIRTY("dirty without a type? not yet", GET, AT(0), 64 * PAGE,
		    TYPELESS(-EINVAL)),
	PAGES_DIRTY("start without a type", START, 0, 0, TYPELESS(0)),
	PAGES_DIRTY("dirty without a type?", GET, AT(0), 64 * PAGE,
		    TYPELESS(0)),
	PAGES_DIRTY("stop without a type", STOP, 0, 0, TYPELESS(0)),
	UNMAP("unmap half a page without a type", 0, AT(0), PAGE / 2,
	      TYPELESS(-EINVAL)),
	UNMAP("unmap without a type", 0, AT(0), PAGE, TYPELESS(0),
	      .pinned = -1),
	UNMAP("unmap all without a type", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
	      TYPELESS(0)),
};

static const struct step calls[] = {
	CALL("version", VFIO_GET_API_VERSION, 0),
	CALL("type1?", VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU),
	CALL("type1v2?", VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU),
	CALL("coherent?", VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU),
	CALL("unmap all?", VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL),
	CALL("sPAPR?", VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_IOMMU),
	CALL("update addresses?", VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR),
	CALL("EEH?", VFIO_CHECK_EXTENSION, VFIO_EEH),
	CALL("no IOMMU?", VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU),
	CALL("extension 0?", VFIO_CHECK_EXTENSION, 0),
	CALL("extension 9999?", VFIO_CHECK_EXTENSION, 9999),
	/* An extension that a program must not rely on */
	CALL("nesting?", VFIO_CHECK_EXTENSION, VFIO_TYPE1_NESTING_IOMMU,
	     DIFFERS(1, 0), .not_in_7 = true),
	CALL("set type again", VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU),
	CALL("set v2 again", VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU),
	CALL("set unknown type again", VFIO_SET_IOMMU, 9999),
	CALL("enable", VFIO_IOMMU_ENABLE, 0),
	CALL("disable", VFIO_IOMMU_DISABLE, 0),
	CALL("a group's call", VFIO_GROUP_GET_STATUS, 0),
	CALL("a device's call", VFIO_DEVICE_RESET, 0),
	CALL("no call", _IO(VFIO_TYPE, VFIO_BASE + 27), 0),

	INFO("info", sizeof(union arg)),
	INFO("info without room for capabilities", sizeof(struct
		vfio_iommu_type1_info)),
	INFO("info up to the offset", 20),
	INFO("info of the first version", 16),
	INFO("info, too short", 15),
	INFO("info, empty", 0),
	INFO("info, cannot be read", 512, .how = ENDS, .number = 15),
	INFO("info, ends early", 512, .how = ENDS, .number = 24),
	INFO("info, short, ends early", 16, .how = ENDS, .number = 16),
	INFO("info, cannot be written", 512, .how = READ_ONLY),
	CALL("info of nothing", VFIO_IOMMU_GET_INFO, 0),

	MAP("map", MAPPED, PAGE_ADDR(0), AT(0), PAGE),
	MAP("map twice", MAPPED, PAGE_ADDR(0), AT(0), PAGE),
	MAP("map more", MAPPED, PAGE_ADDR(0), AT(0), 2 * PAGE),
	MAP("map around", MAPPED, PAGE_ADDR(0), AT(-1), 3 * PAGE),
	MAP("map for reading", VFIO_DMA_MAP_FLAG_READ, PAGE_ADDR(1), AT(1),
	    PAGE),
	MAP("map for writing", VFIO_DMA_MAP_FLAG_WRITE, PAGE_ADDR(2), AT(2),
	    PAGE),
	MAP("map for nothing", 0, PAGE_ADDR(3), AT(3), PAGE),
	MAP("map, unknown flag", MAPPED | UNKNOWN, PAGE_ADDR(3), AT(3), PAGE),
	MAP("map, update and more", VFIO_DMA_MAP_FLAG_VADDR | MAPPED,
	    PAGE_ADDR(3), AT(3), PAGE),
	MAP("update what is not there", VFIO_DMA_MAP_FLAG_VADDR, PAGE_ADDR(3),
	    AT(3), PAGE),
	MAP("update what is valid", VFIO_DMA_MAP_FLAG_VADDR, PAGE_ADDR(0),
	    AT(0), PAGE),
	MAP("update from below", VFIO_DMA_MAP_FLAG_VADDR, PAGE_ADDR(0),
	    AT(-1), 2 * PAGE),
	MAP_("map, too short", 31, MAPPED, PAGE_ADDR(3), AT(3), PAGE),
	MAP_("map, empty", 0, MAPPED, PAGE_ADDR(3), AT(3), PAGE),
	MAP_("map, long", 100, MAPPED, PAGE_ADDR(4), AT(4), PAGE),
	MAP("map, ends early", MAPPED, PAGE_ADDR(5), AT(5), PAGE, .how = ENDS,
	    .number = 31),
	MAP("map, cannot be written", MAPPED, PAGE_ADDR(5), AT(5), PAGE,
	    .how = READ_ONLY),
	CALL("map of nothing", VFIO_IOMMU_MAP_DMA, 0),
	MAP("map no bytes", MAPPED, PAGE_ADDR(6), AT(6), 0),
	MAP("map one byte", MAPPED, PAGE_ADDR(6), AT(6), 1),
	MAP("map a page and a byte", MAPPED, PAGE_ADDR(6), AT(6), PAGE + 1),
	MAP("map beside a page", MAPPED, PAGE_ADDR(6), AT(6) + 1, PAGE),
	MAP("map half a page on", MAPPED, PAGE_ADDR(6), AT(6) + 2048, PAGE),
	MAP("map from beside a page", MAPPED, PAGE_ADDR(6) + 8, AT(6), PAGE),
	MAP("map, IOVA wraps", MAPPED, PAGE_ADDR(6), -PAGE, 2 * PAGE,
	    .wraps = true),
	MAP("map, address wraps", MAPPED, -PAGE, AT(6), 2 * PAGE,
	    .wraps = true),
	MAP("map, huge", MAPPED, PAGE_ADDR(6), AT(6), -PAGE, .wraps = true),
	MAP("map, wraps, beside a page", MAPPED, PAGE_ADDR(6), -PAGE + 1,
	    2 * PAGE, .wraps = true),
	MAP("map, wraps by a byte", MAPPED, PAGE_ADDR(6), -PAGE, PAGE + 1,
	    .wraps = true),
	MAP("map, wraps, for nothing", 0, PAGE_ADDR(6), -PAGE, 2 * PAGE,
	    .wraps = true),
	MAP("map, wraps, unknown flag", MAPPED | UNKNOWN, PAGE_ADDR(6), -PAGE,
	    2 * PAGE),
	MAP_("map, wraps, too short", 31, MAPPED, PAGE_ADDR(6), -PAGE,
	     2 * PAGE),
	MAP("map last page", MAPPED, PAGE_ADDR(6), -PAGE, PAGE),
	MAP("map above the IOMMU's", MAPPED, PAGE_ADDR(6), 1ULL << 60, PAGE),
	MAP("map at interrupts", MAPPED, PAGE_ADDR(6), MSI_START, PAGE),
	MAP("map last of interrupts", MAPPED, PAGE_ADDR(6), MSI_LAST + 1 - PAGE,
	    PAGE),
	MAP("map into interrupts", MAPPED, PAGE_ADDR(6), MSI_START - PAGE,
	    2 * PAGE),
	MAP("map below interrupts", MAPPED, PAGE_ADDR(6), MSI_START - PAGE,
	    PAGE),
	MAP("map taken and interrupts", MAPPED, PAGE_ADDR(6), MSI_START - PAGE,
	    2 * PAGE),
	MAP("map above interrupts", MAPPED, PAGE_ADDR(7), MSI_LAST + 1, PAGE),
	MAP("map page 0", MAPPED, PAGE_ADDR(8), 0, PAGE),
	MAP("map what is not there", MAPPED, PAGE_ADDR(NO_PAGE), AT(6), PAGE),
	MAP("map what ends", MAPPED, PAGE_ADDR(NO_PAGE - 1), AT(6), 2 * PAGE),
	MAP("map what is the kernel's", MAPPED, KERNEL_ADDR, AT(6), PAGE),
	MAP("map no address", MAPPED, 0, AT(6), PAGE),
	MAP("map what is read-only", MAPPED, PAGE_ADDR(READABLE_PAGE), AT(6),
	    PAGE),
	MAP("map from rw to read-only", MAPPED, PAGE_ADDR(READABLE_PAGE - 2),
	    AT(6), 3 * PAGE),
	MAP("map read-only for reading", VFIO_DMA_MAP_FLAG_READ,
	    PAGE_ADDR(READABLE_PAGE), AT(6), PAGE),
	MAP("map 512 pages", MAPPED, PAGE_ADDR(9), AT(512), 512 * PAGE),

	UNMAP_("unmap, too short", 23, 0, AT(0), PAGE),
	UNMAP_("unmap, empty", 0, 0, AT(0), PAGE),
	UNMAP("unmap, unknown flag", UNKNOWN, AT(0), PAGE),
	UNMAP("unmap, ends early", 0, AT(0), PAGE, .how = ENDS, .number = 23),
	CALL("unmap of nothing", VFIO_IOMMU_UNMAP_DMA, 0),
	UNMAP("unmap no bytes", 0, AT(0), 0),
	UNMAP("unmap one byte", 0, AT(0), 1),
	UNMAP("unmap a page and a byte", 0, AT(0), PAGE + 1),
	UNMAP("unmap beside a page", 0, AT(0) + 1, PAGE),
	UNMAP("unmap, wraps", 0, AT(0), -PAGE, .wraps = true),
	UNMAP("unmap, wraps by a byte", 0, AT(0), -AT(0) + PAGE,
	      .wraps = true),
	UNMAP("unmap, wraps, beside a page", 0, -PAGE + 1, 2 * PAGE),
	UNMAP("unmap, wraps, a page and a byte", 0, -PAGE, PAGE + 1),
	UNMAP_DIRTY("unmap, wraps, dirty? not yet", 0, -PAGE, 2 * PAGE,
		    .wraps = true),
	UNMAP("unmap where nothing is", 0, AT(200), 10 * PAGE),
	UNMAP("unmap last page", 0, -PAGE, PAGE),
	UNMAP("unmap where nothing is, cannot be written", 0, AT(200), PAGE,
	      .how = READ_ONLY),
	UNMAP("unmap the head", 0, AT(512), PAGE, .v2_only = true),
	UNMAP("unmap the tail", 0, AT(1000), 24 * PAGE, .v2_only = true),
	UNMAP("unmap the middle", 0, AT(600), PAGE, .v2_only = true),
	UNMAP("unmap from inside", 0, AT(600), 1024 * PAGE, .v2_only = true),
	UNMAP("unmap to inside", 0, AT(0), 600 * PAGE, .v2_only = true),
	UNMAP("unmap one", 0, AT(0), PAGE),
	UNMAP("unmap it again", 0, AT(0), PAGE),
	UNMAP_("unmap, long", 100, 0, AT(1), PAGE),
	UNMAP("unmap several and gaps", 0, AT(0), 100 * PAGE),
	UNMAP("unmap all, IOVA given", VFIO_DMA_UNMAP_FLAG_ALL, AT(512), 0),
	UNMAP("unmap all, size given", VFIO_DMA_UNMAP_FLAG_ALL, 0, PAGE),
	UNMAP_DIRTY("unmap all and dirty", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0),
	UNMAP("unmap all and address", VFIO_DMA_UNMAP_FLAG_ALL | UNKNOWN, 0, 0),
	UNMAP_DIRTY("forget addresses, dirty", VFIO_DMA_UNMAP_FLAG_VADDR,
		    AT(512), 512 * PAGE),
	UNMAP("forget addresses where nothing is", FORGET, AT(0), PAGE),
	UNMAP("forget, unknown flag", FORGET | UNKNOWN, AT(512), 512 * PAGE),
	UNMAP_("forget, too short", 23, FORGET, AT(512), 512 * PAGE),
	UNMAP("forget no bytes", FORGET, AT(512), 0),
	UNMAP("forget one byte", FORGET, AT(512), 1),
	UNMAP("forget beside a page", FORGET, AT(512) + 1, 512 * PAGE),
	UNMAP("forget, wraps", FORGET, AT(512), -PAGE, .wraps = true),
	UNMAP("forget all, IOVA given", FORGET_ALL, AT(512), 0),
	UNMAP("forget all, size given", FORGET_ALL, 0, PAGE),
	UNMAP("forget the middle", FORGET, AT(600), PAGE),
	UNMAP("forget the tail", FORGET, AT(1000), 24 * PAGE),
	UNMAP("forget from inside", FORGET, AT(600), 1024 * PAGE),
	UNMAP("forget", FORGET, AT(512), 512 * PAGE),
	UNMAP("forget again", FORGET, AT(512), 512 * PAGE),
	UNMAP("forget all again", FORGET_ALL, 0, 0),
	MAP("map in the gap", MAPPED, PAGE_ADDR(0), AT(0), PAGE),
	MAP("map where an address is invalid", MAPPED, PAGE_ADDR(0), AT(600),
	    PAGE),
	UNMAP("forget one more and it", FORGET, AT(0), 1024 * PAGE),
	MAP("update the valid one", UPDATE, PAGE_ADDR(0), AT(0), PAGE),
	MAP("update, too small", UPDATE, PAGE_ADDR(9), AT(512), 511 * PAGE),
	MAP("update, too large", UPDATE, PAGE_ADDR(9), AT(512), 513 * PAGE),
	MAP("update, from inside", UPDATE, PAGE_ADDR(9), AT(513), 511 * PAGE),
	MAP("update both", UPDATE, PAGE_ADDR(9), AT(0), 1024 * PAGE),
	MAP("update elsewhere", UPDATE, PAGE_ADDR(9), AT(2000), 512 * PAGE),
	MAP("update no bytes", UPDATE, PAGE_ADDR(9), AT(512), 0),
	MAP("update a byte more", UPDATE, PAGE_ADDR(9), AT(512),
	    512 * PAGE + 1),
	MAP("update, beside a page", UPDATE, PAGE_ADDR(9), AT(512) + 1,
	    512 * PAGE),
	MAP("update to beside a page", UPDATE, PAGE_ADDR(9) + 1, AT(512),
	    512 * PAGE),
	MAP("update, address wraps", UPDATE, -PAGE, AT(512), 512 * PAGE,
	    .wraps = true),
	MAP("update, IOVA wraps", UPDATE, PAGE_ADDR(9), -PAGE, 512 * PAGE,
	    .wraps = true),
	MAP("update, wraps, for reading", UPDATE | VFIO_DMA_MAP_FLAG_READ,
	    PAGE_ADDR(9), -PAGE, 512 * PAGE, .wraps = true),
	MAP("update for reading", UPDATE | VFIO_DMA_MAP_FLAG_READ,
	    PAGE_ADDR(9), AT(512), 512 * PAGE),
	MAP("update, unknown flag", UPDATE | UNKNOWN, PAGE_ADDR(9), AT(512),
	    512 * PAGE),
	MAP_("update, too short", 31, UPDATE, PAGE_ADDR(9), AT(512),
	     512 * PAGE),
	MAP("update", UPDATE, PAGE_ADDR(10), AT(512), 512 * PAGE),
	MAP("update again", UPDATE, PAGE_ADDR(10), AT(512), 512 * PAGE),
	MAP("map one more", MAPPED, PAGE_ADDR(1), AT(1), PAGE),
	UNMAP("forget several and gaps", FORGET, AT(0), 100 * PAGE),
	MAP("update one", UPDATE, PAGE_ADDR(1), AT(1), PAGE),
	UNMAP("forget it and one that is invalid", FORGET, AT(0), 2 * PAGE),
	MAP("update it, which is valid", UPDATE, PAGE_ADDR(1), AT(1), PAGE),
	UNMAP("forget, cut at the end", FORGET, AT(1), 600 * PAGE,
	      .v2_only = true),
	UNMAP("unmap in the gap", 0, AT(0), PAGE),
	MAP("update what is unmapped", UPDATE, PAGE_ADDR(0), AT(0), PAGE),
	UNMAP("forget all", FORGET_ALL, 0, 0),
	MAP("update to where it was", UPDATE, PAGE_ADDR(10), AT(512),
	    512 * PAGE),
	UNMAP("forget nearly all", FORGET, AT(512), 4096 * PAGE),
	UNMAP("unmap all", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0),
	UNMAP("unmap all again", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0),
	MAP("map, to unmap from 0", MAPPED, PAGE_ADDR(0), AT(0), PAGE),
	UNMAP("unmap nearly all", 0, 0, -PAGE),
	/* Nothing is mapped at the end: type1 would take the end for 0 */
	UNMAP("unmap to the end", 0, PAGE, -PAGE),
	INFO("info after", sizeof(union arg)),

	MAP("map 1 page", MAPPED, PAGE_ADDR(0), AT(1), PAGE),
	MAP("map 3 pages", MAPPED, PAGE_ADDR(1), AT(3), 3 * PAGE),
	MAP("map 5 pages over a word", MAPPED, PAGE_ADDR(4), AT(62), 5 * PAGE),
	MAP("map 64 pages", MAPPED, PAGE_ADDR(9), AT(128), 64 * PAGE),
	MAP("map 65 pages", MAPPED, PAGE_ADDR(80), AT(193), 65 * PAGE),
	MAP("map 300 pages", MAPPED, PAGE_ADDR(150), AT(300), 300 * PAGE),
	PAGES_DIRTY("dirty? not yet", GET, AT(0), 64 * PAGE),
	UNMAP_DIRTY("unmap, dirty? not yet", 0, AT(0), 64 * PAGE),
	DIRTY_("start, too short", 7, START, 0, 0),
	DIRTY_("start, shortest", 8, START, 0, 0),
	PAGES_DIRTY("start again", START, 0, 0),
	PAGES_DIRTY("no flag", 0, AT(0), 64 * PAGE),
	PAGES_DIRTY("unknown flag", UNKNOWN, AT(0), 64 * PAGE),
	PAGES_DIRTY("start and stop", START | STOP, AT(0), 64 * PAGE),
	PAGES_DIRTY("stop and get", STOP | GET, AT(0), 64 * PAGE),
	CALL("dirty of nothing", VFIO_IOMMU_DIRTY_PAGES, 0),
	PAGES_DIRTY("start, ends early", START, 0, 0, .how = ENDS,
		    .number = 7),
	PAGES_DIRTY("dirty?", GET, AT(0), 62 * PAGE),
	PAGES_DIRTY("dirty again?", GET, AT(0), 62 * PAGE),
	PAGES_DIRTY("dirty in a word?", GET, AT(3), 3 * PAGE),
	PAGES_DIRTY("dirty in two words?", GET, AT(62), 5 * PAGE),
	PAGES_DIRTY("dirty over two words?", GET, AT(6), 100 * PAGE),
	PAGES_DIRTY("dirty at an end?", GET, AT(128), 64 * PAGE),
	PAGES_DIRTY("dirty in everything?", GET, AT(0), 1024 * PAGE),
	PAGES_DIRTY("dirty from 300 on?", GET, AT(300), 300 * PAGE),
	PAGES_DIRTY("dirty from 299 on?", GET, AT(299), 301 * PAGE),
	PAGES_DIRTY("dirty where nothing is?", GET, AT(2000), 64 * PAGE),
	PAGES_DIRTY("dirty from inside?", GET, AT(4), 64 * PAGE),
	PAGES_DIRTY("dirty to inside?", GET, AT(0), 64 * PAGE),
	PAGES_DIRTY("dirty, no pages?", GET, AT(0), 0),
	PAGES_DIRTY("dirty, a byte?", GET, AT(0), 1),
	PAGES_DIRTY("dirty, a page and a byte?", GET, AT(0), PAGE + 1),
	PAGES_DIRTY("dirty beside a page?", GET, AT(0) + 1, 64 * PAGE),
	PAGES_DIRTY("dirty, wraps?", GET, AT(0), -PAGE, .wraps = true),
	PAGES_DIRTY("dirty, wraps, beside a page?", GET, -PAGE + 1, 2 * PAGE,
		    .wraps = true),
	DIRTY_TO("dirty, wraps, no bitmap?", sizeof(struct dirty_arg), GET,
		 -PAGE, 2 * PAGE, BITMAP(PAGE, 0, 0), .wraps = true),
	DIRTY_("dirty, wraps, too short?", 47, GET, -PAGE, 2 * PAGE),
	PAGES_DIRTY("dirty, last page?", GET, -2 * PAGE, PAGE),
	DIRTY_("dirty, no range?", 8, GET, 0, 0),
	DIRTY_("dirty, too short?", 47, GET, AT(0), 62 * PAGE),
	DIRTY_("dirty, long?", 100, GET, AT(0), 62 * PAGE),
	PAGES_DIRTY("dirty, ends early?", GET, AT(0), 62 * PAGE, .how = ENDS,
		    .number = 47),
	PAGES_DIRTY("dirty, cannot be written?", GET, AT(0), 62 * PAGE,
		    .how = READ_ONLY),
	GET_INTO("dirty, larger pages?", AT(0), 62 * PAGE, 2 * PAGE,
		 sizeof(bitmap), ADDR(bitmap)),
	GET_INTO("dirty, smaller pages?", AT(0), 62 * PAGE, PAGE / 2,
		 sizeof(bitmap), ADDR(bitmap)),
	GET_INTO("dirty, odd pages?", AT(0), 62 * PAGE, 3 * PAGE,
		 sizeof(bitmap), ADDR(bitmap)),
	GET_INTO("dirty, no bitmap?", AT(0), 62 * PAGE, PAGE,
		 0, ADDR(bitmap)),
	GET_INTO("dirty, bitmap of 7 bytes?", AT(0), 6 * PAGE, PAGE,
		 7, ADDR(bitmap)),
	GET_INTO("dirty, bitmap of 8 bytes?", AT(0), 62 * PAGE, PAGE,
		 8, ADDR(bitmap)),
	GET_INTO("dirty, too small a bitmap?", AT(6), 65 * PAGE, PAGE,
		 8, ADDR(bitmap)),
	GET_INTO("dirty, large bitmap?", AT(0), 62 * PAGE, PAGE,
		 BITMAP_MAX, ADDR(bitmap)),
	GET_INTO("dirty, too large a bitmap?", AT(0), 62 * PAGE, PAGE,
		 BITMAP_MAX + 8, ADDR(bitmap)),
	GET_INTO("dirty, bitmap is the kernel's?", AT(0), 62 * PAGE, PAGE,
		 sizeof(bitmap), KERNEL_ADDR),
	GET_INTO("dirty, bitmap is not there?", AT(0), 62 * PAGE, PAGE,
		 sizeof(bitmap), PAGE_ADDR(NO_PAGE)),
	GET_INTO("dirty, bitmap is not needed?", AT(2000), 62 * PAGE, PAGE,
		 sizeof(bitmap), PAGE_ADDR(NO_PAGE)),
	GET_INTO("dirty, bitmap is read-only?", AT(0), 62 * PAGE, PAGE,
		 sizeof(bitmap), PAGE_ADDR(READABLE_PAGE)),
	MAP("map while tracking", MAPPED, PAGE_ADDR(500), AT(700), 2 * PAGE),
	PAGES_DIRTY("dirty since then?", GET, AT(690), 64 * PAGE),
	UNMAP("forget while tracking", FORGET, AT(700), 2 * PAGE),
	PAGES_DIRTY("dirty in the gap?", GET, AT(690), 64 * PAGE),
	UNMAP_DIRTY("unmap and dirty in the gap", 0, AT(700), 2 * PAGE),
	MAP("update what is unmapped with dirty", UPDATE, PAGE_ADDR(500),
	    AT(700), 2 * PAGE),
	MAP("map it again", MAPPED, PAGE_ADDR(500), AT(700), 2 * PAGE),

	UNMAP_("unmap, dirty, no bitmap", UNMAP_SIZE, DIRTY, AT(0), 62 * PAGE),
	UNMAP_("unmap, dirty, too short", 47, DIRTY, AT(0), 62 * PAGE),
	UNMAP_DIRTY("unmap, dirty, ends early", 0, AT(0), 62 * PAGE,
		    .how = ENDS, .number = 47),
	UNMAP_DIRTY("unmap, dirty, unknown flag", UNKNOWN, AT(0), 62 * PAGE),
	UNMAP_INTO("unmap, dirty, larger pages", AT(0), 62 * PAGE, 2 * PAGE,
		   sizeof(bitmap), ADDR(bitmap)),
	UNMAP_INTO("unmap, dirty, no bytes", AT(0), 62 * PAGE, PAGE,
		   0, ADDR(bitmap)),
	UNMAP_INTO("unmap, dirty, too small a bitmap", AT(6), 65 * PAGE, PAGE,
		   8, ADDR(bitmap)),
	UNMAP_INTO("unmap, dirty, too large a bitmap", AT(0), 62 * PAGE, PAGE,
		   BITMAP_MAX + 8, ADDR(bitmap)),
	UNMAP_INTO("unmap, dirty, bitmap is the kernel's", AT(0), 62 * PAGE, PAGE,
		   sizeof(bitmap), KERNEL_ADDR),
	UNMAP_INTO("unmap, dirty, bitmap is not there", AT(0), 62 * PAGE, PAGE,
		   sizeof(bitmap), PAGE_ADDR(NO_PAGE)),
	UNMAP_DIRTY("unmap, dirty, wraps", 0, -PAGE, 2 * PAGE, .wraps = true),
	UNMAP_TO("unmap, dirty, wraps, larger pages", sizeof(struct unmap_arg),
		 DIRTY, -PAGE, 2 * PAGE,
		 BITMAP(2 * PAGE, sizeof(bitmap), ADDR(bitmap)),
		 .wraps = true),
	UNMAP_INTO("unmap, dirty, wraps, no bytes", -PAGE, 2 * PAGE, PAGE, 0,
		   ADDR(bitmap)),
	UNMAP_DIRTY("unmap, dirty, wraps, beside a page", 0, -PAGE + 1,
		    2 * PAGE),
	UNMAP_DIRTY("unmap, dirty, beside a page", 0, AT(0) + 1, 62 * PAGE),
	UNMAP_DIRTY("unmap, dirty, no pages", 0, AT(0), 0),
	UNMAP_DIRTY("unmap, dirty, from inside", 0, AT(4), 58 * PAGE,
		    .v2_only = true),
	UNMAP_DIRTY("unmap, dirty, to inside", 0, AT(0), 64 * PAGE,
		    .v2_only = true),
	UNMAP_DIRTY("unmap, dirty, where nothing is", 0, AT(2000), 64 * PAGE),
	UNMAP_DIRTY("unmap, dirty", 0, AT(0), 62 * PAGE),
	UNMAP_DIRTY("unmap, dirty, again", 0, AT(0), 62 * PAGE),
	UNMAP_DIRTY("unmap, dirty, over two words", 0, AT(60), 100 * PAGE,
		    .v2_only = true),
	UNMAP_DIRTY("unmap, dirty, all", 0, AT(40), 1024 * PAGE),
	PAGES_DIRTY("dirty, after unmap?", GET, AT(0), 1024 * PAGE),
	MAP("map, to stop", MAPPED, PAGE_ADDR(0), AT(0), PAGE),
	PAGES_DIRTY("stop", STOP, 0, 0),
	PAGES_DIRTY("stop again", STOP, 0, 0),
	PAGES_DIRTY("dirty, stopped?", GET, AT(0), 64 * PAGE),
	UNMAP_DIRTY("unmap, dirty, stopped", 0, AT(0), 64 * PAGE),
	UNMAP("unmap at last", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0),
};

#define LIMIT	8UL		/* pages that may be locked */

/* Over RLIMIT_MEMLOCK without CAP_IPC_LOCK, both return .rc and pin .pinned. */
static const struct step limited_calls[] = {
	MAP("map more than the limit", MAPPED, PAGE_ADDR(0), AT(0),
	    (LIMIT + 1) * PAGE, .rc = -ENOMEM),
	MAP("map much more", MAPPED, PAGE_ADDR(0), AT(0), 512 * PAGE,
	    .rc = -ENOMEM),
	MAP("map as much as that", MAPPED, PAGE_ADDR(0), AT(0), LIMIT * PAGE,
	    .pinned = LIMIT),
	MAP("map a page more", MAPPED, PAGE_ADDR(LIMIT), AT(LIMIT), PAGE,
	    .rc = -ENOMEM),
	MAP("map a page again", MAPPED, PAGE_ADDR(0), AT(LIMIT), PAGE,
	    .rc = -ENOMEM),
	MAP("map a page more for reading", VFIO_DMA_MAP_FLAG_READ,
	    PAGE_ADDR(LIMIT), AT(LIMIT), PAGE, .rc = -ENOMEM),
	MAP("map what is taken", MAPPED, PAGE_ADDR(LIMIT), AT(0), PAGE,
	    .rc = -EEXIST),
	UNMAP("unmap where what failed would be", 0, AT(LIMIT), 512 * PAGE),
	UNMAP("unmap all of it", 0, AT(0), LIMIT * PAGE, .pinned = -(long)LIMIT),
	MAP("map all but a page", MAPPED, PAGE_ADDR(0), AT(0),
	    (LIMIT - 1) * PAGE, .pinned = LIMIT - 1),
	MAP("map two pages", MAPPED, PAGE_ADDR(LIMIT), AT(LIMIT), 2 * PAGE,
	    .rc = -ENOMEM),
	MAP("map the last page", MAPPED, PAGE_ADDR(LIMIT), AT(LIMIT), PAGE,
	    .pinned = 1),
	UNMAP("unmap everything", VFIO_DMA_UNMAP_FLAG_ALL, 0, 0,
	      .pinned = -(long)LIMIT),
};

#define STEPS	(ARRAY_LEN(first_calls) + ARRAY_LEN(calls))

/* The result of a step */
struct result {
	int rc;
	long pinned;
	union arg arg;
	__u64 bitmap[ARRAY_LEN(bitmap)];
};

static struct result stock[STEPS], ours[STEPS];
static struct result stock_limited[ARRAY_LEN(limited_calls)];
static struct result ours_limited[ARRAY_LEN(limited_calls)];

/*
 * Where a mapping's first page is not the first of a word, type1 shifts its
 * bits and does not clear them all afterwards.  STOP and START clear them, so
 * that type1 reports the mapped pages only.
 */
static void start_again(int fd)
{
	struct dirty_arg arg = { .argsz = 8, .flags = STOP };

	ioctl(fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
	arg.flags = START;
	ioctl(fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

static void make_call(const struct step *step, int fd, struct result *result)
{
	union arg *arg = &result->arg;
	long before = pinned();
	void *p = arg;

	/* VFIO wants zeros here, and type1 keeps some bits that are set */
	memset(bitmap, 0, sizeof(bitmap));
	*arg = step->arg;
	if (step->how == NUMBER)
		p = (void *)step->number;
	else if (step->how == READ_ONLY)
		p = read_only(arg, sizeof(*arg));
	else if (step->how == ENDS)
		p = cut_off(arg, step->number);
	result->rc = ioctl(fd, step->request, p);
	if (result->rc < 0)
		result->rc = -errno;
	result->pinned = pinned() - before;
	memcpy(result->bitmap, bitmap, sizeof(bitmap));
}

static void make_calls(int fd, int type, struct result *result,
		       int *set_iommu)
{
	const struct step *step;
	bool started = false;

	for (step = first_calls; step < &first_calls[ARRAY_LEN(first_calls)];
	     step++)
		make_call(step, fd, result++);
	*set_iommu = call(fd, VFIO_SET_IOMMU, (void *)(unsigned long)type);
	for (step = calls; step < &calls[ARRAY_LEN(calls)]; step++, result++) {
		if (type == VFIO_TYPE1_IOMMU && step->v2_only)
			continue;
		if (started)
			start_again(fd);
		make_call(step, fd, result);
		if (step->request == VFIO_IOMMU_DIRTY_PAGES && !result->rc)
			started = (started && step->arg.dirty.flags != STOP) ||
				  step->arg.dirty.flags == START;
	}
}

static int make_limited_calls(int fd, int type, struct result *result)
{
	const struct rlimit limit = { LIMIT * PAGE, RLIM_INFINITY };
	unsigned int i;
	int rc;

	rc = call(fd, VFIO_SET_IOMMU, (void *)(unsigned long)type);
	if (!rc)
		rc = setrlimit(RLIMIT_MEMLOCK, &limit) ? -errno : 0;
	if (!rc)
		rc = set_capability(CAP_IPC_LOCK, false);
	if (rc)
		return rc;
	for (i = 0; i < ARRAY_LEN(limited_calls); i++)
		make_call(&limited_calls[i], fd, result++);
	return set_capability(CAP_IPC_LOCK, true);
}

/* Add the group of a device to a container; returns it or -errno */
static int open_container(const char *bdf, int *group)
{
	char path[256], link[256];
	int container, rc;
	ssize_t n;

	rc = pci_bind(bdf, "vfio-pci");
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group",
		 bdf);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio%s", strrchr(link, '/'));
	*group = open(path, O_RDWR | O_CLOEXEC);
	if (*group < 0)
		return -errno;
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container < 0)
		return -errno;
	rc = call(*group, VFIO_GROUP_SET_CONTAINER, &container);
	return rc ? rc : container;
}

/* What is compared with type1 */
enum target {
	DEV_IOMMU,
	BACKEND,
};

/* Attach a device to a compatibility IOAS; returns /dev/iommu or -errno */
static int open_iommu(const char *bdf, int *dev)
{
	struct iommu_vfio_ioas vfio_ioas = {
		.size = sizeof(vfio_ioas),
		.op = IOMMU_VFIO_IOAS_SET,
	};
	int fd = iommu_open(), rc;
	__u32 dev_id;

	if (fd < 0)
		return fd;
	rc = ioas_alloc(fd, &vfio_ioas.ioas_id);
	if (!rc)
		rc = call(fd, IOMMU_VFIO_IOAS, &vfio_ioas);
	if (rc)
		return rc;
	*dev = vfio_open_bound(bdf, fd, &dev_id);
	if (*dev < 0)
		return *dev;
	rc = vfio_attach(*dev, vfio_ioas.ioas_id, NULL);
	return rc ? rc : fd;
}

/*
 * The VFIO core asks the backend that was loaded last first.  *file: the file
 * that goes with the one returned: of the device, or of the group.
 */
static int open_target(enum target target, const char *bdf, int *file)
{
	int rc;

	if (target == DEV_IOMMU)
		return open_iommu(bdf, file);
	rc = module_load(BACKEND_MODULE);
	return rc ? rc : open_container(bdf, file);
}

/* The capability with this ID, NULL without one */
static const void *capability(const union arg *arg, __u16 id)
{
	const struct vfio_info_cap_header *header;
	__u32 offset = arg->info.cap_offset;

	while (offset && offset + sizeof(*header) <= sizeof(*arg)) {
		header = (const void *)&arg->bytes[offset];
		if (header->id == id)
			return header;
		offset = header->next;
	}
	return NULL;
}

static bool same_capability(const union arg *a, const union arg *b, __u16 id,
			    size_t length)
{
	const unsigned char *cap_a = capability(a, id);
	const unsigned char *cap_b = capability(b, id);
	size_t skip = sizeof(struct vfio_info_cap_header);

	if (!cap_a || !cap_b)
		return cap_a == cap_b;
	/* The offset of the next one differs: /dev/iommu aligns them */
	return !memcmp(cap_a, cap_b,
		       offsetof(struct vfio_info_cap_header, next)) &&
	       !memcmp(cap_a + skip, cap_b + skip, length - skip);
}

static bool same_info(const union arg *a, const union arg *b, __u32 argsz)
{
	const struct vfio_iommu_type1_info_cap_iova_range *ranges =
		capability(a, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);

	bool a_fits = a->info.argsz <= argsz, b_fits = b->info.argsz <= argsz;

	if (a_fits != b_fits || a->info.flags != b->info.flags ||
	    a->info.iova_pgsizes != b->info.iova_pgsizes ||
	    a->info.cap_offset != b->info.cap_offset)
		return false;
	return same_capability(a, b, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
			       sizeof(struct
				      vfio_iommu_type1_info_cap_migration)) &&
	       same_capability(a, b, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL,
			       sizeof(struct
				      vfio_iommu_type1_info_dma_avail)) &&
	       same_capability(a, b, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
			       sizeof(*ranges) +
			       (ranges ? ranges->nr_iovas : 0) *
			       sizeof(struct vfio_iova_range));
}

static bool same_arg(const struct step *step, const struct result *a,
		     const struct result *b)
{
	if (step->request == VFIO_IOMMU_GET_INFO && !a->rc)
		return same_info(&a->arg, &b->arg, step->arg.info.argsz);
	return !memcmp(&a->arg, &b->arg, sizeof(a->arg));
}

FIXTURE(type1)
{
};

FIXTURE_VARIANT(type1)
{
	int type;
	enum target target;
};

FIXTURE_VARIANT_ADD(type1, v1)
{
	.type = VFIO_TYPE1_IOMMU,
	.target = DEV_IOMMU,
};

FIXTURE_VARIANT_ADD(type1, v2)
{
	.type = VFIO_TYPE1v2_IOMMU,
	.target = DEV_IOMMU,
};

FIXTURE_VARIANT_ADD(type1, v1_backend)
{
	.type = VFIO_TYPE1_IOMMU,
	.target = BACKEND,
};

FIXTURE_VARIANT_ADD(type1, v2_backend)
{
	.type = VFIO_TYPE1v2_IOMMU,
	.target = BACKEND,
};

/* The most mappings of a container: as many as in type1, or the default */
#define MAX_MAPPINGS	"/sys/module/iommufd/parameters/max_mappings"

FIXTURE_SETUP(type1)
{
	char *memory = mmap((void *)MEMORY, PAGES * PAGE,
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			    -1, 0);

	ASSERT_EQ((void *)MEMORY, memory);
	memset(memory, 'm', PAGES * PAGE);
	ASSERT_EQ(0, mprotect(&memory[READABLE_PAGE * PAGE], PAGE, PROT_READ));
	ASSERT_EQ(0, mprotect(&memory[NO_PAGE * PAGE], PAGE, PROT_NONE));
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(0, module_unload(BACKEND_MODULE));
	ASSERT_EQ(0, write_file(MAX_MAPPINGS, "65535"));
}

FIXTURE_TEARDOWN(type1)
{
	EXPECT_EQ(0, write_file(MAX_MAPPINGS, "1048576"));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
}

/* Which backend serves the container that is open? */
#define EXPECT_SERVED_BY(type1, backend)				\
do {									\
	EXPECT_EQ(type1, module_users("vfio_iommu_type1"));		\
	if (variant->target == BACKEND)					\
		EXPECT_EQ(backend, module_users("vfio_iommu_iommufd"));	\
} while (0)

TEST_F_TIMEOUT(type1, same_as_the_container, 120)
{
	int fd, file, set_iommu;
	unsigned int i;

	fd = open_container(EDU, &file);
	ASSERT_LE(0, fd);
	make_calls(fd, variant->type, stock, &set_iommu);
	ASSERT_EQ(0, set_iommu);
	EXPECT_EQ(1, module_users("vfio_iommu_type1"));
	close(file);
	close(fd);

	fd = open_target(variant->target, EDU, &file);
	ASSERT_LE(0, fd);
	make_calls(fd, variant->type, ours, &set_iommu);
	ASSERT_EQ(0, set_iommu);
	EXPECT_SERVED_BY(0, 1);
	close(file);
	close(fd);
	EXPECT_SERVED_BY(0, 0);

	for (i = 0; i < STEPS; i++) {
		const struct step *step = i < ARRAY_LEN(first_calls) ?
			&first_calls[i] : &calls[i - ARRAY_LEN(first_calls)];

		if (step->differs && variant->target == DEV_IOMMU) {
			EXPECT_EQ(step->not_in_7 && !kernel_before(7, 0, 0) ?
				  0 : step->type1_rc, stock[i].rc)
				TH_LOG("%s", step->what);
			EXPECT_EQ(step->rc, ours[i].rc)
				TH_LOG("%s", step->what);
			EXPECT_EQ(0, stock[i].pinned)
				TH_LOG("%s", step->what);
			EXPECT_EQ(step->pinned, ours[i].pinned)
				TH_LOG("%s", step->what);
			continue;
		}
		/* -EACCES: VFIO_TYPE1_IOMMU does not track dirty pages */
		if (step->wraps && variant->target == DEV_IOMMU &&
		    stock[i].rc != -EACCES) {
			EXPECT_EQ(type1_wrap_errno(), stock[i].rc)
				TH_LOG("%s", step->what);
			stock[i].rc = -EINVAL;
		}
		EXPECT_EQ(stock[i].rc, ours[i].rc)
			TH_LOG("%s", step->what);
		EXPECT_EQ(stock[i].pinned, ours[i].pinned)
			TH_LOG("%s", step->what);
		EXPECT_TRUE(same_arg(step, &stock[i], &ours[i]))
			TH_LOG("%s", step->what);
		EXPECT_EQ(0, memcmp(stock[i].bitmap, ours[i].bitmap,
				    sizeof(bitmap)))
			TH_LOG("%s", step->what);
	}
}

TEST_F(type1, same_over_the_limit)
{
	unsigned int i;
	int fd, file;

	fd = open_container(EDU, &file);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, make_limited_calls(fd, variant->type,
					stock_limited));
	close(file);
	close(fd);

	fd = open_target(variant->target, EDU, &file);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, make_limited_calls(fd, variant->type,
					ours_limited));
	EXPECT_SERVED_BY(0, 1);
	close(file);
	close(fd);

	for (i = 0; i < ARRAY_LEN(limited_calls); i++) {
		const struct step *step = &limited_calls[i];
		const struct result *a = &stock_limited[i];
		const struct result *b = &ours_limited[i];

		EXPECT_EQ(step->rc, a->rc) TH_LOG("type1: %s", step->what);
		EXPECT_EQ(step->rc, b->rc) TH_LOG("%s", step->what);
		EXPECT_EQ(step->pinned, a->pinned)
			TH_LOG("type1: %s", step->what);
		EXPECT_EQ(step->pinned, b->pinned) TH_LOG("%s", step->what);
		EXPECT_TRUE(same_arg(step, a, b)) TH_LOG("%s", step->what);
	}
}

TEST_HARNESS_MAIN

/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * IOMMU_TEST_CMD on /dev/iommu, an ioctl of the module iommufd_mock: it makes
 * mock devices behind a mock IOMMU, and shows tests what the driver does to
 * them.
 *
 * The header is for tests only, so it is not installed with those in uapi/.
 */
#ifndef IOMMUFD_TEST_H
#define IOMMUFD_TEST_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* iommu_test_cmd.op; EOPNOTSUPP for any other value */
enum {
	IOMMU_TEST_OP_ADD_RESERVED = 1,
	IOMMU_TEST_OP_MOCK_DOMAIN = 2,
	IOMMU_TEST_OP_MD_CHECK_MAP = 3,
	IOMMU_TEST_OP_MD_CHECK_REFS = 4,
	IOMMU_TEST_OP_CREATE_ACCESS = 5,
	IOMMU_TEST_OP_DESTROY_ACCESS_PAGES = 6,
	IOMMU_TEST_OP_ACCESS_PAGES = 7,
	IOMMU_TEST_OP_ACCESS_RW = 8,
	IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT = 9,
	IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE = 10,
	IOMMU_TEST_OP_ACCESS_REPLACE_IOAS = 11,
	IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS = 12,
	IOMMU_TEST_OP_DIRTY = 13,
	IOMMU_TEST_OP_TRIGGER_IOPF = 15,
	IOMMU_TEST_OP_PASID_ATTACH = 18,
	IOMMU_TEST_OP_PASID_REPLACE = 19,
	IOMMU_TEST_OP_PASID_DETACH = 20,
	IOMMU_TEST_OP_PASID_CHECK_HWPT = 21,
	IOMMU_TEST_OP_MD_CHECK_IOTLB = 14,
	IOMMU_TEST_OP_DEV_CHECK_CACHE = 16,
	IOMMU_TEST_OP_TRIGGER_VEVENT = 17,
	IOMMU_TEST_OP_DMABUF_GET = 22,
	IOMMU_TEST_OP_DMABUF_REVOKE = 23,

	/* Of this driver only */
	IOMMU_TEST_OP_CREATE_MMIO = 64,
	IOMMU_TEST_OP_MMIO_SET = 65,
	IOMMU_TEST_OP_MD_CHECK_MMIO = 66,
	IOMMU_TEST_OP_ACCESS_ATTACH = 67,
	IOMMU_TEST_OP_IMPORT = 68,
	IOMMU_TEST_OP_IMPORT_USE = 69,
	IOMMU_TEST_OP_TRIGGER_FAULTS = 70,
	IOMMU_TEST_OP_MOCK_MATE = 71,
};

/* The largest number of bytes of a region of MMIO */
#define MOCK_MMIO_MAX_LENGTH	(4UL << 20)

/* The largest number of pages of a group of page faults */
#define MOCK_MAX_FAULTS		512

/* iommu_test_cmd.import.flags: what kind of importer it is */
enum {
	MOCK_IMPORT_NO_PEER = 1 << 0,	/* cannot reach other devices */
	MOCK_IMPORT_STATIC = 1 << 1,	/* cannot let go when it is told to */
	MOCK_IMPORT_PINNED = 1 << 2,	/* pins what it maps */
};

/* iommu_test_cmd.import_use.how */
enum {
	MOCK_IMPORT_LOOK = 0,
	MOCK_IMPORT_MAP = 1,
	MOCK_IMPORT_UNMAP = 2,
};

/*
 * The aperture of the mock IOMMU, with MOCK_APERTURE_LAST, its smallest page,
 * and its huge page where it has only one
 */
enum {
	MOCK_APERTURE_START = 1UL << 24,
	MOCK_APERTURE_LAST = (1UL << 31) - 1,
	MOCK_PAGE_SIZE = 2048,
	MOCK_HUGE_PAGE_SIZE = 512 * MOCK_PAGE_SIZE,
};

/* IOMMU_HWPT_ALLOC with this data type takes struct iommu_hwpt_selftest */
#define IOMMU_HWPT_DATA_SELFTEST 0xdead

/* iommu_hwpt_selftest.pagetable_type */
enum {
	MOCK_IOMMUPT_DEFAULT = 0,
	MOCK_IOMMUPT_HUGE = 1,
};

/**
 * struct iommu_hwpt_selftest - The kind of a page table of the mock IOMMU
 * @iotlb: Value of all entries of the IOTLB of a nested page table; else
 *	ignored.
 * @pagetable_type: MOCK_IOMMUPT_DEFAULT: its pages are of each power of two
 *	from MOCK_PAGE_SIZE on.  MOCK_IOMMUPT_HUGE: they are as large as the
 *	CPU's or of MOCK_HUGE_PAGE_SIZE, at any IOVA.  Ignored for a nested page
 *	table.
 */
struct iommu_hwpt_selftest {
	__u32 iotlb;
	__u32 pagetable_type;
};

/* Entries of the IOTLB of a nested page table */
enum {
	MOCK_NESTED_DOMAIN_IOTLB_ID_MAX = 3,
	MOCK_NESTED_DOMAIN_IOTLB_NUM = 4,
};

/* What tests have in the IOTLB of a nested page table */
#define IOMMU_TEST_IOTLB_DEFAULT 0xbadbeef

/*
 * IOMMU_HWPT_INVALIDATE of a nested page table with the first data type takes
 * struct iommu_hwpt_invalidate_selftest; the second one is never known.
 */
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST 0xdeadbeef
#define IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID 0xdadbeef

/* Flags of iommu_hwpt_invalidate_selftest and of its like for vIOMMUs */
enum {
	IOMMU_TEST_INVALIDATE_FLAG_ALL = 1 << 0,
};

/**
 * struct iommu_hwpt_invalidate_selftest - Set entries of an IOTLB to 0
 * @flags: IOMMU_TEST_INVALIDATE_FLAG_ALL: all entries; EOPNOTSUPP for any other
 * @iotlb_id: The entry, at most MOCK_NESTED_DOMAIN_IOTLB_ID_MAX
 */
struct iommu_hwpt_invalidate_selftest {
	__u32 flags;
	__u32 iotlb_id;
};

/* Entries of the cache of a mock device, and what each is at first */
enum {
	MOCK_DEV_CACHE_ID_MAX = 3,
	MOCK_DEV_CACHE_NUM = 4,
};

#define IOMMU_TEST_DEV_CACHE_DEFAULT 0xbaddad

/* IOMMU_VIOMMU_ALLOC of this type may take struct iommu_viommu_selftest */
#define IOMMU_VIOMMU_TYPE_SELFTEST 0xdeadbeef

/**
 * struct iommu_viommu_selftest - A virtual IOMMU of the mock IOMMU
 * @in_data: Any number
 * @out_data: Set to @in_data
 * @out_mmap_offset: Where mmap() of /dev/iommu finds struct mock_viommu_regs
 * @out_mmap_length: Number of bytes there
 */
struct iommu_viommu_selftest {
	__u32 in_data;
	__u32 out_data;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_mmap_length;
};

/* IOMMU_HW_QUEUE_ALLOC of this type; a queue needs the one before it */
#define IOMMU_HW_QUEUE_TYPE_SELFTEST 0xdeadbeef
#define IOMMU_TEST_HW_QUEUE_MAX 2

/**
 * struct mock_viommu_regs - What is mapped of a virtual IOMMU, in two pages
 * @in_data: As struct iommu_viommu_selftest has it
 * @__reserved: 0
 * @queues: Physical address and length of each queue, 0 without
 */
struct mock_viommu_regs {
	__u32 in_data;
	__u32 __reserved;
	struct {
		__aligned_u64 phys;
		__aligned_u64 length;
	} queues[IOMMU_TEST_HW_QUEUE_MAX];
};

/*
 * IOMMU_HWPT_INVALIDATE of a virtual IOMMU with the first data type takes struct
 * iommu_viommu_invalidate_selftest; the second one is never known.
 */
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST 0xdeadbeef
#define IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID 0xdadbeef

/**
 * struct iommu_viommu_invalidate_selftest - Set entries of a cache to 0
 * @flags: IOMMU_TEST_INVALIDATE_FLAG_ALL: all entries; EOPNOTSUPP for any other
 * @vdev_id: Virtual ID of the device that has the cache
 * @cache_id: The entry, at most MOCK_DEV_CACHE_ID_MAX
 */
struct iommu_viommu_invalidate_selftest {
	__u32 flags;
	__u32 vdev_id;
	__u32 cache_id;
};

/* The type of events of virtual IOMMUs of the mock IOMMU */
#define IOMMU_VEVENTQ_TYPE_SELFTEST 0xbeefbeef

/**
 * struct iommu_viommu_event_selftest - An event of such a virtual IOMMU
 * @virt_id: Virtual ID of the device, as of its attach
 */
struct iommu_viommu_event_selftest {
	__u32 virt_id;
};

/* The type that IOMMU_GET_HW_INFO returns for a mock device */
#define IOMMU_HW_INFO_TYPE_SELFTEST 0xfeedbeef
#define IOMMU_HW_INFO_SELFTEST_REGVAL 0xdeadbeef

/**
 * struct iommu_test_hw_info - The information about the mock IOMMU
 * @flags: 0
 * @test_reg: IOMMU_HW_INFO_SELFTEST_REGVAL
 */
struct iommu_test_hw_info {
	__u32 flags;
	__u32 test_reg;
};

/* mock_domain_flags.dev_flags */
enum {
	MOCK_FLAGS_DEVICE_NO_DIRTY = 1 << 0,
	MOCK_FLAGS_DEVICE_PASID = 1 << 2,

	/* Of this driver only: interrupts of the device are not isolated */
	MOCK_FLAGS_DEVICE_UNSAFE_MSI = 1 << 16,
	/* The window of MOCK_MSI_WINDOW is reserved for MSI doorbells... */
	MOCK_FLAGS_DEVICE_SW_MSI = 1 << 17,
	/* ...or that of MOCK_OTHER_MSI_WINDOW */
	MOCK_FLAGS_DEVICE_OTHER_SW_MSI = 1 << 18,
	/* All DMA of the device can be snooped */
	MOCK_FLAGS_DEVICE_SNOOP = 1 << 19,
	/* An IOMMU that cannot walk page tables of others */
	MOCK_FLAGS_DEVICE_OTHER_IOMMU = 1 << 20,
	/* An IOMMU that does not snoop when it walks page tables */
	MOCK_FLAGS_DEVICE_INCOHERENT_WALK = 1 << 21,
	/* DMA of the device is not coherent with the CPU's caches */
	MOCK_FLAGS_DEVICE_INCOHERENT = 1 << 22,
	/* An IOMMU that has pages of the smallest size only */
	MOCK_FLAGS_DEVICE_SMALL_PAGES = 1 << 23,
	/* An IOMMU whose aperture ends with MOCK_APERTURE_LAST_39 */
	MOCK_FLAGS_DEVICE_39_BITS = 1 << 24,
	/* DMA bears the ID of another device, and the kernel forgets that */
	MOCK_FLAGS_DEVICE_ALIAS = 1 << 25,
	/* An IOMMU that has MOCK_PAGE_SIZE and MOCK_HUGE_PAGE_SIZE only */
	MOCK_FLAGS_DEVICE_TWO_SIZES = 1 << 26,
	/* An IOMMU that takes the time of slow_unmap_ns to unmap a page */
	MOCK_FLAGS_DEVICE_SLOW_UNMAP = 1 << 27,
};

#define MOCK_APERTURE_LAST_39	((1ULL << 39) - 1)

/* First IOVA of windows for MSI doorbells, and their number of bytes */
#define MOCK_MSI_WINDOW		0x8000000UL
#define MOCK_OTHER_MSI_WINDOW	0xa000000UL
#define MOCK_MSI_WINDOW_LENGTH	0x100000UL

/* Number of bits of a PASID, for a device with MOCK_FLAGS_DEVICE_PASID */
#define MOCK_PASID_WIDTH 20

/*
 * If a page table is attached to this PASID twice, without a detach in between,
 * the second time fails with ENOMEM.
 */
#define IOMMU_TEST_PASID_RESERVED 1024

/* create_access.flags */
enum {
	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES = 1 << 0,

	/* Of this driver only: user addresses may change */
	MOCK_FLAGS_ACCESS_CREATE_UADDRS_MAY_CHANGE = 1 << 16,
};

/* access_pages.flags */
enum {
	MOCK_FLAGS_ACCESS_WRITE = 1 << 0,
	MOCK_FLAGS_ACCESS_SYZ = 1 << 16,	/* not supported */
};

/* access_rw.flags */
enum {
	MOCK_ACCESS_RW_WRITE = 1 << 0,
	MOCK_ACCESS_RW_SLOW_PATH = 1 << 2,
};

/* dirty.flags */
enum {
	/* Of this driver only: count only bits where a page is mapped */
	MOCK_DIRTY_COUNT_MAPPED = 1 << 16,
};

/**
 * struct iommu_test_cmd - ioctl(IOMMU_TEST_CMD)
 * @size: sizeof(struct iommu_test_cmd)
 * @op: IOMMU_TEST_OP_*
 * @id: The object that the operation is for
 * @__reserved: Must be 0
 * @add_reserved: Reserve IOVA in the IOAS @id
 * @add_reserved.start: First IOVA
 * @add_reserved.length: Number of bytes
 * @mock_domain: Make a mock device and attach it to @id, an IOAS or a HWPT
 * @mock_domain.out_stdev_id: ID of the test object that holds the device;
 *	destroying it detaches, unbinds and frees the device
 * @mock_domain.out_hwpt_id: ID of the HWPT
 * @mock_domain.out_idev_id: ID of the device
 * @mock_domain_flags: As @mock_domain, with flags for the mock device
 * @mock_domain_flags.out_stdev_id: As @mock_domain.out_stdev_id
 * @mock_domain_flags.out_hwpt_id: As @mock_domain.out_hwpt_id
 * @mock_domain_flags.out_idev_id: As @mock_domain.out_idev_id
 * @mock_domain_flags.dev_flags: MOCK_FLAGS_DEVICE_*
 * @mock_domain_replace: Replace the page table of the device of test object @id
 * @mock_domain_replace.pt_id: ID of an IOAS or a HWPT; set to the ID of the
 *	HWPT
 * @check_map: Check that HWPT @id maps the memory of a user range, else EINVAL
 * @check_map.iova: First IOVA
 * @check_map.length: Number of bytes
 * @check_map.uptr: First user address
 * @check_refs: Check the number of pins of each page of a user range, else EIO
 * @check_refs.length: Number of bytes
 * @check_refs.uptr: First user address
 * @check_refs.refs: Number of pins
 * @create_access: Make a software device that is attached to the IOAS @id
 * @create_access.out_access_fd: File descriptor; its close destroys the device.
 *	It is the @id of the operations on the device, which fail with EBADFD
 *	for any other
 * @create_access.flags: MOCK_FLAGS_ACCESS_CREATE_*
 * @destroy_access_pages: Unpin the pages of an item of software device @id
 * @destroy_access_pages.access_pages_id: ID of the item; ENOENT if there is
 *	none
 * @access_pages: Pin pages by software device @id and make an item of them;
 *	EBADE unless they are the memory of a user range.  An unmap destroys the
 *	item
 * @access_pages.flags: MOCK_FLAGS_ACCESS_*
 * @access_pages.out_access_pages_id: ID of the item; the first is 1
 * @access_pages.iova: First IOVA
 * @access_pages.length: Number of bytes, at most 16 MiB
 * @access_pages.uptr: First user address
 * @access_rw: Copy between IOVA of software device @id and a user range
 * @access_rw.iova: First IOVA
 * @access_rw.length: Number of bytes, at most 16 MiB
 * @access_rw.uptr: First user address
 * @access_rw.flags: MOCK_ACCESS_RW_WRITE: write to the IOVA.
 *	MOCK_ACCESS_RW_SLOW_PATH: copy as a kernel thread would
 * @access_replace_ioas: Attach software device @id to another IOAS
 * @access_replace_ioas.ioas_id: ID of the IOAS
 * @memory_limit: Limit the scratch memory of the driver, for all contexts
 * @memory_limit.limit: Number of bytes, at least 12
 * @dirty: Mark pages dirty that are mapped in HWPT @id, which tracks dirty
 *	pages, else EINVAL
 * @dirty.flags: MOCK_DIRTY_COUNT_MAPPED, or 0
 * @dirty.iova: First IOVA, a multiple of @dirty.page_size
 * @dirty.length: Number of bytes, a multiple of @dirty.page_size, not 0
 * @dirty.page_size: Number of bytes for each bit, a power of two, at least
 *	MOCK_PAGE_SIZE
 * @dirty.uptr: User address of a bitmap of the pages to mark
 * @dirty.out_nr_dirty: Number of bits that are set
 * @trigger_iopf: Raise a page fault, which is queued before this returns.  The
 *	mock answers it INVALID if nobody gets it
 * @trigger_iopf.dev_id: ID of the device, which is a mock device, else EINVAL
 * @trigger_iopf.pasid: PASID, 0 for none
 * @trigger_iopf.grpid: Number of the group
 * @trigger_iopf.perm: Of enum iommu_hwpt_pgfault_perm
 * @trigger_iopf.addr: Address of the page
 * @pasid_attach: Attach a PASID of the device of test object @id, which has
 *	MOCK_FLAGS_DEVICE_PASID
 * @pasid_attach.pasid: The PASID
 * @pasid_attach.pt_id: ID of a HWPT made with IOMMU_HWPT_ALLOC_PASID; set to
 *	the ID of the HWPT
 * @pasid_replace: Replace the page table of a PASID of the device of test object
 *	@id
 * @pasid_replace.pasid: The PASID
 * @pasid_replace.pt_id: As @pasid_attach.pt_id
 * @pasid_detach: Detach a PASID of the device of test object @id, if it is
 *	attached
 * @pasid_detach.pasid: The PASID
 * @pasid_check: Check which page table a PASID of the device of test object @id
 *	is attached to, else EINVAL
 * @pasid_check.pasid: The PASID
 * @pasid_check.hwpt_id: ID of the HWPT, 0 for none
 * @check_iotlb: Check an entry of the IOTLB of the nested HWPT @id, else EINVAL
 * @check_iotlb.id: The entry
 * @check_iotlb.iotlb: The value that it has to have
 * @check_dev_cache: Check an entry of the cache of mock device @id, else EINVAL
 * @check_dev_cache.id: The entry
 * @check_dev_cache.cache: The value that it has to have
 * @trigger_vevent: Report an event of a virtual IOMMU; EOPNOTSUPP if no queue is
 *	for it
 * @trigger_vevent.dev_id: A mock device that is attached to what is nested by
 *	way of the virtual IOMMU, and has a virtual ID other than 0; else ENOENT
 * @dmabuf_get: Make a dma-buf, whose file descriptor the ioctl returns
 * @dmabuf_get.length: Number of bytes, which is rounded up to pages, at most 512
 *	of them
 * @dmabuf_get.open_flags: O_CLOEXEC, O_RDWR and so on
 * @dmabuf_revoke: Take a dma-buf of the mock out of all page tables, for good:
 *	it has to be unmapped, and mapped anew; EOPNOTSUPP for another dma-buf
 * @dmabuf_revoke.dmabuf_fd: File descriptor of the dma-buf
 * @dmabuf_revoke.revoked: 1: it cannot be mapped; 0: it can
 * @create_mmio: Make a region of MMIO, which any context may map, not reachable
 * @create_mmio.length: Number of bytes, a multiple of the page size, at most
 *	MOCK_MMIO_MAX_LENGTH
 * @create_mmio.out_fd: File descriptor for mmap(); its close destroys the
 *	region
 * @mmio_set: Revoke or restore the region whose file descriptor is @id, else
 *	EBADFD
 * @mmio_set.reachable: 1: restore the region; 0: revoke it
 * @check_mmio: Check that HWPT @id maps a range of a region, or of a dma-buf of
 *	the mock, as MMIO; ENOENT if nothing is mapped there, EINVAL if anything
 *	else is
 * @check_mmio.iova: First IOVA
 * @check_mmio.length: Number of bytes
 * @check_mmio.offset: Offset of the first byte in the region or dma-buf
 * @check_mmio.fd: File descriptor of the region or dma-buf, else EBADFD
 * @check_mmio.write: The mapping is for writing and reading; 0: for reading
 * @access_attach: Attach software device @id, which is detached, or detach it
 * @access_attach.ioas_id: ID of the IOAS
 * @access_attach.detach: 1: detach the device; 0: attach it
 * @import: Attach a PCI device to the dma-buf whose file descriptor is @id;
 *	ENODEV if there is no such device, EBUSY if it has a driver
 * @import.bdf: Domain << 16 | bus << 8 | device << 3 | function
 * @import.flags: MOCK_IMPORT_NO_PEER, MOCK_IMPORT_STATIC, MOCK_IMPORT_PINNED
 * @import.delay_ms: Let go so long after the exporter has taken the dma-buf away
 * @import.out_fd: File descriptor, whose close detaches the device
 * @import_use: Map, unmap or look at the import whose file descriptor is @id,
 *	else EBADFD; EBUSY if it is mapped already
 * @import_use.how: MOCK_IMPORT_LOOK, MOCK_IMPORT_MAP or MOCK_IMPORT_UNMAP
 * @import_use.out_notified: How often the exporter has told of a change
 * @import_use.out_addr: DMA address of the first byte
 * @import_use.out_length: Number of bytes mapped, 0 if it is not mapped
 * @trigger_faults: As @trigger_iopf, for a group of several pages to be read
 * @trigger_faults.dev_id: As @trigger_iopf.dev_id
 * @trigger_faults.grpid: As @trigger_iopf.grpid
 * @trigger_faults.npages: Number of pages, 1 to MOCK_MAX_FAULTS
 * @trigger_faults.addr: Address of the first page
 * @mock_mate: As @mock_domain, for a device in the IOMMU group of that of test
 *	object @id, with the same flags
 * @mock_mate.out_stdev_id: As @mock_domain.out_stdev_id
 * @mock_mate.out_hwpt_id: As @mock_domain.out_hwpt_id
 * @mock_mate.out_idev_id: As @mock_domain.out_idev_id
 * @mock_mate.pt_id: What it is attached to: an IOAS or a HWPT
 * @last: Unused
 */
struct iommu_test_cmd {
	__u32 size;
	__u32 op;
	__u32 id;
	__u32 __reserved;
	union {
		struct {
			__aligned_u64 start;
			__aligned_u64 length;
		} add_reserved;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
		} mock_domain;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 dev_flags;
		} mock_domain_flags;
		struct {
			__u32 pt_id;
		} mock_domain_replace;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} check_map;
		struct {
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 refs;
		} check_refs;
		struct {
			__u32 out_access_fd;
			__u32 flags;
		} create_access;
		struct {
			__u32 access_pages_id;
		} destroy_access_pages;
		struct {
			__u32 flags;
			__u32 out_access_pages_id;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
		} access_pages;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 uptr;
			__u32 flags;
		} access_rw;
		struct {
			__u32 limit;
		} memory_limit;
		struct {
			__u32 ioas_id;
		} access_replace_ioas;
		struct {
			__u32 flags;
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 page_size;
			__aligned_u64 uptr;
			__aligned_u64 out_nr_dirty;
		} dirty;
		struct {
			__u32 dev_id;
			__u32 pasid;
			__u32 grpid;
			__u32 perm;
			__aligned_u64 addr;
		} trigger_iopf;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_attach;
		struct {
			__u32 pasid;
			__u32 pt_id;
		} pasid_replace;
		struct {
			__u32 pasid;
		} pasid_detach;
		struct {
			__u32 pasid;
			__u32 hwpt_id;
		} pasid_check;
		struct {
			__u32 id;
			__u32 iotlb;
		} check_iotlb;
		struct {
			__u32 id;
			__u32 cache;
		} check_dev_cache;
		struct {
			__u32 dev_id;
		} trigger_vevent;
		struct {
			__u32 length;
			__u32 open_flags;
		} dmabuf_get;
		struct {
			__s32 dmabuf_fd;
			__u32 revoked;
		} dmabuf_revoke;
		struct {
			__aligned_u64 length;
			__u32 out_fd;
		} create_mmio;
		struct {
			__u32 reachable;
		} mmio_set;
		struct {
			__aligned_u64 iova;
			__aligned_u64 length;
			__aligned_u64 offset;
			__u32 fd;
			__u32 write;
		} check_mmio;
		struct {
			__u32 ioas_id;
			__u32 detach;
		} access_attach;
		struct {
			__u32 bdf;
			__u32 flags;
			__u32 delay_ms;
			__u32 out_fd;
		} import;
		struct {
			__u32 how;
			__u32 out_notified;
			__aligned_u64 out_addr;
			__aligned_u64 out_length;
		} import_use;
		struct {
			__u32 dev_id;
			__u32 grpid;
			__u32 npages;
			__u32 __pad;
			__aligned_u64 addr;
		} trigger_faults;
		struct {
			__u32 out_stdev_id;
			__u32 out_hwpt_id;
			__u32 out_idev_id;
			__u32 pt_id;
		} mock_mate;
		__aligned_u64 __pad[6];
	};
	__u32 last;
};

#define IOMMU_TEST_CMD _IO(0x3b, 0xa0)

#endif

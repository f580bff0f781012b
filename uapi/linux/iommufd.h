/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * User ABI of /dev/iommu.
 *
 * An open file is one context.  It holds objects, each known by a 32-bit ID
 * that is unique in the context and never 0: I/O address spaces (IOAS), and
 * what other interfaces put into it, such as devices bound by VFIO and the
 * page tables made for them.
 */
#ifndef _UAPI_LINUX_IOMMUFD_H
#define _UAPI_LINUX_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOMMUFD_TYPE (';')

/**
 * DOC: Calling convention
 *
 * The argument of every ioctl points to a struct whose first field, @size, is
 * the size in bytes of the struct as the caller knows it.  The kernel looks at
 * it before anything else:
 *
 *  - A size below that of the struct's first version is refused with EINVAL.
 *  - A size above what the kernel knows is fine as long as every byte the
 *    kernel does not know is zero, and refused with E2BIG otherwise.
 *
 * So a struct can grow without a new ioctl number, and 0 in a new field always
 * means what the kernel did before it had that field.
 *
 * Fields are inputs unless their name starts with ``out_`` or their
 * description says otherwise.  Fields are written back only on success, save
 * where the description of a field says otherwise.
 *
 * ``last`` in a name is inclusive: the range of one byte at 0 has last 0.
 *
 * Errors every call can return:
 *
 *  - ENOTTY: the number is not an ioctl of this kernel.
 *  - EINVAL: understood but wrong, such as a misaligned or an empty range.
 *  - E2BIG: see @size above.
 *  - EOPNOTSUPP: a flag, an enum value or a non-zero reserved field that this
 *    kernel does not know.
 *  - ENOENT: no object has this ID, or it is of another kind, or nothing is
 *    mapped at this IOVA.
 *  - EOVERFLOW: the end of a range does not fit in 64 bits.
 *  - EFAULT: the argument, or memory it points to, cannot be accessed.
 *  - ENOMEM: out of memory, or over a limit on memory.
 *
 * A call that fails changes nothing.
 */

/**
 * DOC: Ioctl numbers
 *
 * Names without an ``IOMMU_`` request below are numbers that are taken, but
 * that this driver answers with ENOTTY.
 */
enum {
	IOMMUFD_CMD_BASE = 0x80,
	IOMMUFD_CMD_DESTROY = IOMMUFD_CMD_BASE,
	IOMMUFD_CMD_IOAS_ALLOC = 0x81,
	IOMMUFD_CMD_IOAS_ALLOW_IOVAS = 0x82,
	IOMMUFD_CMD_IOAS_COPY = 0x83,
	IOMMUFD_CMD_IOAS_IOVA_RANGES = 0x84,
	IOMMUFD_CMD_IOAS_MAP = 0x85,
	IOMMUFD_CMD_IOAS_UNMAP = 0x86,
	IOMMUFD_CMD_OPTION = 0x87,
	IOMMUFD_CMD_VFIO_IOAS = 0x88,
	IOMMUFD_CMD_HWPT_ALLOC = 0x89,
	IOMMUFD_CMD_GET_HW_INFO = 0x8a,
	IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING = 0x8b,
	IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP = 0x8c,
	IOMMUFD_CMD_HWPT_INVALIDATE = 0x8d,
	IOMMUFD_CMD_FAULT_QUEUE_ALLOC = 0x8e,
	IOMMUFD_CMD_IOAS_MAP_FILE = 0x8f,
	IOMMUFD_CMD_VIOMMU_ALLOC = 0x90,
	IOMMUFD_CMD_VDEVICE_ALLOC = 0x91,
	IOMMUFD_CMD_IOAS_CHANGE_PROCESS = 0x92,
	IOMMUFD_CMD_VEVENTQ_ALLOC = 0x93,
	IOMMUFD_CMD_HW_QUEUE_ALLOC = 0x94,
	IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA = 0x95,
	/* Extensions of this driver, which mainline does not have */
	IOMMUFD_CMD_IOAS_DEMAND = 0xe0
};

/**
 * struct iommu_destroy - ioctl(IOMMU_DESTROY)
 * @size: sizeof(struct iommu_destroy)
 * @id: The object to destroy, of any kind that a user may destroy.
 *
 * Destroying an IOAS unmaps all of it.  A page table that was made for an
 * attach goes by itself.  Closing the file destroys all that is left, so a
 * program need not.
 *
 * Errors: ENOENT when no object has this ID; EBUSY while another object or the
 * kernel uses it, such as an IOAS that a device is attached to, or the ID of a
 * device that VFIO has bound.
 */
struct iommu_destroy {
	__u32 size;
	__u32 id;
};

#define IOMMU_DESTROY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_DESTROY)

/**
 * struct iommu_ioas_alloc - ioctl(IOMMU_IOAS_ALLOC)
 * @size: sizeof(struct iommu_ioas_alloc)
 * @flags: Must be 0.
 * @out_ioas_id: ID of the new IOAS.
 *
 * Make an I/O address space: a set of mappings from IOVA to memory, seen by
 * every device that is attached to it.  A new one is empty, and until a device
 * is attached all 64 bits of IOVA can be used.
 */
struct iommu_ioas_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_ioas_id;
};

#define IOMMU_IOAS_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOC)

/**
 * struct iommu_iova_range - A range of IOVA
 * @start: First byte.
 * @last: Last byte, inclusive.
 */
struct iommu_iova_range {
	__aligned_u64 start;
	__aligned_u64 last;
};

/**
 * struct iommu_ioas_iova_ranges - ioctl(IOMMU_IOAS_IOVA_RANGES)
 * @size: sizeof(struct iommu_ioas_iova_ranges)
 * @ioas_id: The IOAS to ask about.
 * @num_iovas: In: entries that @allowed_iovas has room for, may be 0.  Out,
 *	also with EMSGSIZE: entries that there are.
 * @__reserved: Must be 0.
 * @allowed_iovas: User address of an array of struct iommu_iova_range, filled
 *	in ascending order.
 * @out_iova_alignment: Bytes, a power of two: what the IOVA and the length of
 *	a mapping must be multiples of.  1 while nothing is attached, then the
 *	largest of the smallest page sizes of what is attached, at most the
 *	CPU's page size; that one while IOMMU_OPTION_HUGE_PAGES is 0 or
 *	IOMMU_OPTION_ON_DEMAND is 1.  Written also with EMSGSIZE.
 *
 * Report what can be mapped now: all IOVA, less what attached devices reserve
 * (such as the window of their MSI interrupts) and what their page tables
 * cannot reach.  Attaching a device can narrow this, detaching one widens it;
 * IOMMU_IOAS_ALLOW_IOVAS keeps it from being narrowed too far.
 *
 * Errors: EMSGSIZE when @num_iovas is too small: as many entries as fit were
 * filled; ENOENT; EOPNOTSUPP; EFAULT.
 */
struct iommu_ioas_iova_ranges {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
	__aligned_u64 out_iova_alignment;
};

#define IOMMU_IOAS_IOVA_RANGES _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_IOVA_RANGES)

/**
 * struct iommu_ioas_allow_iovas - ioctl(IOMMU_IOAS_ALLOW_IOVAS)
 * @size: sizeof(struct iommu_ioas_allow_iovas)
 * @ioas_id: The IOAS.
 * @num_iovas: Entries in @allowed_iovas; 0 allows everything again.
 * @__reserved: Must be 0.
 * @allowed_iovas: User address of an array of struct iommu_iova_range, in any
 *	order.
 *
 * Promise that IOVA will be wanted in these ranges.  The list replaces the
 * one of an earlier call as a whole.  While there is one, the kernel chooses
 * IOVAs only inside it, and a device that would make part of it unusable
 * cannot be attached (that attach fails with EADDRINUSE).  A mapping at a
 * fixed IOVA may lie outside it.
 *
 * Errors: EINVAL when a range is not at least two bytes or two of them overlap;
 * EADDRINUSE when a range meets one that is reserved now; ENOENT; EOPNOTSUPP;
 * EFAULT; ENOMEM.
 */
struct iommu_ioas_allow_iovas {
	__u32 size;
	__u32 ioas_id;
	__u32 num_iovas;
	__u32 __reserved;
	__aligned_u64 allowed_iovas;
};

#define IOMMU_IOAS_ALLOW_IOVAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_ALLOW_IOVAS)

/**
 * enum iommufd_ioas_map_flags - Flags of IOMMU_IOAS_MAP and IOMMU_IOAS_COPY
 * @IOMMU_IOAS_MAP_FIXED_IOVA: Map at the IOVA that the caller gives; without
 *	it the kernel chooses one and returns it.
 * @IOMMU_IOAS_MAP_WRITEABLE: Devices may write to the mapping.
 * @IOMMU_IOAS_MAP_READABLE: Devices may read from the mapping.
 */
enum iommufd_ioas_map_flags {
	IOMMU_IOAS_MAP_FIXED_IOVA = 1 << 0,
	IOMMU_IOAS_MAP_WRITEABLE = 1 << 1,
	IOMMU_IOAS_MAP_READABLE = 1 << 2
};

/**
 * struct iommu_ioas_map - ioctl(IOMMU_IOAS_MAP)
 * @size: sizeof(struct iommu_ioas_map)
 * @flags: Of enum iommufd_ioas_map_flags; at least one of
 *	IOMMU_IOAS_MAP_READABLE and IOMMU_IOAS_MAP_WRITEABLE.
 * @ioas_id: The IOAS to map into.
 * @__reserved: Must be 0.
 * @user_va: Address of the memory in the calling process.
 * @length: Bytes to map.
 * @iova: With IOMMU_IOAS_MAP_FIXED_IOVA: where to map.  Without: out, where
 *	it was mapped.
 *
 * Let the devices attached to the IOAS reach memory of the caller at an IOVA.
 * The memory is pinned for as long as a device is attached and the mapping
 * lasts, whatever the process does with its address space meanwhile, and
 * counts against RLIMIT_MEMLOCK.  While no device is attached nothing is
 * pinned.  What is mapped is never replaced.
 *
 * An IOVA chosen by the kernel lies inside the allowed ranges, if there are
 * any, and shares the lower address bits of @user_va where there is room for
 * that, so that huge pages of memory become huge pages of the IOMMU.
 *
 * Errors: EINVAL for a range that is empty, misaligned or reserved, or without
 * any permission; EEXIST when something is mapped in part of the range;
 * ENOSPC when the kernel finds no free IOVA; EFAULT for memory that the caller
 * cannot read, or with IOMMU_IOAS_MAP_WRITEABLE write; ENOMEM when over
 * RLIMIT_MEMLOCK; EOVERFLOW; ENOENT; EOPNOTSUPP.
 */
struct iommu_ioas_map {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 user_va;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP)

/**
 * struct iommu_ioas_copy - ioctl(IOMMU_IOAS_COPY)
 * @size: sizeof(struct iommu_ioas_copy)
 * @flags: Of enum iommufd_ioas_map_flags, as for IOMMU_IOAS_MAP.
 * @dst_ioas_id: The IOAS to map into.
 * @src_ioas_id: The IOAS to copy from; can be the same.
 * @length: Bytes to copy.
 * @dst_iova: With IOMMU_IOAS_MAP_FIXED_IOVA: where to map.  Without: out,
 *	where it was mapped.
 * @src_iova: Start of the range to copy.
 *
 * Map what another range of IOVA maps, without a look at the process it came
 * from.  The source must be mapped without a gap; it can be a part of one
 * mapping or reach over several.  The memory is shared with the source: it is
 * pinned and charged once, and stays when the source is unmapped.
 *
 * Errors: as for IOMMU_IOAS_MAP, and ENOENT when the source has a gap; EPERM
 * when a copy of a mapping that is not writeable is to be writeable.
 */
struct iommu_ioas_copy {
	__u32 size;
	__u32 flags;
	__u32 dst_ioas_id;
	__u32 src_ioas_id;
	__aligned_u64 length;
	__aligned_u64 dst_iova;
	__aligned_u64 src_iova;
};

#define IOMMU_IOAS_COPY _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_COPY)

/**
 * struct iommu_ioas_unmap - ioctl(IOMMU_IOAS_UNMAP)
 * @size: sizeof(struct iommu_ioas_unmap)
 * @ioas_id: The IOAS to unmap from.
 * @iova: Start of the range.
 * @length: Bytes.  Out: bytes that were mapped there.
 *
 * Remove every mapping inside the range.  A mapping is removed as a whole or
 * not at all.  When the call returns no device can reach the memory any more
 * and it is no longer pinned.
 *
 * @iova 0 with @length 2^64 - 1 removes everything, and succeeds with 0 when
 * there is nothing.
 *
 * Errors: ENOENT when nothing is mapped there, or when a mapping is only
 * partly inside the range (then nothing was removed), or when there is no such
 * IOAS; EBUSY while another thread maps or unmaps inside the range; EINVAL when
 * @length is 0; EOVERFLOW.
 */
struct iommu_ioas_unmap {
	__u32 size;
	__u32 ioas_id;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOMMU_IOAS_UNMAP _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_UNMAP)

/**
 * enum iommufd_option - What IOMMU_OPTION reads and sets
 * @IOMMU_OPTION_RLIMIT_MODE: How pinned memory counts against RLIMIT_MEMLOCK,
 *	for the whole context; object_id must be 0, else EOPNOTSUPP.  0, the
 *	default: all that the user has pinned is summed up.  1: each process
 *	has a sum of its own.  Setting it needs CAP_SYS_RESOURCE, else EPERM,
 *	and a context without objects, else EBUSY.
 * @IOMMU_OPTION_HUGE_PAGES: Whether an IOAS, given by object_id, is mapped
 *	with the largest pages that fit.  1, the default: it is.  0: only pages
 *	of the CPU's size are used, and mappings must be made of them.  Set it
 *	before a device is attached and something is mapped, else EINVAL, and
 *	not while a mapping begins or ends inside a page, else EADDRINUSE.
 * @IOMMU_OPTION_ON_DEMAND: An extension of this driver, which mainline does not
 *	have.  When memory that is mapped in an IOAS, given by object_id, is
 *	pinned and can be reached by devices.  0, the default: from
 *	IOMMU_IOAS_MAP on.  1: when a device asks for a page that it does not
 *	reach (a page fault), and when IOMMU_IOAS_DEMAND says so.  Setting
 *	another value needs an IOAS with neither mappings nor page tables, else
 *	EBUSY.
 */
enum iommufd_option {
	IOMMU_OPTION_RLIMIT_MODE = 0,
	IOMMU_OPTION_HUGE_PAGES = 1,
	IOMMU_OPTION_ON_DEMAND = 0x10001
};

/**
 * enum iommufd_option_ops - What IOMMU_OPTION does
 * @IOMMU_OPTION_OP_SET: Set the option to val64.
 * @IOMMU_OPTION_OP_GET: Read the option into val64.
 */
enum iommufd_option_ops {
	IOMMU_OPTION_OP_SET = 0,
	IOMMU_OPTION_OP_GET = 1
};

/**
 * struct iommu_option - ioctl(IOMMU_OPTION)
 * @size: sizeof(struct iommu_option)
 * @option_id: One of enum iommufd_option.
 * @op: One of enum iommufd_option_ops.
 * @__reserved: Must be 0.
 * @object_id: The object the option belongs to, 0 for the context.
 * @val64: The value.  Out with IOMMU_OPTION_OP_GET.
 *
 * Errors: EOPNOTSUPP for an option or operation that is not known; EINVAL for
 * a value that the option does not have; ENOENT; and those of the option.
 */
struct iommu_option {
	__u32 size;
	__u32 option_id;
	__u16 op;
	__u16 __reserved;
	__u32 object_id;
	__aligned_u64 val64;
};

#define IOMMU_OPTION _IO(IOMMUFD_TYPE, IOMMUFD_CMD_OPTION)

/**
 * enum iommufd_vfio_ioas_op - What IOMMU_VFIO_IOAS does
 * @IOMMU_VFIO_IOAS_GET: Read the ID of the compatibility IOAS.
 * @IOMMU_VFIO_IOAS_SET: Make another IOAS the compatibility IOAS.
 * @IOMMU_VFIO_IOAS_CLEAR: From now on there is none.
 */
enum iommufd_vfio_ioas_op {
	IOMMU_VFIO_IOAS_GET = 0,
	IOMMU_VFIO_IOAS_SET = 1,
	IOMMU_VFIO_IOAS_CLEAR = 2
};

/**
 * struct iommu_vfio_ioas - ioctl(IOMMU_VFIO_IOAS)
 * @size: sizeof(struct iommu_vfio_ioas)
 * @ioas_id: With IOMMU_VFIO_IOAS_SET the IOAS to use; out with
 *	IOMMU_VFIO_IOAS_GET; else not looked at.
 * @op: One of enum iommufd_vfio_ioas_op.
 * @__reserved: Must be 0.
 *
 * The VFIO container's ioctls act on one IOAS of a context, the compatibility
 * IOAS.  A context starts without one.  It is an IOAS like others, and can be
 * destroyed like others: then there is none again.
 *
 * Errors: ENODEV for IOMMU_VFIO_IOAS_GET when there is none; ENOENT for
 * IOMMU_VFIO_IOAS_SET when no IOAS has this ID; EOPNOTSUPP for an operation
 * that is not known; EFAULT.
 */
struct iommu_vfio_ioas {
	__u32 size;
	__u32 ioas_id;
	__u16 op;
	__u16 __reserved;
};

#define IOMMU_VFIO_IOAS _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VFIO_IOAS)

/**
 * enum iommufd_hwpt_alloc_flags - Flags of IOMMU_HWPT_ALLOC
 * @IOMMU_HWPT_ALLOC_NEST_PARENT: A page table that others can be nested in: the
 *	IOMMU translates by the other one first, and what that gives by this one.
 * @IOMMU_HWPT_ALLOC_DIRTY_TRACKING: A page table that can tell which pages
 *	devices have written.  A device whose IOMMU cannot do that cannot be
 *	attached to it.
 * @IOMMU_HWPT_FAULT_ID_VALID: Page faults of devices go to the fault queue that
 *	the caller names.
 * @IOMMU_HWPT_ALLOC_PASID: A page table for devices that use PASIDs.  Only such
 *	a page table can be attached to a PASID, and while a PASID of a device
 *	is attached, only such a page table can be attached to the device.  It
 *	does for devices without PASIDs, too.
 *
 * EOPNOTSUPP is the answer to a flag that the IOMMU of the device does not
 * have, and to IOMMU_HWPT_FAULT_ID_VALID with IOMMU_HWPT_ALLOC_NEST_PARENT.  So
 * far that is all of them with each IOMMU driver of the kernel, but for
 * IOMMU_HWPT_ALLOC_DIRTY_TRACKING if IOMMU_GET_HW_INFO reports
 * IOMMU_HW_CAP_DIRTY_TRACKING, IOMMU_HWPT_ALLOC_PASID if the IOMMU has PASIDs
 * that can be used, and IOMMU_HWPT_ALLOC_NEST_PARENT from Linux 6.12 on with
 * IOMMUs of Intel that nest.  The mock IOMMU of the tests has them all, the
 * first of these on the same condition.
 */
enum iommufd_hwpt_alloc_flags {
	IOMMU_HWPT_ALLOC_NEST_PARENT = 1 << 0,
	IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 1 << 1,
	IOMMU_HWPT_FAULT_ID_VALID = 1 << 2,
	IOMMU_HWPT_ALLOC_PASID = 1 << 3
};

/**
 * enum iommu_hwpt_data_type - What tells how a page table is to be
 * @IOMMU_HWPT_DATA_NONE: Nothing: it is the kernel's.
 * @IOMMU_HWPT_DATA_VTD_S1: First stage of Intel VT-d.
 * @IOMMU_HWPT_DATA_ARM_SMMUV3: First stage of the ARM SMMUv3.
 * @IOMMU_HWPT_DATA_AMD_GUEST: First stage of the AMD IOMMU.
 *
 * With the kernel's IOMMU drivers, IOMMU_HWPT_DATA_ARM_SMMUV3 and
 * IOMMU_HWPT_DATA_AMD_GUEST are EOPNOTSUPP.
 */
enum iommu_hwpt_data_type {
	IOMMU_HWPT_DATA_NONE = 0,
	IOMMU_HWPT_DATA_VTD_S1 = 1,
	IOMMU_HWPT_DATA_ARM_SMMUV3 = 2,
	IOMMU_HWPT_DATA_AMD_GUEST = 3
};

/**
 * enum iommu_hwpt_vtd_s1_flags - How Intel's IOMMU walks a nested page table
 * @IOMMU_VTD_S1_SRE: Supervisor requests are taken.
 * @IOMMU_VTD_S1_EAFE: The extended accessed bit is set.
 * @IOMMU_VTD_S1_WPE: Supervisor requests heed write protection, too.
 *
 * See the PASID table entry in the specification of Intel VT-d.
 */
enum iommu_hwpt_vtd_s1_flags {
	IOMMU_VTD_S1_SRE = 1 << 0,
	IOMMU_VTD_S1_EAFE = 1 << 1,
	IOMMU_VTD_S1_WPE = 1 << 2
};

/**
 * struct iommu_hwpt_vtd_s1 - Data of type IOMMU_HWPT_DATA_VTD_S1
 * @flags: Of enum iommu_hwpt_vtd_s1_flags.
 * @pgtbl_addr: Where the page table begins, an address of the parent, and a
 *	multiple of 4 KiB.
 * @addr_width: Bits of the addresses that it translates: 48, or 57.
 * @__reserved: Must be 0.
 *
 * EOPNOTSUPP for another flag, and if @__reserved is not 0; EINVAL for another
 * width or address, and for a flag or a width that the IOMMU of the device does
 * not have.
 */
struct iommu_hwpt_vtd_s1 {
	__aligned_u64 flags;
	__aligned_u64 pgtbl_addr;
	__u32 addr_width;
	__u32 __reserved;
};

/**
 * struct iommu_hwpt_arm_smmuv3 - Data of type IOMMU_HWPT_DATA_ARM_SMMUV3
 * @ste: The first two words of the guest's stream table entry.
 */
struct iommu_hwpt_arm_smmuv3 {
	__aligned_le64 ste[2];
};

/**
 * struct iommu_hwpt_amd_guest - Data of type IOMMU_HWPT_DATA_AMD_GUEST
 * @dte: The guest's device table entry.
 */
struct iommu_hwpt_amd_guest {
	__aligned_u64 dte[4];
};

/**
 * struct iommu_hwpt_alloc - ioctl(IOMMU_HWPT_ALLOC)
 * @size: sizeof(struct iommu_hwpt_alloc)
 * @flags: Of enum iommufd_hwpt_alloc_flags.
 * @dev_id: A bound device, for whose IOMMU the page table is made.
 * @pt_id: The IOAS that it is to map, or the page table that it is to be nested
 *	in, made with IOMMU_HWPT_ALLOC_NEST_PARENT, or a vIOMMU for one of these.
 * @out_hwpt_id: ID of the new page table.
 * @__reserved: Must be 0.
 * @data_type: One of enum iommu_hwpt_data_type; not IOMMU_HWPT_DATA_NONE to
 *	nest.
 * @data_len: Bytes at @data_uptr; 0 with IOMMU_HWPT_DATA_NONE, and only then.
 * @data_uptr: User address of a struct that @data_type says.
 * @fault_id: With IOMMU_HWPT_FAULT_ID_VALID: the fault queue that page faults
 *	go to; else not looked at.
 * @__reserved2: Not looked at.
 *
 * Make a page table (HWPT) that holds what the IOAS maps, now and later.  It
 * is used by devices that are attached to it by its ID, and by no others: to
 * attach a device to the IOAS finds or makes another one.  It stays until it is
 * destroyed, and while it does the memory that the IOAS maps is pinned.
 *
 * A nested page table is kept by user space in memory that @pt_id maps.  What it
 * translates to are addresses of @pt_id, so its devices reach no more than what
 * the IOAS maps, in which the regions are reserved that they need reserved.  It
 * holds @pt_id, which cannot be destroyed before.  When user space changes it,
 * IOMMU_HWPT_INVALIDATE has the IOMMU forget what it has cached.
 *
 * Errors: EOPNOTSUPP for flags and data types that the IOMMU does not have, and
 * to nest, without data, or with other flags than IOMMU_HWPT_FAULT_ID_VALID and
 * IOMMU_HWPT_ALLOC_PASID; EINVAL when @pt_id is neither an IOAS nor a page table
 * to nest in nor a vIOMMU, or is one of an IOMMU of another kind, or @data_len is
 * wrong; E2BIG when the data has bytes set that the kernel does not know; ENOENT
 * when @dev_id is not a device, and, when all else is right, when @fault_id is
 * not a fault queue; EADDRINUSE when something is mapped, or
 * to be kept usable, that the IOMMU cannot map; EFAULT, also for memory that is
 * mapped and cannot be pinned; ENOSPC when the context would have more page
 * tables than the parameter max_hwpts; ENOMEM.
 */
struct iommu_hwpt_alloc {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 pt_id;
	__u32 out_hwpt_id;
	__u32 __reserved;
	__u32 data_type;
	__u32 data_len;
	__aligned_u64 data_uptr;
	__u32 fault_id;
	__u32 __reserved2;
};

#define IOMMU_HWPT_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_ALLOC)

/**
 * enum iommu_hwpt_invalidate_data_type - What tells which entries are stale
 * @IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: A nested page table of Intel VT-d.
 * @IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: A command of the ARM SMMUv3, for a
 *	vIOMMU.
 */
enum iommu_hwpt_invalidate_data_type {
	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1 = 0,
	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3 = 1
};

/**
 * enum iommu_hwpt_vtd_s1_invalidate_flags - What Intel's IOMMU forgets
 * @IOMMU_VTD_INV_FLAGS_LEAF: No more than the entries that translate; without it,
 *	those that lead to them, too.
 */
enum iommu_hwpt_vtd_s1_invalidate_flags {
	IOMMU_VTD_INV_FLAGS_LEAF = 1 << 0
};

/**
 * struct iommu_hwpt_vtd_s1_invalidate - Of type
 *	IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
 * @addr: First address, a multiple of 4 KiB; 0 for all.
 * @npages: Number of pages of 4 KiB; 2^64 - 1 for all.
 * @flags: Of enum iommu_hwpt_vtd_s1_invalidate_flags.
 * @__reserved: Must be 0.
 *
 * EOPNOTSUPP for another flag, and if @__reserved is not 0; EINVAL for another
 * address, and for one that is not 0 with an @npages of 2^64 - 1.
 */
struct iommu_hwpt_vtd_s1_invalidate {
	__aligned_u64 addr;
	__aligned_u64 npages;
	__u32 flags;
	__u32 __reserved;
};

/**
 * struct iommu_viommu_arm_smmuv3_invalidate - Of type
 *	IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3
 * @cmd: A command as the guest's queue of commands has it.
 */
struct iommu_viommu_arm_smmuv3_invalidate {
	__aligned_le64 cmd[2];
};

/**
 * struct iommu_hwpt_invalidate - ioctl(IOMMU_HWPT_INVALIDATE)
 * @size: sizeof(struct iommu_hwpt_invalidate)
 * @hwpt_id: A nested page table, or a vIOMMU.
 * @data_uptr: User address of an array of structs that @data_type says.
 * @data_type: Of enum iommu_hwpt_invalidate_data_type.
 * @entry_len: Bytes of each struct, at most the page size.
 * @entry_num: In: number of structs, at most 2^19.  Out, also with an error:
 *	how many of them, from the first one on, have taken effect.
 * @__reserved: Must be 0.
 *
 * Have the IOMMU forget what it has cached of a page table that user space
 * keeps.  The first struct that fails ends the call, and those after it are not
 * looked at.  With an @entry_num of 0 the call only tells whether @data_type is
 * known; @data_uptr and @entry_len are not looked at.
 *
 * Errors: EOPNOTSUPP when the IOMMU needs no such calls, and for a flag in a
 * struct that it does not know; EINVAL for a @data_type, a length, a number or
 * a content that it does not know, and for an object of another kind; ENOENT;
 * E2BIG when a struct has bytes set that the kernel does not know; EFAULT; EINTR
 * when killed.
 */
struct iommu_hwpt_invalidate {
	__u32 size;
	__u32 hwpt_id;
	__aligned_u64 data_uptr;
	__u32 data_type;
	__u32 entry_len;
	__u32 entry_num;
	__u32 __reserved;
};

#define IOMMU_HWPT_INVALIDATE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)

/**
 * enum iommu_hw_info_type - What an IOMMU tells of itself
 * @IOMMU_HW_INFO_TYPE_NONE: Nothing.
 * @IOMMU_HW_INFO_TYPE_DEFAULT: To ask for whatever there is.
 * @IOMMU_HW_INFO_TYPE_INTEL_VTD: Of Intel VT-d.
 * @IOMMU_HW_INFO_TYPE_ARM_SMMUV3: Of the ARM SMMUv3.
 * @IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: Of the CMDQV of Tegra241.
 * @IOMMU_HW_INFO_TYPE_AMD: Of the AMD IOMMU.
 */
enum iommu_hw_info_type {
	IOMMU_HW_INFO_TYPE_NONE = 0,
	IOMMU_HW_INFO_TYPE_DEFAULT = 0,
	IOMMU_HW_INFO_TYPE_INTEL_VTD = 1,
	IOMMU_HW_INFO_TYPE_ARM_SMMUV3 = 2,
	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV = 3,
	IOMMU_HW_INFO_TYPE_AMD = 4
};

/**
 * enum iommu_hw_info_vtd_flags - Flags of struct iommu_hw_info_vtd
 * @IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17: The IOMMU may write through mappings
 *	that are read-only, if something is nested in their page table.
 */
enum iommu_hw_info_vtd_flags {
	IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17 = 1 << 0
};

/**
 * struct iommu_hw_info_vtd - Of type IOMMU_HW_INFO_TYPE_INTEL_VTD
 * @flags: Of enum iommu_hw_info_vtd_flags.
 * @__reserved: 0.
 * @cap_reg: The Capability Register.
 * @ecap_reg: The Extended Capability Register.
 */
struct iommu_hw_info_vtd {
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 cap_reg;
	__aligned_u64 ecap_reg;
};

/**
 * enum iommu_hw_info_arm_smmuv3_flags - Flags of struct iommu_hw_info_arm_smmuv3
 * @IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI: Commands that invalidate
 *	the TLB or the configuration have to be given twice.
 */
enum iommu_hw_info_arm_smmuv3_flags {
	IOMMU_HW_INFO_ARM_SMMUV3_ERRATA_REPEAT_TLBI_CFGI = 1 << 0
};

/**
 * struct iommu_hw_info_arm_smmuv3 - Of type IOMMU_HW_INFO_TYPE_ARM_SMMUV3
 * @flags: Of enum iommu_hw_info_arm_smmuv3_flags.
 * @__reserved: 0.
 * @idr: The registers SMMU_IDR0 to SMMU_IDR5.
 * @iidr: The register SMMU_IIDR.
 * @aidr: The register SMMU_AIDR.
 */
struct iommu_hw_info_arm_smmuv3 {
	__u32 flags;
	__u32 __reserved;
	__u32 idr[6];
	__u32 iidr;
	__u32 aidr;
};

/**
 * struct iommu_hw_info_tegra241_cmdqv - Of type
 *	IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV
 * @flags: 0.
 * @version: Version of the hardware.
 * @log2vcmdqs: log2 of the number of queues that a vIOMMU can have.
 * @log2vsids: log2 of the number of devices that it can have.
 * @__reserved: 0.
 */
struct iommu_hw_info_tegra241_cmdqv {
	__u32 flags;
	__u8 version;
	__u8 log2vcmdqs;
	__u8 log2vsids;
	__u8 __reserved;
};

/**
 * struct iommu_hw_info_amd - Of type IOMMU_HW_INFO_TYPE_AMD
 * @efr: The Extended Feature Register.
 * @efr2: The Extended Feature 2 Register.
 */
struct iommu_hw_info_amd {
	__aligned_u64 efr;
	__aligned_u64 efr2;
};

/**
 * enum iommufd_hw_capabilities - What can be done for a device
 * @IOMMU_HW_CAP_DIRTY_TRACKING: IOMMU_HWPT_ALLOC takes
 *	IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 * @IOMMU_HW_CAP_PCI_PASID_EXEC: The device's PASIDs can ask for execution.
 * @IOMMU_HW_CAP_PCI_PASID_PRIV: The device's PASIDs can be privileged.
 * @IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: The device cannot use ATS; without it,
 *	the device may use ATS.
 */
enum iommufd_hw_capabilities {
	IOMMU_HW_CAP_DIRTY_TRACKING = 1 << 0,
	IOMMU_HW_CAP_PCI_PASID_EXEC = 1 << 1,
	IOMMU_HW_CAP_PCI_PASID_PRIV = 1 << 2,
	IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED = 1 << 3
};

/**
 * enum iommufd_hw_info_flags - Flags of IOMMU_GET_HW_INFO
 * @IOMMU_HW_INFO_FLAG_INPUT_TYPE: The caller says which type it wants.
 */
enum iommufd_hw_info_flags {
	IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1 << 0
};

/**
 * struct iommu_hw_info - ioctl(IOMMU_GET_HW_INFO)
 * @size: sizeof(struct iommu_hw_info)
 * @flags: Of enum iommufd_hw_info_flags.
 * @dev_id: A bound device.
 * @data_len: Bytes at @data_uptr, may be 0.  Out: bytes that the kernel has.
 * @data_uptr: User address of a struct that @out_data_type says.  As much as
 *	fits is written, the rest of it is zeroed.
 * @in_data_type: With IOMMU_HW_INFO_FLAG_INPUT_TYPE: the type wanted, of enum
 *	iommu_hw_info_type; else not looked at.
 * @out_data_type: The type, of enum iommu_hw_info_type.
 * @out_max_pasid_log2: Bits that a PASID of the device can have, 0 when no page
 *	table can be attached to any.
 * @__reserved: Must be 0.
 * @out_capabilities: Of enum iommufd_hw_capabilities.
 *
 * Report what the IOMMU of a device can do.  Kernels whose IOMMU drivers do not
 * tell have type IOMMU_HW_INFO_TYPE_NONE and a @data_len of 0.
 *
 * Errors: EOPNOTSUPP for a flag that is not known, or a type that the IOMMU
 * does not have; ENOENT when @dev_id is not a device; EFAULT; ENOMEM.
 */
struct iommu_hw_info {
	__u32 size;
	__u32 flags;
	__u32 dev_id;
	__u32 data_len;
	__aligned_u64 data_uptr;
	union {
		__u32 in_data_type;
		__u32 out_data_type;
	};
	__u8 out_max_pasid_log2;
	__u8 __reserved[3];
	__aligned_u64 out_capabilities;
};

#define IOMMU_GET_HW_INFO _IO(IOMMUFD_TYPE, IOMMUFD_CMD_GET_HW_INFO)

/**
 * enum iommufd_hwpt_set_dirty_tracking_flags - Flags of
 *	IOMMU_HWPT_SET_DIRTY_TRACKING
 * @IOMMU_HWPT_DIRTY_TRACKING_ENABLE: Switch it on; without it: off.
 */
enum iommufd_hwpt_set_dirty_tracking_flags {
	IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1
};

/**
 * struct iommu_hwpt_set_dirty_tracking - ioctl(IOMMU_HWPT_SET_DIRTY_TRACKING)
 * @size: sizeof(struct iommu_hwpt_set_dirty_tracking)
 * @flags: Of enum iommufd_hwpt_set_dirty_tracking_flags.
 * @hwpt_id: A page table made with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.
 * @__reserved: Must be 0.
 *
 * Begin or end to track which pages devices write through a page table.  When
 * it begins, no page is dirty.  To begin what has begun, and to end what has
 * not, changes nothing.
 *
 * Errors: EOPNOTSUPP for a page table made without
 * IOMMU_HWPT_ALLOC_DIRTY_TRACKING; ENOENT.
 */
struct iommu_hwpt_set_dirty_tracking {
	__u32 size;
	__u32 flags;
	__u32 hwpt_id;
	__u32 __reserved;
};

#define IOMMU_HWPT_SET_DIRTY_TRACKING                                         \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_SET_DIRTY_TRACKING)

/**
 * enum iommufd_hwpt_get_dirty_bitmap_flags - Flags of
 *	IOMMU_HWPT_GET_DIRTY_BITMAP
 * @IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR: What is dirty stays so.
 */
enum iommufd_hwpt_get_dirty_bitmap_flags {
	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR = 1
};

/**
 * struct iommu_hwpt_get_dirty_bitmap - ioctl(IOMMU_HWPT_GET_DIRTY_BITMAP)
 * @size: sizeof(struct iommu_hwpt_get_dirty_bitmap)
 * @hwpt_id: A page table whose dirty pages are tracked.
 * @flags: Of enum iommufd_hwpt_get_dirty_bitmap_flags.
 * @__reserved: Must be 0.
 * @iova: First IOVA of the range, a multiple of @page_size and of the smallest
 *	page of the page table.
 * @length: Bytes, such a multiple, not 0.
 * @page_size: Bytes that a bit stands for, a power of two.
 * @data: User address of the bitmap: a bit for each @page_size bytes from @iova
 *	on, the first one the lowest bit of the first byte.
 *
 * Set a bit for what devices have written since tracking began or the last call
 * cleared it.  Bits that are set stay set; what is not mapped is not dirty.  A
 * page of the IOMMU is dirty, and cleared, as a whole: @iova and @length should
 * be those of mappings.  A page that begins before @iova stays dirty.
 *
 * Errors: EINVAL when tracking is off, @page_size, @iova or @length is not as
 * it should be, or part of the range is outside of what the page table can map;
 * EOVERFLOW when the range wraps; EOPNOTSUPP for a page table made without
 * IOMMU_HWPT_ALLOC_DIRTY_TRACKING; ENOENT; EFAULT when part of the bitmap
 * cannot be written, and EINTR when killed: what was cleared is set in the part
 * before it, but for an IOMMU's page that reaches over its end.
 */
struct iommu_hwpt_get_dirty_bitmap {
	__u32 size;
	__u32 hwpt_id;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
};

#define IOMMU_HWPT_GET_DIRTY_BITMAP                                           \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_GET_DIRTY_BITMAP)

/**
 * struct iommu_ioas_map_file - ioctl(IOMMU_IOAS_MAP_FILE)
 * @size: sizeof(struct iommu_ioas_map_file)
 * @flags: As for struct iommu_ioas_map.
 * @ioas_id: The IOAS to map into.
 * @fd: A memfd, or a file of tmpfs or hugetlbfs, open for reading, and with
 *	IOMMU_IOAS_MAP_WRITEABLE for writing.
 * @start: Offset in the file of the first byte.
 * @length: Bytes to map.
 * @iova: As for struct iommu_ioas_map; one chosen by the kernel shares the
 *	lower bits of @start.
 *
 * As IOMMU_IOAS_MAP, for memory of a file, which no process needs to have
 * mapped.  The file may be closed.  Holes are filled when it is pinned.  What is
 * pinned stays pinned if the file is truncated, or a hole punched into it, but
 * then is no part of the file any more.  While it is mapped writeable the file
 * cannot be sealed with F_SEAL_WRITE (EBUSY).
 *
 * Errors: EBADF when @fd is not open; EINVAL also when it is of another kind, or
 * when the range ends past the end of the file; EACCES when it is not open for
 * what is asked; EPERM when IOMMU_IOAS_MAP_WRITEABLE and it is sealed with
 * F_SEAL_WRITE or F_SEAL_FUTURE_WRITE; ENOSPC also when the file system has no
 * room; and those of IOMMU_IOAS_MAP.
 */
struct iommu_ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

#define IOMMU_IOAS_MAP_FILE _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_MAP_FILE)

/**
 * struct iommu_ioas_change_process - ioctl(IOMMU_IOAS_CHANGE_PROCESS)
 * @size: sizeof(struct iommu_ioas_change_process)
 * @__reserved: Must be 0.
 *
 * Charge the calling process, from now on, for all that is mapped in all IOAS of
 * the context, as if it had mapped it: a program can hand its devices on to its
 * successor.  All memory must be mapped by IOMMU_IOAS_MAP_FILE.
 *
 * Errors: EINVAL when memory is mapped by IOMMU_IOAS_MAP; ENOMEM when over
 * RLIMIT_MEMLOCK; EOPNOTSUPP.
 */
struct iommu_ioas_change_process {
	__u32 size;
	__u32 __reserved;
};

#define IOMMU_IOAS_CHANGE_PROCESS \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_CHANGE_PROCESS)

/**
 * struct iommu_ioas_noiommu_get_pa - ioctl(IOMMU_IOAS_NOIOMMU_GET_PA)
 * @size: sizeof(struct iommu_ioas_noiommu_get_pa)
 * @flags: Must be 0.
 * @ioas_id: The IOAS.
 * @__reserved: Must be 0.
 * @iova: The IOVA to look up.
 * @length: In: bytes to look up.  Out: how many of them are in the same mapping
 *	and contiguous in physical memory.
 * @out_phys: Physical address of the first byte.
 *
 * Tell the address that a device without an IOMMU has to use for a byte that is
 * mapped.  The memory is pinned until it is unmapped, or the IOAS has no page
 * table any more: those that an attach has made go with the last device that is
 * attached, those of IOMMU_HWPT_ALLOC when they are destroyed.  After that the
 * address is not to be used any more, and nothing else than the program keeps
 * the device from it.
 *
 * A program that wants more than is contiguous asks again for the rest.
 *
 * Errors: EPERM without CAP_SYS_RAWIO; EINVAL when @length is 0, or for a BAR
 * that is revoked; EOVERFLOW when @iova is the last one; ENOENT when there is
 * no such IOAS, or nothing is mapped at @iova; EOPNOTSUPP when the first page
 * table of the IOAS is not one of devices without an IOMMU, or there is none.
 */
struct iommu_ioas_noiommu_get_pa {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 out_phys;
};

#define IOMMU_IOAS_NOIOMMU_GET_PA \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_NOIOMMU_GET_PA)

/**
 * enum iommu_hwpt_pgfault_flags - Flags of struct iommu_hwpt_pgfault
 * @IOMMU_PGFAULT_FLAGS_PASID_VALID: The fault bears a PASID.
 * @IOMMU_PGFAULT_FLAGS_LAST_PAGE: It is the last one of its group.
 */
enum iommu_hwpt_pgfault_flags {
	IOMMU_PGFAULT_FLAGS_PASID_VALID = 1 << 0,
	IOMMU_PGFAULT_FLAGS_LAST_PAGE = 1 << 1
};

/**
 * enum iommu_hwpt_pgfault_perm - What a device wants to do with a page
 * @IOMMU_PGFAULT_PERM_READ: Read it.
 * @IOMMU_PGFAULT_PERM_WRITE: Write it.
 * @IOMMU_PGFAULT_PERM_EXEC: Execute it; only with a PASID.
 * @IOMMU_PGFAULT_PERM_PRIV: Do so in privileged mode; only with a PASID.
 */
enum iommu_hwpt_pgfault_perm {
	IOMMU_PGFAULT_PERM_READ = 1 << 0,
	IOMMU_PGFAULT_PERM_WRITE = 1 << 1,
	IOMMU_PGFAULT_PERM_EXEC = 1 << 2,
	IOMMU_PGFAULT_PERM_PRIV = 1 << 3
};

/**
 * struct iommu_hwpt_pgfault - A page fault of a device, as read() returns it
 * @flags: Of enum iommu_hwpt_pgfault_flags.
 * @dev_id: The ID of the device whose attach was that of its IOMMU group.  It is
 *	no other one when that device alone is detached.
 * @pasid: With IOMMU_PGFAULT_FLAGS_PASID_VALID: the PASID, else 0.
 * @grpid: Number of the group, as the device has given it.
 * @perm: Of enum iommu_hwpt_pgfault_perm.
 * @__reserved: 0.
 * @addr: Address of the page.
 * @length: 0.
 * @cookie: By what the answer names the group; the same for all its faults.
 */
struct iommu_hwpt_pgfault {
	__u32 flags;
	__u32 dev_id;
	__u32 pasid;
	__u32 grpid;
	__u32 perm;
	__u32 __reserved;
	__aligned_u64 addr;
	__u32 length;
	__u32 cookie;
};

/**
 * enum iommufd_page_response_code - Answers to a group of page faults
 * @IOMMUFD_PAGE_RESP_SUCCESS: All its pages are there: the device tries again.
 * @IOMMUFD_PAGE_RESP_INVALID: They will not be there: the device gives up.
 */
enum iommufd_page_response_code {
	IOMMUFD_PAGE_RESP_SUCCESS = 0,
	IOMMUFD_PAGE_RESP_INVALID = 1
};

/**
 * struct iommu_hwpt_page_response - An answer, as write() takes it
 * @cookie: The group, as read() has returned it.
 * @code: Of enum iommufd_page_response_code.
 */
struct iommu_hwpt_page_response {
	__u32 cookie;
	__u32 code;
};

/**
 * struct iommu_fault_alloc - ioctl(IOMMU_FAULT_QUEUE_ALLOC)
 * @size: sizeof(struct iommu_fault_alloc)
 * @flags: Must be 0.
 * @out_fault_id: ID of the new fault queue.
 * @out_fault_fd: Its file descriptor, close-on-exec.
 *
 * Make a queue of page faults.  Page tables are told by
 * IOMMU_HWPT_FAULT_ID_VALID to have the page faults of their devices go there.
 * The queue cannot be destroyed while a page table uses it or its file is open.
 * The file keeps the context alive.  When it is closed nothing is answered, and
 * it cannot be opened again.
 *
 * read() returns as many groups of struct iommu_hwpt_pgfault as fit, each as a
 * whole, and 0 if there is none: it does not block.  Errors: ESPIPE when the
 * size is not a multiple of that of the struct, EINVAL when the first group does
 * not fit, EFAULT and ENOMEM when nothing could be delivered.
 *
 * write() takes structs iommu_hwpt_page_response in turn, and returns the size
 * of those it has taken.  Errors, if it has taken none: ESPIPE when the size is
 * not a multiple of that of the struct, EINVAL for a code or a cookie that is
 * not known, EFAULT.
 *
 * poll() reports POLLOUT always, and POLLIN when there is something to read.
 *
 * When a device, the last one of its IOMMU group, is detached, or moved to
 * another page table, all faults of the group without an answer are answered
 * IOMMUFD_PAGE_RESP_INVALID, and their cookies are not known any more.  So is a
 * fault that finds no memory, or more faults without an answer than a context
 * may have.
 *
 * Errors: EOPNOTSUPP; EMFILE; ENFILE; EFAULT; ENOMEM.
 */
struct iommu_fault_alloc {
	__u32 size;
	__u32 flags;
	__u32 out_fault_id;
	__u32 out_fault_fd;
};

#define IOMMU_FAULT_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_FAULT_QUEUE_ALLOC)

/**
 * enum iommu_viommu_type - Kinds of virtual IOMMUs
 * @IOMMU_VIOMMU_TYPE_DEFAULT: None.
 * @IOMMU_VIOMMU_TYPE_ARM_SMMUV3: Of the ARM SMMUv3.
 * @IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: Of the CMDQV of Tegra241.
 *
 * All are EOPNOTSUPP with the kernel's IOMMU drivers so far.
 */
enum iommu_viommu_type {
	IOMMU_VIOMMU_TYPE_DEFAULT = 0,
	IOMMU_VIOMMU_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV = 2
};

/**
 * struct iommu_viommu_tegra241_cmdqv - Data of type
 *	IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV
 * @out_vintf_mmap_offset: Where mmap() of the file of /dev/iommu finds the
 *	registers of the vIOMMU's queues.
 * @out_vintf_mmap_length: Bytes of them.
 */
struct iommu_viommu_tegra241_cmdqv {
	__aligned_u64 out_vintf_mmap_offset;
	__aligned_u64 out_vintf_mmap_length;
};

/**
 * struct iommu_viommu_alloc - ioctl(IOMMU_VIOMMU_ALLOC)
 * @size: sizeof(struct iommu_viommu_alloc)
 * @flags: Must be 0.
 * @type: Of enum iommu_viommu_type, not IOMMU_VIOMMU_TYPE_DEFAULT.
 * @dev_id: A bound device, behind the IOMMU that is meant.
 * @hwpt_id: A page table made with IOMMU_HWPT_ALLOC_NEST_PARENT.
 * @out_viommu_id: ID of the new vIOMMU.
 * @data_len: Bytes at @data_uptr, may be 0.
 * @__reserved: Not looked at.
 * @data_uptr: User address of a struct that @type says, which may have fields
 *	that are written.
 *
 * Make a virtual IOMMU (vIOMMU), the part of one IOMMU that a guest is given: in
 * @hwpt_id the guest's page tables are nested, IOMMU_VDEVICE_ALLOC tells by
 * which IDs it knows its devices, and IOMMU_HWPT_INVALIDATE takes what it
 * invalidates.  It holds @hwpt_id, which cannot be destroyed before, but not the
 * device.
 *
 * Errors: EOPNOTSUPP for flags, and for a @type that the IOMMU does not have;
 * ENOENT when @dev_id is not a device, or @hwpt_id not a page table that is not
 * nested; EINVAL when nothing can be nested in it, it is of an IOMMU of another
 * kind, or the data is too short; E2BIG when the data has bytes set that the
 * kernel does not know; EFAULT; ENOSPC when the context would have more vIOMMUs
 * than the parameter max_viommus; ENOMEM.
 */
struct iommu_viommu_alloc {
	__u32 size;
	__u32 flags;
	__u32 type;
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 out_viommu_id;
	__u32 data_len;
	__u32 __reserved;
	__aligned_u64 data_uptr;
};

#define IOMMU_VIOMMU_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VIOMMU_ALLOC)

/**
 * struct iommu_vdevice_alloc - ioctl(IOMMU_VDEVICE_ALLOC)
 * @size: sizeof(struct iommu_vdevice_alloc)
 * @viommu_id: The vIOMMU.
 * @dev_id: A bound device behind the same IOMMU.
 * @out_vdevice_id: ID of the new vDEVICE.
 * @virt_id: What the guest calls the device on its virtual IOMMU: its stream ID,
 *	for instance.
 *
 * Tell by which ID a guest knows a device (vDEVICE).  It holds the vIOMMU, which
 * cannot be destroyed before, but not the device: when the device is unbound the
 * vDEVICE ends.  Nothing has its ID then until the context ends.
 *
 * Errors: ENOENT when @viommu_id is not a vIOMMU, or @dev_id not a device; EINVAL
 * when they are of different IOMMUs; EEXIST when the device has a vDEVICE, or
 * the vIOMMU has another device with this ID; ENOSPC when the context would have
 * more vDEVICEs than the parameter max_vdevices; EFAULT; ENOMEM.
 */
struct iommu_vdevice_alloc {
	__u32 size;
	__u32 viommu_id;
	__u32 dev_id;
	__u32 out_vdevice_id;
	__aligned_u64 virt_id;
};

#define IOMMU_VDEVICE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VDEVICE_ALLOC)

/**
 * enum iommu_veventq_flag - Flags of struct iommufd_vevent_header
 * @IOMMU_VEVENTQ_FLAG_LOST_EVENTS: Events were lost, for want of room.
 */
enum iommu_veventq_flag {
	IOMMU_VEVENTQ_FLAG_LOST_EVENTS = 1U << 0
};

/**
 * struct iommufd_vevent_header - What is read before the data of an event
 * @flags: Of enum iommu_veventq_flag.  With IOMMU_VEVENTQ_FLAG_LOST_EVENTS no
 *	data follows.
 * @sequence: Number of the event, from 0 on; 0 follows on 2^31 - 1.  A number
 *	that is left out is an event that was lost.  With
 *	IOMMU_VEVENTQ_FLAG_LOST_EVENTS: the last one that was.
 */
struct iommufd_vevent_header {
	__u32 flags;
	__u32 sequence;
};

/**
 * enum iommu_veventq_type - Kinds of events of vIOMMUs
 * @IOMMU_VEVENTQ_TYPE_DEFAULT: None.
 * @IOMMU_VEVENTQ_TYPE_ARM_SMMUV3: Of the ARM SMMUv3.
 * @IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV: Of the CMDQV of Tegra241.
 */
enum iommu_veventq_type {
	IOMMU_VEVENTQ_TYPE_DEFAULT = 0,
	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3 = 1,
	IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV = 2
};

/**
 * struct iommu_vevent_arm_smmuv3 - An event of type
 *	IOMMU_VEVENTQ_TYPE_ARM_SMMUV3
 * @evt: The event as the queue of events of the SMMU has it, with the ID that
 *	the guest has for the device.
 */
struct iommu_vevent_arm_smmuv3 {
	__aligned_le64 evt[4];
};

/**
 * struct iommu_vevent_tegra241_cmdqv - An event of type
 *	IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV
 * @lvcmdq_err_map: A bit for each queue of the vIOMMU that has an error.
 */
struct iommu_vevent_tegra241_cmdqv {
	__aligned_le64 lvcmdq_err_map[2];
};

/**
 * struct iommu_veventq_alloc - ioctl(IOMMU_VEVENTQ_ALLOC)
 * @size: sizeof(struct iommu_veventq_alloc)
 * @flags: Must be 0.
 * @viommu_id: The vIOMMU.
 * @type: Of enum iommu_veventq_type, not IOMMU_VEVENTQ_TYPE_DEFAULT.  A queue of
 *	a type that the vIOMMU does not have stays empty.
 * @veventq_depth: Number of events to have room for, 1 to 2^19.
 * @out_veventq_id: ID of the new queue.
 * @out_veventq_fd: A file descriptor to read events from.
 * @__reserved: Must be 0.
 *
 * Make a queue of the events of one type of a vIOMMU.  read() gives as many
 * whole events as fit, each a struct iommufd_vevent_header and data that @type
 * says, and 0 when there is none: it never waits, poll() does.  The queue holds
 * the vIOMMU, which cannot be destroyed before, and cannot be destroyed while
 * the file is open.
 *
 * Errors: EOPNOTSUPP for flags and IOMMU_VEVENTQ_TYPE_DEFAULT; EINVAL for another
 * @veventq_depth; ENOENT; EEXIST when the vIOMMU has a queue of the type; EMFILE;
 * ENFILE; ENOSPC when the context would have more queues, or room for more
 * events, than the parameters max_veventqs and max_vevents; EFAULT; ENOMEM.
 */
struct iommu_veventq_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 veventq_depth;
	__u32 out_veventq_id;
	__u32 out_veventq_fd;
	__u32 __reserved;
};

#define IOMMU_VEVENTQ_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_VEVENTQ_ALLOC)

/**
 * enum iommu_hw_queue_type - Kinds of queues that hardware reads
 * @IOMMU_HW_QUEUE_TYPE_DEFAULT: None.
 * @IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV: Of the CMDQV of Tegra241.
 */
enum iommu_hw_queue_type {
	IOMMU_HW_QUEUE_TYPE_DEFAULT = 0,
	IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV = 1
};

/**
 * struct iommu_hw_queue_alloc - ioctl(IOMMU_HW_QUEUE_ALLOC)
 * @size: sizeof(struct iommu_hw_queue_alloc)
 * @flags: Must be 0.
 * @viommu_id: The vIOMMU.
 * @type: Of enum iommu_hw_queue_type, not IOMMU_HW_QUEUE_TYPE_DEFAULT.
 * @index: Which queue of the vIOMMU it is, as @type numbers them.
 * @out_hw_queue_id: ID of the new queue.
 * @nesting_parent_iova: Where the queue begins, an IOVA of the IOAS of the page
 *	table that the vIOMMU nests in.
 * @length: Bytes of it, not 0.
 *
 * Have the hardware of a vIOMMU read a queue in memory of its guest, by physical
 * addresses.  The memory has to be contiguous, and what maps it can be read.  The
 * queue holds the vIOMMU, which cannot be destroyed before, and while there is
 * the queue IOMMU_IOAS_UNMAP of a mapping that it touches is EBUSY, and the IOAS
 * takes mappings of whole pages only.  A queue that another one depends on, which
 * @type says, cannot be destroyed before that one.
 *
 * Errors: EOPNOTSUPP for flags, and for a @type that the vIOMMU does not have;
 * EINVAL when @length is 0, some of the range is MMIO, or @index is too large;
 * EOVERFLOW when the range wraps; ENOENT when @viommu_id is not a vIOMMU, or not
 * all pages of the range are mapped; EPERM when a mapping there cannot be read;
 * EADDRINUSE when a mapping of the IOAS begins or ends inside of a page; EFAULT
 * when the memory is not contiguous; EEXIST when the vIOMMU has such a queue;
 * EIO when another queue has to be made first; EINTR when killed; ENOMEM.
 */
struct iommu_hw_queue_alloc {
	__u32 size;
	__u32 flags;
	__u32 viommu_id;
	__u32 type;
	__u32 index;
	__u32 out_hw_queue_id;
	__aligned_u64 nesting_parent_iova;
	__aligned_u64 length;
};

#define IOMMU_HW_QUEUE_ALLOC _IO(IOMMUFD_TYPE, IOMMUFD_CMD_HW_QUEUE_ALLOC)

/**
 * enum iommufd_ioas_demand_op - What IOMMU_IOAS_DEMAND does
 * @IOMMU_IOAS_DEMAND_POPULATE: Pin all memory of the range, and let devices
 *	reach it.
 * @IOMMU_IOAS_DEMAND_PIN: The same, and keep IOMMU_IOAS_DEMAND_RELEASE from
 *	releasing it.
 * @IOMMU_IOAS_DEMAND_UNPIN: Undo one IOMMU_IOAS_DEMAND_PIN of the same range.
 *	The memory stays populated.
 * @IOMMU_IOAS_DEMAND_RELEASE: Unpin memory of the range.  Devices reach it
 *	again by a page fault.
 */
enum iommufd_ioas_demand_op {
	IOMMU_IOAS_DEMAND_POPULATE = 0,
	IOMMU_IOAS_DEMAND_PIN = 1,
	IOMMU_IOAS_DEMAND_UNPIN = 2,
	IOMMU_IOAS_DEMAND_RELEASE = 3
};

/**
 * struct iommu_ioas_demand - ioctl(IOMMU_IOAS_DEMAND)
 * @size: sizeof(struct iommu_ioas_demand)
 * @ioas_id: An IOAS that is on demand, see IOMMU_OPTION_ON_DEMAND.
 * @op: One of enum iommufd_ioas_demand_op.
 * @__reserved: Must be 0.
 * @iova: First byte, a multiple of the CPU's page size.
 * @length: Bytes, likewise.
 *
 * An extension of this driver, which mainline does not have.
 *
 * Memory is populated in pieces: those that this call makes end at multiples of
 * 2 MiB of the memory, those of page faults are a page, or a huge page.  A
 * piece that is only partly in the range is pinned and unpinned as a whole, and
 * not released.
 *
 * Errors: EOPNOTSUPP, also for an IOAS that is not on demand; EINVAL for a
 * range that is empty or misaligned, or, to populate and pin, has a device's
 * BAR; EOVERFLOW; ENOENT when no IOAS has this ID, when not all of the range is
 * mapped or, to unpin, pinned; to populate and pin, ENODEV when the IOAS has no
 * page table, and those of IOMMU_IOAS_MAP about memory; EBUSY to release what
 * is pinned.
 */
struct iommu_ioas_demand {
	__u32 size;
	__u32 ioas_id;
	__u32 op;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#define IOMMU_IOAS_DEMAND _IO(IOMMUFD_TYPE, IOMMUFD_CMD_IOAS_DEMAND)

#endif

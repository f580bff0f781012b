/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * User ABI of /dev/vfio/devices/vfioN: what <linux/vfio.h> of Linux 6.1 lacks.
 *
 * Whatever the <linux/vfio.h> in use has already is taken from there.  Two
 * things can therefore not be offered together with an old one, because a
 * struct of the same name is there:
 *
 *  - struct vfio_device_info has had a field ``__u32 pad`` at its end (offset
 *    20) since 6.6: only padding that makes its size a multiple of 8.
 *  - struct vfio_pci_dependent_device has had a union of ``group_id`` and
 *    ``devid`` at offset 0 since 6.6.  With an older header read @devid from
 *    the field @group_id.
 *
 * In the same way a <linux/vfio.h> between 6.6 and today may lack the last
 * field of the structs for bind, attach and detach.
 *
 * Life of a file:
 *
 *	open /dev/vfio/devices/vfioN		the file is parked
 *	VFIO_DEVICE_BIND_IOMMUFD		the device is the file's
 *	VFIO_DEVICE_ATTACH_IOMMUFD_PT		DMA reaches what is mapped
 *	  VFIO_DEVICE_GET_INFO, pread, pwrite, mmap, ...
 *	VFIO_DEVICE_DETACH_IOMMUFD_PT		DMA reaches nothing
 *	close					the device is free again
 *
 * On a parked file everything but bind fails with EINVAL.
 *
 * Each struct starts with @argsz, the size of the struct as the caller knows
 * it: below the size of its first version the call fails with EINVAL; what is
 * beyond is looked at only if a flag asks for it.  Bind also fails with E2BIG
 * if the argument is longer than its struct, and what is beyond is not zero.
 */
#ifndef _UAPI_LINUX_VFIO_CDEV_H
#define _UAPI_LINUX_VFIO_CDEV_H

#include <linux/types.h>
#include <linux/vfio.h>

/* struct vfio_device_info: the device is on a CDX bus */
#ifndef VFIO_DEVICE_FLAGS_CDX
#define VFIO_DEVICE_FLAGS_CDX 0x100
#endif

/* struct vfio_device_info: PCIe atomic operations that the root port does */
#ifndef VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP
#define VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP 5
#endif

/*
 * VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, as asked on a device file.
 *
 * @flags:
 *  - VFIO_PCI_HOT_RESET_FLAG_DEV_ID: the list gives device IDs of the caller's
 *    iommufd context, not group IDs.
 *  - VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED: the caller owns all the devices, so
 *    that a hot reset is possible.  Only with the flag above.
 *
 * Special values of devid:
 *  - VFIO_PCI_DEVID_OWNED: the device has no ID, yet nobody but the caller can
 *    have it: its group is the context's, and its driver is a VFIO driver.
 *  - VFIO_PCI_DEVID_NOT_OWNED: the device is not the caller's.
 *
 * VFIO_DEVICE_PCI_HOT_RESET on a device file takes no group files (@count is
 * 0): what counts is which devices are bound to the caller's context.
 *
 * Errors of both: EINVAL the struct is too small, a field is not as said above,
 * or the caller does not own all that would be reset.  ENODEV the device can be
 * reset in no such way.  ENOSPC of the first: @count says how many entries there
 * are, and there is no room for as many.  EFAULT, ENOMEM.
 */
#ifndef VFIO_PCI_HOT_RESET_FLAG_DEV_ID
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID 0x1
#endif
#ifndef VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED
#define VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED 0x2
#endif
#ifndef VFIO_PCI_DEVID_OWNED
#define VFIO_PCI_DEVID_OWNED 0
#endif
#ifndef VFIO_PCI_DEVID_NOT_OWNED
#define VFIO_PCI_DEVID_NOT_OWNED -1
#endif

#ifndef VFIO_DEVICE_BIND_IOMMUFD
/**
 * struct vfio_device_bind_iommufd - ioctl(VFIO_DEVICE_BIND_IOMMUFD)
 * @argsz: sizeof(struct vfio_device_bind_iommufd); at least 16.
 * @flags: 0, or VFIO_DEVICE_BIND_FLAG_TOKEN.
 * @iommufd: An open file of /dev/iommu.
 * @out_devid: Filled in: the ID of the device in the context of @iommufd.
 * @token_uuid_ptr: With VFIO_DEVICE_BIND_FLAG_TOKEN a pointer to 16 bytes, the
 *	UUID that the users of an SR-IOV physical function and of its virtual
 *	functions share, in the order of its text.  Without the flag it is
 *	ignored.
 *
 * Makes the device the file's own, until the file is closed.  Its IOMMU group
 * is taken from the host's drivers and from all other contexts, and can do no
 * DMA until it is attached to a page table.
 *
 * A virtual function needs the token of its physical function if VFIO has that
 * one, too; so does a physical function while one of its virtual functions is in
 * use.  At all other times a physical function takes the token as its new one.
 *
 * Errors: EBADF @iommufd is not open.  EBADFD @iommufd is not of /dev/iommu.
 * EINVAL the device is bound already, by this file or another; @flags has a bit
 * that is not known; there is a token, and the device takes none.  EPERM, EBUSY
 * the group is in use by a driver of the host, by another context or through
 * /dev/vfio/GROUP; a hot reset of the device is under way.  EPERM interrupts of
 * the device are not isolated.  EACCES the device needs a token, or another one.
 * ENODEV the device is gone or going.  E2BIG, EFAULT the argument or the token.
 */
struct vfio_device_bind_iommufd {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};

#define VFIO_DEVICE_BIND_IOMMUFD _IO(VFIO_TYPE, VFIO_BASE + 18)
#endif

#ifndef VFIO_DEVICE_BIND_FLAG_TOKEN
#define VFIO_DEVICE_BIND_FLAG_TOKEN 0x1
#endif

#ifndef VFIO_DEVICE_ATTACH_IOMMUFD_PT
/**
 * struct vfio_device_attach_iommufd_pt - ioctl(VFIO_DEVICE_ATTACH_IOMMUFD_PT)
 * @argsz: sizeof(struct vfio_device_attach_iommufd_pt); at least 12.
 * @flags: 0, or VFIO_DEVICE_ATTACH_PASID.
 * @pt_id: The ID of an IOAS or of a HWPT of the context that the device is
 *	bound to.  Filled in: the ID of the HWPT that was attached.
 * @pasid: With VFIO_DEVICE_ATTACH_PASID the PASID whose DMA is meant; all other
 *	DMA of the device is not concerned.  Without it, not looked at.
 *
 * Puts the page table behind @pt_id into effect for the device's DMA.  For an
 * IOAS a page table is found or made.  A device that is attached already is
 * moved to the new one, or stays where it is if that fails.  All devices of a
 * group have the same page table.
 *
 * A PASID is attached to a HWPT that was made with IOMMU_HWPT_ALLOC_PASID, or
 * moved to another one if it is attached; then @argsz is at least 16.  EINVAL if
 * @pt_id is anything else, if the device is attached to another HWPT than such a
 * one, or if it has no such PASID, see IOMMU_GET_HW_INFO.
 *
 * Errors: EINVAL @flags has a bit that is not known; the group is attached
 * elsewhere by another device; the page table does not suit the device.
 * ENOENT @pt_id is not the ID of an IOAS or HWPT.  EADDRINUSE something is
 * mapped where the device reserves IOVA.  ENOMEM.  EFAULT the argument, or the
 * memory to be mapped, cannot be accessed.
 */
struct vfio_device_attach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
	__u32 pasid;
};

#define VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 19)
#endif

#ifndef VFIO_DEVICE_ATTACH_PASID
#define VFIO_DEVICE_ATTACH_PASID 0x1
#endif

#ifndef VFIO_DEVICE_DETACH_IOMMUFD_PT
/**
 * struct vfio_device_detach_iommufd_pt - ioctl(VFIO_DEVICE_DETACH_IOMMUFD_PT)
 * @argsz: sizeof(struct vfio_device_detach_iommufd_pt); at least 8.
 * @flags: 0, or VFIO_DEVICE_DETACH_PASID.
 * @pasid: With VFIO_DEVICE_DETACH_PASID the PASID to be detached; then @argsz is
 *	at least 12.  Without it, not looked at.
 *
 * From its return on DMA of the device, or with the PASID, reaches nothing.  A
 * device or a PASID that is not attached stays so: that is no error.
 *
 * Errors: EINVAL @flags has a bit that is not known.
 */
struct vfio_device_detach_iommufd_pt {
	__u32 argsz;
	__u32 flags;
	__u32 pasid;
};

#define VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(VFIO_TYPE, VFIO_BASE + 20)
#endif

#ifndef VFIO_DEVICE_DETACH_PASID
#define VFIO_DEVICE_DETACH_PASID 0x1
#endif

/*
 * More features for VFIO_DEVICE_FEATURE.  A device, or a kernel, that does not
 * have one answers ENOTTY.
 */

/* GET: an estimate of how much data there is to migrate once stopped */
#ifndef VFIO_DEVICE_FEATURE_MIG_DATA_SIZE
#define VFIO_DEVICE_FEATURE_MIG_DATA_SIZE 9
#endif

#ifndef VFIO_DEVICE_FEATURE_BUS_MASTER
/**
 * struct vfio_device_feature_bus_master - SET of FEATURE_BUS_MASTER
 * @op: VFIO_DEVICE_FEATURE_CLEAR_MASTER keeps the device from starting any
 *	DMA; VFIO_DEVICE_FEATURE_SET_MASTER lets it.
 *
 * For buses where that is not a register which the user can write anyway.
 */
struct vfio_device_feature_bus_master {
	__u32 op;
#define VFIO_DEVICE_FEATURE_CLEAR_MASTER 0
#define VFIO_DEVICE_FEATURE_SET_MASTER 1
};

#define VFIO_DEVICE_FEATURE_BUS_MASTER 10
#endif

#ifndef VFIO_DEVICE_FEATURE_DMA_BUF
/**
 * struct vfio_region_dma_range - a piece of a device region
 * @offset: Where it starts in the region; a multiple of the page size.
 * @length: Its size in bytes; a multiple of the page size.
 */
struct vfio_region_dma_range {
	__u64 offset;
	__u64 length;
};

/**
 * struct vfio_device_feature_dma_buf - GET of FEATURE_DMA_BUF
 * @region_index: The region, as in struct vfio_region_info.
 * @open_flags: Flags of the new file: O_CLOEXEC and an access mode.
 * @flags: Must be 0.
 * @nr_ranges: Number of entries in @dma_ranges.
 * @dma_ranges: The pieces of the region, in the order in which they follow
 *	each other in the dma-buf.
 *
 * Makes a dma-buf of device memory, for other devices to access.  The call
 * returns its file descriptor.
 */
struct vfio_device_feature_dma_buf {
	__u32 region_index;
	__u32 open_flags;
	__u32 flags;
	__u32 nr_ranges;
	struct vfio_region_dma_range dma_ranges[];
};

#define VFIO_DEVICE_FEATURE_DMA_BUF 11
#endif

/* SET: precopy information comes in its second version */
#ifndef VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2
#define VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2 12
#endif

/* GET: the error state of an s390 zPCI device */
#ifndef VFIO_DEVICE_FEATURE_ZPCI_ERROR
#define VFIO_DEVICE_FEATURE_ZPCI_ERROR 13
#endif

#endif /* _UAPI_LINUX_VFIO_CDEV_H */

// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/iommu: the device file, its table of ioctls, and the module
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <uapi/linux/iommufd.h>

#include "ctx.h"
#include "dirty.h"
#include "fault.h"
#include "fdinfo.h"
#include "hw_info.h"
#include "hw_queue.h"
#include "hwpt_alloc.h"
#include "ioas.h"
#include "ioas_map.h"
#include "nested.h"
#include "noiommu.h"
#include "object.h"
#include "test_hook.h"
#include "ucmd.h"
#include "vdevice.h"
#include "veventq.h"
#include "vfio_compat.h"
#include "viommu.h"

static int iommufd_destroy(struct iommufd_ucmd *ucmd)
{
	struct iommu_destroy *cmd = ucmd->cmd;

	return iommufd_object_destroy(ucmd->ictx, cmd->id);
}

union iommufd_cmds {
	struct iommu_destroy destroy;
	struct iommu_fault_alloc fault_alloc;
	struct iommu_hw_info hw_info;
	struct iommu_hw_queue_alloc hw_queue_alloc;
	struct iommu_hwpt_alloc hwpt_alloc;
	struct iommu_hwpt_get_dirty_bitmap get_dirty_bitmap;
	struct iommu_hwpt_invalidate hwpt_invalidate;
	struct iommu_hwpt_set_dirty_tracking set_dirty_tracking;
	struct iommu_ioas_alloc ioas_alloc;
	struct iommu_ioas_allow_iovas allow_iovas;
	struct iommu_ioas_change_process change_process;
	struct iommu_ioas_copy ioas_copy;
	struct iommu_ioas_demand ioas_demand;
	struct iommu_ioas_iova_ranges iova_ranges;
	struct iommu_ioas_map map;
	struct iommu_ioas_map_file map_file;
	struct iommu_ioas_noiommu_get_pa get_pa;
	struct iommu_ioas_unmap unmap;
	struct iommu_option option;
	struct iommu_vdevice_alloc vdevice_alloc;
	struct iommu_veventq_alloc veventq_alloc;
	struct iommu_vfio_ioas vfio_ioas;
	struct iommu_viommu_alloc viommu_alloc;
};

/**
 * struct iommufd_ioctl - Description of one ioctl
 * @size: Size of its struct in this driver.
 * @min_size: The smallest size that a caller may give: up to the last field of
 *	the struct in the first version of the ABI.
 * @execute: Executes the ioctl.
 */
struct iommufd_ioctl {
	unsigned int size;
	unsigned int min_size;
	int (*execute)(struct iommufd_ucmd *ucmd);
};

#define IOCTL(_cmd, _fn, _struct, _last)				\
	[_IOC_NR(_cmd) - IOMMUFD_CMD_BASE] = {				\
		.size = sizeof(_struct) +				\
			BUILD_BUG_ON_ZERO(sizeof(_struct) >		\
					  sizeof(union iommufd_cmds)),	\
		.min_size = offsetofend(_struct, _last),		\
		.execute = _fn,						\
	}

static const struct iommufd_ioctl iommufd_ioctls[] = {
	IOCTL(IOMMU_DESTROY, iommufd_destroy, struct iommu_destroy, id),
	IOCTL(IOMMU_FAULT_QUEUE_ALLOC, iommufd_fault_queue_alloc,
	      struct iommu_fault_alloc, out_fault_fd),
	IOCTL(IOMMU_GET_HW_INFO, iommufd_get_hw_info, struct iommu_hw_info,
	      __reserved),
	IOCTL(IOMMU_HWPT_ALLOC, iommufd_hwpt_alloc_ioctl,
	      struct iommu_hwpt_alloc, __reserved),
	IOCTL(IOMMU_HWPT_GET_DIRTY_BITMAP, iommufd_hwpt_get_dirty_bitmap,
	      struct iommu_hwpt_get_dirty_bitmap, data),
	IOCTL(IOMMU_HWPT_INVALIDATE, iommufd_hwpt_invalidate,
	      struct iommu_hwpt_invalidate, __reserved),
	IOCTL(IOMMU_HWPT_SET_DIRTY_TRACKING, iommufd_hwpt_set_dirty_tracking,
	      struct iommu_hwpt_set_dirty_tracking, __reserved),
	IOCTL(IOMMU_HW_QUEUE_ALLOC, iommufd_hw_queue_alloc,
	      struct iommu_hw_queue_alloc, length),
	IOCTL(IOMMU_IOAS_ALLOC, iommufd_ioas_alloc_ioctl,
	      struct iommu_ioas_alloc, out_ioas_id),
	IOCTL(IOMMU_IOAS_ALLOW_IOVAS, iommufd_ioas_allow_iovas,
	      struct iommu_ioas_allow_iovas, allowed_iovas),
	IOCTL(IOMMU_IOAS_CHANGE_PROCESS, iommufd_change_process,
	      struct iommu_ioas_change_process, __reserved),
	IOCTL(IOMMU_IOAS_COPY, iommufd_ioas_copy, struct iommu_ioas_copy,
	      src_iova),
	IOCTL(IOMMU_IOAS_DEMAND, iommufd_ioas_demand, struct iommu_ioas_demand,
	      length),
	IOCTL(IOMMU_IOAS_IOVA_RANGES, iommufd_ioas_iova_ranges,
	      struct iommu_ioas_iova_ranges, out_iova_alignment),
	IOCTL(IOMMU_IOAS_MAP, iommufd_ioas_map, struct iommu_ioas_map, iova),
	IOCTL(IOMMU_IOAS_MAP_FILE, iommufd_ioas_map_file,
	      struct iommu_ioas_map_file, iova),
	IOCTL(IOMMU_IOAS_NOIOMMU_GET_PA, iommufd_ioas_noiommu_get_pa,
	      struct iommu_ioas_noiommu_get_pa, out_phys),
	IOCTL(IOMMU_IOAS_UNMAP, iommufd_ioas_unmap, struct iommu_ioas_unmap,
	      length),
	IOCTL(IOMMU_OPTION, iommufd_option, struct iommu_option, val64),
	IOCTL(IOMMU_VDEVICE_ALLOC, iommufd_vdevice_alloc,
	      struct iommu_vdevice_alloc, virt_id),
	IOCTL(IOMMU_VEVENTQ_ALLOC, iommufd_veventq_alloc,
	      struct iommu_veventq_alloc, out_veventq_fd),
	IOCTL(IOMMU_VFIO_IOAS, iommufd_vfio_ioas, struct iommu_vfio_ioas,
	      __reserved),
	IOCTL(IOMMU_VIOMMU_ALLOC, iommufd_viommu_alloc,
	      struct iommu_viommu_alloc, out_viommu_id),
};

static long iommufd_fops_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	unsigned int nr = _IOC_NR(cmd);
	const struct iommufd_ioctl *op;
	union iommufd_cmds buf __uninitialized;
	struct iommufd_ucmd ucmd = {
		.ictx = file->private_data,
		.ubuffer = (void __user *)arg,
		.cmd = &buf,
	};
	int rc;

	if (cmd != _IO(IOMMUFD_TYPE, nr))
		return -ENOTTY;
	/* The ioctls of VFIO have the same type, and lower numbers. */
	if (nr < IOMMUFD_CMD_BASE)
		return iommufd_vfio_ioctl(ucmd.ictx, cmd, arg);
	nr -= IOMMUFD_CMD_BASE;
	if (nr >= ARRAY_SIZE(iommufd_ioctls) || !iommufd_ioctls[nr].execute)
		return iommufd_test_ioctl(ucmd.ictx, cmd, ucmd.ubuffer);
	op = &iommufd_ioctls[nr];

	if (get_user(ucmd.user_size, (u32 __user *)ucmd.ubuffer))
		return -EFAULT;
	if (ucmd.user_size < op->min_size)
		return -EINVAL;
	rc = copy_struct_from_user(&buf, op->size, ucmd.ubuffer,
				   ucmd.user_size);
	if (rc)
		return rc;
	return op->execute(&ucmd);
}

static int iommufd_fops_open(struct inode *inode, struct file *file)
{
	struct iommufd_ctx *ictx = iommufd_ctx_create(file);

	if (IS_ERR(ictx))
		return PTR_ERR(ictx);
	file->private_data = ictx;
	return 0;
}

static int iommufd_fops_release(struct inode *inode, struct file *file)
{
	iommufd_ctx_destroy(file->private_data);
	return 0;
}

static void iommufd_fops_show_fdinfo(struct seq_file *seq, struct file *file)
{
	iommufd_fdinfo_show(seq, file->private_data);
}

static const struct file_operations iommufd_fops = {
	.owner = THIS_MODULE,
	.open = iommufd_fops_open,
	.release = iommufd_fops_release,
	.unlocked_ioctl = iommufd_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = iommufd_viommu_mmap,
	.show_fdinfo = iommufd_fops_show_fdinfo,
	.llseek = noop_llseek,
};

/**
 * iommufd_ctx_from_fd() - Get the context behind a file descriptor
 * @fd: A file descriptor of the current process.
 *
 * Context: Process context.  Pairs with iommufd_ctx_put().
 *
 * Return: the context, referenced, or ERR_PTR(): -EBADF when @fd is not open,
 * -EBADFD when it is not one of /dev/iommu.
 */
struct iommufd_ctx *iommufd_ctx_from_fd(int fd)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	if (file->f_op != &iommufd_fops) {
		fput(file);
		return ERR_PTR(-EBADFD);
	}
	return file->private_data;
}
EXPORT_SYMBOL_GPL(iommufd_ctx_from_fd);

/**
 * iommufd_vfio_ctx_create() - Make a context for a container of the VFIO core
 * @ioas_id: Set to the ID of its compatibility IOAS.
 *
 * No process has the file of the context open.  As in type1, pinned pages count
 * against the limit of the process that has mapped them.  The VFIO core has
 * claimed the DMA of the groups whose devices are bound to the context.
 *
 * Context: Process context.  Pairs with iommufd_ctx_put().
 *
 * Return: the context, or ERR_PTR(): -ENOMEM, or -ENFILE when the system has too
 * many files open.
 */
struct iommufd_ctx *iommufd_vfio_ctx_create(u32 *ioas_id)
{
	struct iommufd_ctx *ictx = iommufd_ctx_create(NULL);
	int rc;

	if (IS_ERR(ictx))
		return ictx;
	ictx->file = anon_inode_getfile("[iommufd]", &iommufd_fops, ictx,
					O_RDWR);
	if (IS_ERR(ictx->file)) {
		rc = PTR_ERR(ictx->file);
		iommufd_ctx_destroy(ictx);
		return ERR_PTR(rc);
	}
	ictx->account_mode = IOPT_ACCOUNT_PROCESS;
	ictx->dma_claimed = true;
	rc = iommufd_vfio_ioas_create(ictx, ioas_id);
	if (rc) {
		iommufd_ctx_put(ictx);
		return ERR_PTR(rc);
	}
	return ictx;
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_ctx_create, "IOMMUFD_VFIO");

static struct miscdevice iommufd_misc_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommu",
	.nodename = "iommu",
	.fops = &iommufd_fops,
	.mode = 0660,
};
module_misc_device(iommufd_misc_dev);

MODULE_DESCRIPTION("I/O address spaces managed by user space");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
MODULE_IMPORT_NS("IOMMUFD_INTERNAL");
MODULE_IMPORT_NS("DMA_BUF");

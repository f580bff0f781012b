// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device of a VFIO device, /dev/vfio/devices/vfioN, and the calls
 * on its files.
 *
 * An open file is parked until VFIO_DEVICE_BIND_IOMMUFD has succeeded on it.  A
 * parked file refers to a struct vfio_cdev only, never to the vfio_device.  So
 * it cannot delay the removal of the device; after the removal, bind fails with
 * ENODEV.  (A reference to the vfio_device would also keep the vfio_device on
 * the list of its device set after the removal, where the VFIO core would still
 * use it.)
 */
#include <linux/capability.h>
#include <linux/cdev.h>
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/kdev_t.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pm_runtime.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/xarray.h>
#include <uapi/linux/vfio_cdev.h>

#include "cdev.h"
#include "cdev_bind.h"
#include "cdev_file.h"
#include "cdev_ops.h"

/*
 * The devices that can be opened, by minor.  A look-up takes a reference with
 * the xarray's lock held.
 */
static DEFINE_XARRAY(vfio_cdevs);
static dev_t vfio_cdev_devt;
static struct cdev vfio_cdev_chrdev;

static void vfio_cdev_free(struct kref *kref)
{
	struct vfio_cdev *cdev = container_of(kref, struct vfio_cdev, kref);

	mutex_destroy(&cdev->lock);
	kfree(cdev->path);
	kfree(cdev);
}

/*
 * VFIO_DEVICE_FEATURE.  The VFIO core handles the features for migration and
 * DMA logging before it asks the driver.  PCI functions of vfio-pci have
 * neither, so the driver's ENOTTY to features that it does not know is right
 * for both.
 */
static int vfio_cdev_feature(struct vfio_device *vdev,
			     struct vfio_device_feature __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_feature, flags);
	const u32 both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET;
	struct vfio_device_feature feature;

	if (copy_from_user(&feature, arg, minsz))
		return -EFAULT;
	if (feature.argsz < minsz)
		return -EINVAL;
	if (feature.flags &
	    ~(VFIO_DEVICE_FEATURE_MASK | VFIO_DEVICE_FEATURE_PROBE | both))
		return -EINVAL;
	if (!(feature.flags & VFIO_DEVICE_FEATURE_PROBE) &&
	    (feature.flags & both) == both)
		return -EINVAL;

	if (!vdev->ops->device_feature)
		return -ENOTTY;
	return vdev->ops->device_feature(vdev, feature.flags, arg->data,
					 feature.argsz - minsz);
}

/*
 * vfio-pci-core gives the driver its runtime power management with the first
 * device that it registers, which a device without an IOMMU is not.
 */
static bool vfio_cdev_has_pm(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	return !cdev->noiommu && vdev->dev->driver->pm;
}

static int vfio_cdev_pm_get(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	struct device *dev = vdev->dev;
	int rc;

	if (!vfio_cdev_has_pm(cdev, vdev))
		return 0;

	rc = pm_runtime_resume_and_get(dev);
	if (rc) {
		dev_info_ratelimited(dev, "vfio: runtime resume failed %d\n",
				     rc);
		return -EIO;
	}
	return 0;
}

static void vfio_cdev_pm_put(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	if (vfio_cdev_has_pm(cdev, vdev))
		pm_runtime_put(vdev->dev);
}

/* The page table in which the kernel may map what interrupts need must not go. */
static long vfio_cdev_set_irqs(struct vfio_cdev_file *df,
			       struct vfio_device *vdev, unsigned long arg)
{
	long rc;

	rc = iommufd_device_hold_attach(df->idev);
	if (rc)
		return rc;
	rc = vdev->ops->ioctl(vdev, VFIO_DEVICE_SET_IRQS, arg);
	iommufd_device_release_attach(df->idev);
	return rc;
}

static long vfio_cdev_fops_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	struct vfio_cdev_file *df = file->private_data;
	void __user *uarg = (void __user *)arg;
	struct vfio_device *vdev;
	long rc;

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return vfio_cdev_bind(df, uarg);

	vdev = vfio_cdev_bound(file);
	if (!vdev)
		return -EINVAL;

	rc = vfio_cdev_pm_get(df->cdev, vdev);
	if (rc)
		return rc;

	switch (cmd) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		rc = vfio_cdev_attach(df, uarg);
		break;
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		rc = vfio_cdev_detach(df, uarg);
		break;
	case VFIO_DEVICE_FEATURE:
		rc = vfio_cdev_feature(vdev, uarg);
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		rc = vfio_device_region_info(vdev, uarg);
		break;
	case VFIO_DEVICE_SET_IRQS:
		rc = vfio_cdev_set_irqs(df, vdev, arg);
		break;
	default:
		rc = vdev->ops->ioctl(vdev, cmd, arg);
		break;
	}

	df->cdev->ops->called(vdev);
	vfio_cdev_pm_put(df->cdev, vdev);
	return rc;
}

static ssize_t vfio_cdev_fops_read(struct file *file, char __user *buf,
				   size_t count, loff_t *ppos)
{
	struct vfio_device *vdev = vfio_cdev_bound(file);

	if (!vdev)
		return -EINVAL;
	return vdev->ops->read(vdev, buf, count, ppos);
}

static ssize_t vfio_cdev_fops_write(struct file *file, const char __user *buf,
				    size_t count, loff_t *ppos)
{
	struct vfio_device *vdev = vfio_cdev_bound(file);

	if (!vdev)
		return -EINVAL;
	return vdev->ops->write(vdev, buf, count, ppos);
}

/*
 * mmap() of a parked file fails here, before the kernel reads f_mapping of the
 * file for the first time: bind sets f_mapping, and it must not change during
 * mmap().
 */
static unsigned long
vfio_cdev_fops_get_unmapped_area(struct file *file, unsigned long addr,
				 unsigned long len, unsigned long pgoff,
				 unsigned long flags)
{
	if (!vfio_cdev_bound(file))
		return -EINVAL;
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
}

/* A mapping holds the file, so the device stays bound meanwhile. */
static int vfio_cdev_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct vfio_device *vdev = vfio_cdev_bound(file);

	if (!vdev)
		return -EINVAL;
	return vdev->ops->mmap(vdev, vma);
}

static int vfio_cdev_fops_open(struct inode *inode, struct file *file)
{
	struct vfio_cdev_file *df;
	int rc;

	df = kzalloc(sizeof(*df), GFP_KERNEL_ACCOUNT);
	if (!df)
		return -ENOMEM;

	xa_lock(&vfio_cdevs);
	df->cdev = xa_load(&vfio_cdevs, iminor(inode));
	if (df->cdev)
		kref_get(&df->cdev->kref);
	xa_unlock(&vfio_cdevs);

	if (!df->cdev) {
		rc = -ENXIO;
		goto err_free;
	}
	if (df->cdev->noiommu && !capable(CAP_SYS_RAWIO)) {
		rc = -EPERM;
		goto err_put;
	}

	mutex_init(&df->lock);
	spin_lock_init(&df->kvm_lock);
	df->file = file;
	file->private_data = df;
	return 0;

err_put:
	vfio_cdev_put(df->cdev);
err_free:
	kfree(df);
	return rc;
}

/*
 * The reader of /proc/PID/fdinfo holds the file, so a bound device stays bound.
 * A page table can come and go meanwhile: its ID was true at some moment.
 */
static void vfio_cdev_fops_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct vfio_cdev_file *df = file->private_data;
	const char *path = df->cdev->path;
	u32 pt_id;

	seq_printf(m, "vfio-device-syspath: /sys%s\n", path);
	seq_printf(m, "vfio-device:\t%s\n", kbasename(path));
	seq_printf(m, "vfio-dma-coherent:\t%u\n", df->cdev->coherent);
	if (!vfio_cdev_bound(file))
		return;
	seq_printf(m, "vfio-iommufd-device:\t%u\n",
		   iommufd_device_to_id(df->idev));
	pt_id = READ_ONCE(df->pt_id);
	if (pt_id)
		seq_printf(m, "vfio-iommufd-pt:\t%u\n", pt_id);
}

static int vfio_cdev_fops_release(struct inode *inode, struct file *file)
{
	struct vfio_cdev_file *df = file->private_data;

	vfio_cdev_unbind(df);
	vfio_cdev_put(df->cdev);
	mutex_destroy(&df->lock);
	kfree(df);
	return 0;
}

/* The device files of the group interface have no llseek either. */
static const struct file_operations vfio_cdev_fops = {
	.owner = THIS_MODULE,
	.open = vfio_cdev_fops_open,
	.release = vfio_cdev_fops_release,
	.read = vfio_cdev_fops_read,
	.write = vfio_cdev_fops_write,
	.unlocked_ioctl = vfio_cdev_fops_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.get_unmapped_area = vfio_cdev_fops_get_unmapped_area,
	.mmap = vfio_cdev_fops_mmap,
	.show_fdinfo = vfio_cdev_fops_show_fdinfo,
};

static char *vfio_cdev_devnode(devnode_const struct device *dev, umode_t *mode,
			       kuid_t *uid, kgid_t *gid)
{
	return kasprintf(GFP_KERNEL, "vfio/devices/%s", dev_name(dev));
}

static const struct device_type vfio_cdev_type = {
	.devnode = vfio_cdev_devnode,
};

/**
 * vfio_cdev_possible() - Whether a device can be used through a device file
 * @dev: The device.
 *
 * The node of a device that can never be bound would only mislead programs,
 * which prefer the node to the group.  The VFIO core later gives an artificial
 * group to a device without an IOMMU, so the function must be called before.
 *
 * Context: Process context; before the device is registered with VFIO.
 *
 * Return: true if vfio_cdev_add() should be called.
 */
bool vfio_cdev_possible(struct device *dev)
{
	int rc = iommufd_device_check(dev);

	if (!rc || rc == -ENOMEM)
		return true;
	dev_info(dev, "no device file: bind would always fail with error %d\n",
		 rc);
	return false;
}

/**
 * vfio_cdev_add() - Add the character device of a VFIO device
 * @vdev: The device, allocated and not yet registered.  Its driver must have
 *	the ops open_device, close_device, ioctl, read, write and mmap.
 * @ops: The operations of the bus driver; constant.
 * @noiommu: The device has no IOMMU: only a process with CAP_SYS_RAWIO may open
 *	the file.
 *
 * The node, and the attribute "dev" in sysfs, exist while @vdev is registered.
 * Pairs with vfio_cdev_del() before @vdev is unregistered, and vfio_cdev_put()
 * when @vdev is freed.
 *
 * Context: Process context; sleeps.
 *
 * Return: The character device, or ERR_PTR(-ENOMEM).
 */
struct vfio_cdev *vfio_cdev_add(struct vfio_device *vdev,
				const struct vfio_cdev_ops *ops, bool noiommu)
{
	struct vfio_cdev *cdev;
	int rc;

	cdev = kzalloc(sizeof(*cdev), GFP_KERNEL);
	if (!cdev)
		return ERR_PTR(-ENOMEM);

	kref_init(&cdev->kref);
	mutex_init(&cdev->lock);
	cdev->minor = vdev->index;
	cdev->ops = ops;
	cdev->vdev = vdev;
	cdev->noiommu = noiommu;
	cdev->coherent = device_iommu_capable(vdev->dev,
					      IOMMU_CAP_ENFORCE_CACHE_COHERENCY);

	cdev->path = kobject_get_path(&vdev->dev->kobj, GFP_KERNEL);
	if (!cdev->path) {
		rc = -ENOMEM;
		goto err_put;
	}
	rc = xa_insert(&vfio_cdevs, cdev->minor, cdev, GFP_KERNEL);
	if (rc)
		goto err_put;

	vdev->device.devt = MKDEV(MAJOR(vfio_cdev_devt), cdev->minor);
	vdev->device.type = &vfio_cdev_type;
	return cdev;

err_put:
	vfio_cdev_put(cdev);
	return ERR_PTR(rc);
}

/**
 * vfio_cdev_del() - Refuse new users of a character device
 * @cdev: The character device, or NULL.
 *
 * From now on open() fails with ENXIO and bind with ENODEV.  A bound file stays
 * usable; vfio_unregister_group_dev() asks its user to close it, and waits.
 *
 * Context: Process context; sleeps.  Takes vfio_cdev.lock.
 */
void vfio_cdev_del(struct vfio_cdev *cdev)
{
	if (!cdev)
		return;

	xa_erase(&vfio_cdevs, cdev->minor);

	mutex_lock(&cdev->lock);
	cdev->vdev = NULL;
	mutex_unlock(&cdev->lock);
}

/**
 * vfio_cdev_put() - Drop the device's reference to its character device
 * @cdev: The character device, or NULL.
 *
 * Context: Any but hard interrupt.
 */
void vfio_cdev_put(struct vfio_cdev *cdev)
{
	if (cdev)
		kref_put(&cdev->kref, vfio_cdev_free);
}

/**
 * vfio_cdev_binding() - The binding of a device that a device file has open
 * @cdev: The character device of @vdev, or NULL.
 * @vdev: The device.
 *
 * May also be called during open_device() and close_device().
 *
 * Context: The caller holds the lock of the device set.
 *
 * Return: The device in the context that it is bound to, or NULL if no device
 * file has @vdev open.
 */
struct iommufd_device *vfio_cdev_binding(struct vfio_cdev *cdev,
					 struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return cdev && cdev->user ? cdev->user->idev : NULL;
}

/**
 * vfio_cdev_zap() - Remove a device's mappings from the page tables of the CPU
 * @cdev: The character device of @vdev, or NULL.
 * @vdev: The device.
 *
 * The next access of a mapping by mmap() faults, and the driver handles the
 * fault.
 *
 * Context: Process context; sleeps.  The caller holds the lock of the device
 * set.
 */
void vfio_cdev_zap(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	if (cdev && cdev->user)
		unmap_mapping_range(cdev->user->file->f_mapping, 0, 0, true);
}

/**
 * vfio_cdev_is_file() - Whether a file is a device file
 * @file: Any file.
 *
 * Context: Any, also that of an ftrace hook.
 *
 * Return: true for a device file, bound or not.
 */
notrace bool vfio_cdev_is_file(struct file *file)
{
	return file->f_op == &vfio_cdev_fops;
}

/**
 * vfio_cdev_file_is_coherent() - Whether the IOMMU enforces cache coherency
 * @file: A device file, bound or not.
 *
 * For KVM, which otherwise has to let the guest flush caches.
 *
 * Context: Any.
 *
 * Return: true if the IOMMU enforces cache coherency of the device's DMA in
 * each page table that the device can be attached to.
 */
bool vfio_cdev_file_is_coherent(struct file *file)
{
	struct vfio_cdev_file *df = file->private_data;

	return df->cdev->coherent;
}

/**
 * vfio_cdev_file_set_kvm() - Set the VM that a file belongs to
 * @file: A device file, bound or not.
 * @kvm: The VM, or NULL when KVM takes it back.
 *
 * For KVM.  Bind gives the VM to the device's driver.
 *
 * Context: Any but interrupt.  Takes vfio_cdev_file.kvm_lock.
 */
void vfio_cdev_file_set_kvm(struct file *file, struct kvm *kvm)
{
	struct vfio_cdev_file *df = file->private_data;

	spin_lock(&df->kvm_lock);
	df->kvm = kvm;
	spin_unlock(&df->kvm_lock);
}

/**
 * vfio_cdev_init() - Reserve the device numbers
 *
 * Pairs with vfio_cdev_exit().
 *
 * Context: Module init.
 *
 * Return: 0, or an errno of alloc_chrdev_region() or cdev_add().
 */
int vfio_cdev_init(void)
{
	int rc;

	rc = alloc_chrdev_region(&vfio_cdev_devt, 0, MINORMASK + 1,
				 "vfio-cdev");
	if (rc)
		return rc;

	cdev_init(&vfio_cdev_chrdev, &vfio_cdev_fops);
	vfio_cdev_chrdev.owner = THIS_MODULE;
	rc = cdev_add(&vfio_cdev_chrdev, vfio_cdev_devt, MINORMASK + 1);
	if (rc)
		unregister_chrdev_region(vfio_cdev_devt, MINORMASK + 1);
	return rc;
}

/**
 * vfio_cdev_exit() - Undo vfio_cdev_init()
 *
 * Context: Module exit; all devices are gone, and no file is open, because an
 * open file holds the module.
 */
void vfio_cdev_exit(void)
{
	cdev_del(&vfio_cdev_chrdev);
	unregister_chrdev_region(vfio_cdev_devt, MINORMASK + 1);
	xa_destroy(&vfio_cdevs);
}

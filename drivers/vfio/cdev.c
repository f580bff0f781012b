// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device of a VFIO device: /dev/vfio/devices/vfioN.
 *
 * An open file is parked until VFIO_DEVICE_BIND_IOMMUFD has succeeded on it.
 * A parked file refers to a struct vfio_cdev only, never to the vfio_device:
 * it cannot delay the removal of the device, and all that it learns
 * afterwards is ENODEV.  (A reference to the vfio_device would also keep that
 * on its device set's list after removal, where the VFIO core still looks
 * into it.)
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/kdev_t.h>
#include <linux/kref.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pm_runtime.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/xarray.h>
#include <uapi/linux/vfio_cdev.h>

#include "cdev.h"
#include "cdev_bind.h"
#include "cdev_file.h"
#include "cdev_ops.h"

/* The devices that can be opened, by minor.  Its lock makes a look-up safe. */
static DEFINE_XARRAY(vfio_cdevs);
static dev_t vfio_cdev_devt;
static struct cdev vfio_cdev_chrdev;

static void vfio_cdev_free(struct kref *kref)
{
	struct vfio_cdev *cdev = container_of(kref, struct vfio_cdev, kref);

	mutex_destroy(&cdev->lock);
	kfree(cdev);
}

/*
 * The VFIO core answers for migration and DMA logging before it asks the
 * driver.  The devices served here have neither, and the driver's answer to
 * features that it does not know is the right one: ENOTTY.
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

static int vfio_cdev_pm_get(struct vfio_device *vdev)
{
	struct device *dev = vdev->dev;
	int ret;

	if (!dev->driver->pm)
		return 0;

	ret = pm_runtime_resume_and_get(dev);
	if (ret) {
		dev_info_ratelimited(dev, "vfio: runtime resume failed %d\n",
				     ret);
		return -EIO;
	}
	return 0;
}

static void vfio_cdev_pm_put(struct vfio_device *vdev)
{
	if (vdev->dev->driver->pm)
		pm_runtime_put(vdev->dev);
}

static long vfio_cdev_fops_ioctl(struct file *file, unsigned int cmd,
				 unsigned long arg)
{
	struct vfio_cdev_file *df = file->private_data;
	void __user *uarg = (void __user *)arg;
	struct vfio_device *vdev;
	long ret;

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return vfio_cdev_bind(df, uarg);

	vdev = vfio_cdev_bound(file);
	if (!vdev)
		return -EINVAL;

	ret = vfio_cdev_pm_get(vdev);
	if (ret)
		return ret;

	switch (cmd) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		ret = vfio_cdev_attach(df, uarg);
		break;
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		ret = vfio_cdev_detach(df, uarg);
		break;
	case VFIO_DEVICE_FEATURE:
		ret = vfio_cdev_feature(vdev, uarg);
		break;
	case VFIO_DEVICE_GET_REGION_INFO:
		ret = vfio_device_region_info(vdev, uarg);
		break;
	default:
		ret = vdev->ops->ioctl(vdev, cmd, arg);
		break;
	}

	df->cdev->ops->called(vdev);
	vfio_cdev_pm_put(vdev);
	return ret;
}

static ssize_t vfio_cdev_fops_read(struct file *file, char __user *buf,
				   size_t count, loff_t *ppos)
{
	struct vfio_cdev_file *df = file->private_data;
	struct vfio_device *vdev = vfio_cdev_bound(file);
	ssize_t ret;

	if (!vdev)
		return -EINVAL;
	ret = vdev->ops->read(vdev, buf, count, ppos);
	df->cdev->ops->called(vdev);
	return ret;
}

static ssize_t vfio_cdev_fops_write(struct file *file, const char __user *buf,
				    size_t count, loff_t *ppos)
{
	struct vfio_cdev_file *df = file->private_data;
	struct vfio_device *vdev = vfio_cdev_bound(file);
	ssize_t ret;

	if (!vdev)
		return -EINVAL;
	ret = vdev->ops->write(vdev, buf, count, ppos);
	df->cdev->ops->called(vdev);
	return ret;
}

/*
 * Comes before the kernel first looks at the file's f_mapping, which bind sets:
 * it must not change between that and mmap.
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

/* A mapping holds the file, so the device stays bound until it is gone. */
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

	df = kzalloc(sizeof(*df), GFP_KERNEL_ACCOUNT);
	if (!df)
		return -ENOMEM;

	xa_lock(&vfio_cdevs);
	df->cdev = xa_load(&vfio_cdevs, iminor(inode));
	if (df->cdev)
		kref_get(&df->cdev->kref);
	xa_unlock(&vfio_cdevs);

	if (!df->cdev) {
		kfree(df);
		return -ENXIO;
	}

	mutex_init(&df->lock);
	spin_lock_init(&df->kvm_lock);
	df->file = file;
	file->private_data = df;
	return 0;
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

/* As for the device files of the group interface, there is no llseek. */
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
 * vfio_cdev_possible - whether a device can be used through a device file
 * @dev: the device
 *
 * The node of a device that cannot be bound would only mislead: it needs an
 * IOMMU group of its own (a device without an IOMMU gets a made-up one from
 * the VFIO core, but only later) and DMA that is cache coherent.
 *
 * Context: process context; before the device is registered with VFIO.
 *
 * Return: true if vfio_cdev_add() makes sense.
 */
bool vfio_cdev_possible(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);

	if (!group)
		return false;
	iommu_group_put(group);

	return device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}

/**
 * vfio_cdev_add - give a VFIO device its character device
 * @vdev: the device, allocated and not yet registered.  Its driver must have
 *	  the ops open_device, close_device, ioctl, read, write and mmap.
 * @ops: what the driver does besides
 *
 * The node, and the attribute "dev" in sysfs, come and go with the
 * registration of @vdev.
 *
 * Context: process context; sleeps.
 *
 * Return: the character device, to be given back with vfio_cdev_del() before
 * @vdev is unregistered and vfio_cdev_put() when @vdev is freed; or ENOMEM as
 * an ERR_PTR().
 */
struct vfio_cdev *vfio_cdev_add(struct vfio_device *vdev,
				const struct vfio_cdev_ops *ops)
{
	struct vfio_cdev *cdev;
	int ret;

	cdev = kzalloc(sizeof(*cdev), GFP_KERNEL);
	if (!cdev)
		return ERR_PTR(-ENOMEM);

	kref_init(&cdev->kref);
	mutex_init(&cdev->lock);
	cdev->minor = vdev->index;
	cdev->ops = ops;
	cdev->vdev = vdev;
	cdev->coherent = device_iommu_capable(vdev->dev,
					      IOMMU_CAP_ENFORCE_CACHE_COHERENCY);

	ret = xa_insert(&vfio_cdevs, cdev->minor, cdev, GFP_KERNEL);
	if (ret) {
		vfio_cdev_put(cdev);
		return ERR_PTR(ret);
	}

	vdev->device.devt = MKDEV(MAJOR(vfio_cdev_devt), cdev->minor);
	vdev->device.type = &vfio_cdev_type;
	return cdev;
}

/**
 * vfio_cdev_del - let nobody new in
 * @cdev: what vfio_cdev_add() returned, or NULL
 *
 * From now on open() fails with ENXIO and bind with ENODEV.  A file that is
 * bound works on until its user closes it, which is what
 * vfio_unregister_group_dev() asks for and waits for.
 *
 * Context: process context; sleeps.
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
 * vfio_cdev_put - drop the device's reference
 * @cdev: what vfio_cdev_add() returned, or NULL
 *
 * Context: any but hard interrupt.
 */
void vfio_cdev_put(struct vfio_cdev *cdev)
{
	if (cdev)
		kref_put(&cdev->kref, vfio_cdev_free);
}

/**
 * vfio_cdev_user - who uses a device through its device file
 * @cdev: what vfio_cdev_add() returned for @vdev, or NULL
 * @vdev: the device
 *
 * Valid also while open_device() and close_device() are called for such a
 * user.
 *
 * Context: the caller holds the lock of the device set.
 *
 * Return: the device in the context that it is bound to, or NULL if no device
 * file has @vdev open.
 */
struct iommufd_device *vfio_cdev_user(struct vfio_cdev *cdev,
				      struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	return cdev && cdev->user ? cdev->user->idev : NULL;
}

/**
 * vfio_cdev_zap - take what is mapped of a device out of all page tables
 * @cdev: what vfio_cdev_add() returned for @vdev, or NULL
 * @vdev: the device
 *
 * The next access faults, and the fault is up to the driver.
 *
 * Context: process context; the caller holds the lock of the device set.
 */
void vfio_cdev_zap(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	if (cdev && cdev->user)
		unmap_mapping_range(cdev->user->file->f_mapping, 0, 0, true);
}

/**
 * vfio_cdev_is_file - whether a file is a device file
 * @file: any file
 *
 * Context: any, also that of an ftrace hook.
 *
 * Return: true if so.
 */
notrace bool vfio_cdev_is_file(struct file *file)
{
	return file->f_op == &vfio_cdev_fops;
}

/**
 * vfio_cdev_file_is_coherent - for KVM: is DMA coherent whatever a device asks
 * @file: a device file, bound or not
 *
 * If not, KVM does not ignore that the guest flushes caches.
 *
 * Context: any.
 *
 * Return: whether the IOMMU will see to it, in any page table that the device
 * can be attached to.
 */
bool vfio_cdev_file_is_coherent(struct file *file)
{
	struct vfio_cdev_file *df = file->private_data;

	return df->cdev->coherent;
}

/**
 * vfio_cdev_file_set_kvm - for KVM: say which VM a file belongs to
 * @file: a device file, bound or not
 * @kvm: the VM, or NULL: to none any more
 *
 * The device's driver is told when the device is opened, by bind.
 *
 * Context: any but interrupt.
 */
void vfio_cdev_file_set_kvm(struct file *file, struct kvm *kvm)
{
	struct vfio_cdev_file *df = file->private_data;

	spin_lock(&df->kvm_lock);
	df->kvm = kvm;
	spin_unlock(&df->kvm_lock);
}

/**
 * vfio_cdev_init - reserve the device numbers
 *
 * Context: module init.
 *
 * Return: 0, or what alloc_chrdev_region() or cdev_add() returned.
 */
int vfio_cdev_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&vfio_cdev_devt, 0, MINORMASK + 1,
				  "vfio-cdev");
	if (ret)
		return ret;

	cdev_init(&vfio_cdev_chrdev, &vfio_cdev_fops);
	vfio_cdev_chrdev.owner = THIS_MODULE;
	ret = cdev_add(&vfio_cdev_chrdev, vfio_cdev_devt, MINORMASK + 1);
	if (ret)
		unregister_chrdev_region(vfio_cdev_devt, MINORMASK + 1);
	return ret;
}

/**
 * vfio_cdev_exit - give the device numbers back
 *
 * Context: module exit; all devices are gone, and no file is open because an
 * open one holds the module.
 */
void vfio_cdev_exit(void)
{
	cdev_del(&vfio_cdev_chrdev);
	unregister_chrdev_region(vfio_cdev_devt, MINORMASK + 1);
	xa_destroy(&vfio_cdevs);
}

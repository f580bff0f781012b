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
 *
 * A bound file is a user of the device in the eyes of the VFIO core: it holds
 * a registration reference, so that vfio_unregister_group_dev() asks it to
 * leave and waits, and it is counted in the device's open_count, which keeps
 * neighbours from resetting the device.  DMA ownership of the IOMMU group,
 * which iommufd_device_bind() claims, keeps users of the group interface out,
 * and they keep us out by the same claim.
 *
 * bind:    claim the vfio_cdev, registration -> context -> iommufd_device
 *          -> open_device, opened -> publish the vfio_device in the file
 * release: closing, close_device -> detach -> iommufd_device -> context
 *          -> registration, claim
 *
 * close_device comes before detach so that a device which is still busy is
 * stopped rather than faulted by its IOMMU.
 *
 * Locks, outermost first: vfio_cdev_file.lock, vfio_cdev.lock, the device
 * set's lock of the VFIO core, vfio_cdev_file.kvm_lock.  User memory is touched
 * under the first only: the next two are shared with other users.
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
#include "kvm.h"

/**
 * struct vfio_cdev - what outlives a VFIO device for the sake of its files
 * @kref: one for the vfio_device, one for each open file
 * @minor: minor number, the N of vfioN, the index in vfio_cdevs
 * @coherent: DMA will be coherent even if the device asks for it not to be
 * @ops: what the driver does
 * @lock: guards @vdev and @claimed
 * @vdev: the device; NULL when it is being removed or has gone
 * @claimed: a file is bound, or is between the first step of bind and the
 *	     last step of release
 * @user: the file that has the device open, or NULL; guarded by the lock of
 *	  its device set
 */
struct vfio_cdev {
	struct kref kref;
	unsigned int minor;
	bool coherent;
	const struct vfio_cdev_ops *ops;
	struct mutex lock; /* see above */
	struct vfio_device *vdev;
	bool claimed;
	struct vfio_cdev_file *user;
};

/**
 * struct vfio_cdev_file - an open file of the character device
 * @filp: the file
 * @cdev: what was opened
 * @lock: serializes bind, attach and detach; guards the fields below
 * @vdev: the bound device, NULL while parked.  Set once, with release
 *	  semantics and as the last step of bind; read without the lock.  The
 *	  file's registration reference keeps it valid.
 * @ictx: the context that the device is bound to
 * @idev: the device in that context
 * @attached: @idev is attached to a page table
 * @kvm_lock: guards @kvm; innermost
 * @kvm: the VM that KVM says the file belongs to, or NULL.  KVM takes it back
 *	 before it is gone, so there is no reference.
 */
struct vfio_cdev_file {
	struct file *filp;
	struct vfio_cdev *cdev;
	struct mutex lock; /* see above */
	struct vfio_device *vdev;
	struct iommufd_ctx *ictx;
	struct iommufd_device *idev;
	bool attached;
	spinlock_t kvm_lock; /* of what follows */
	struct kvm *kvm;
};

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
 * Take the device for one file: makes the file its only user and registers
 * it with the VFIO core as such.
 */
static struct vfio_device *vfio_cdev_claim(struct vfio_cdev *cdev)
{
	struct vfio_device *vdev;

	mutex_lock(&cdev->lock);
	if (!cdev->vdev) {
		vdev = ERR_PTR(-ENODEV);
	} else if (cdev->claimed) {
		vdev = ERR_PTR(-EINVAL);
	} else if (!vfio_device_try_get_registration(cdev->vdev)) {
		vdev = ERR_PTR(-ENODEV);
	} else {
		cdev->claimed = true;
		vdev = cdev->vdev;
	}
	mutex_unlock(&cdev->lock);
	return vdev;
}

/* The device may be gone when this returns. */
static void vfio_cdev_unclaim(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	mutex_lock(&cdev->lock);
	cdev->claimed = false;
	mutex_unlock(&cdev->lock);

	vfio_device_put_registration(vdev);
}

/* The driver finds in @vdev the VM that its user belongs to, if to any. */
static void vfio_cdev_get_kvm(struct vfio_cdev_file *df,
			      struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	spin_lock(&df->kvm_lock);
	if (df->kvm && vfio_kvm_get(df->kvm))
		vdev->kvm = df->kvm;
	spin_unlock(&df->kvm_lock);
}

/* The reference is dropped without the lock: the VM may be gone then. */
static struct kvm *vfio_cdev_take_kvm(struct vfio_device *vdev)
{
	struct kvm *kvm = vdev->kvm;

	lockdep_assert_held(&vdev->dev_set->lock);

	vdev->kvm = NULL;
	return kvm;
}

static int vfio_cdev_open_device(struct vfio_cdev_file *df,
				 struct vfio_device *vdev)
{
	struct kvm *kvm = NULL;
	int ret;

	mutex_lock(&vdev->dev_set->lock);
	if (vdev->open_count) {
		ret = -EBUSY;
		goto out_unlock;
	}

	vdev->open_count++;
	df->cdev->user = df;
	vfio_cdev_get_kvm(df, vdev);
	ret = vdev->ops->open_device(vdev);
	if (ret) {
		kvm = vfio_cdev_take_kvm(vdev);
		df->cdev->user = NULL;
		vdev->open_count--;
	}
out_unlock:
	mutex_unlock(&vdev->dev_set->lock);
	if (kvm)
		vfio_kvm_put(kvm);
	return ret;
}

static void vfio_cdev_close_device(struct vfio_cdev_file *df,
				   struct vfio_device *vdev)
{
	struct kvm *kvm;

	mutex_lock(&vdev->dev_set->lock);
	vdev->ops->close_device(vdev);
	kvm = vfio_cdev_take_kvm(vdev);
	df->cdev->user = NULL;
	vdev->open_count--;
	mutex_unlock(&vdev->dev_set->lock);
	if (kvm)
		vfio_kvm_put(kvm);
}

/* Everything between the claim and the moment when the user may be told. */
static int vfio_cdev_enable(struct vfio_cdev_file *df, struct vfio_device *vdev,
			    int iommufd, u32 *devid)
{
	int ret;

	lockdep_assert_held(&df->lock);

	/*
	 * For a PCI function whose users must know a VF token the answer is EACCES,
	 * the same as on the group interface.
	 */
	ret = vfio_device_match_no_token(vdev);
	if (ret)
		return ret;

	df->ictx = iommufd_ctx_from_fd(iommufd);
	if (IS_ERR(df->ictx)) {
		ret = PTR_ERR(df->ictx);
		goto out_clear_ctx;
	}

	df->idev = iommufd_device_bind(df->ictx, vdev->dev, devid);
	if (IS_ERR(df->idev)) {
		ret = PTR_ERR(df->idev);
		goto out_put_ctx;
	}

	ret = vfio_cdev_open_device(df, vdev);
	if (ret)
		goto out_unbind;

	ret = df->cdev->ops->opened(vdev, df->ictx, df->filp);
	if (ret)
		goto out_close;
	return 0;

out_close:
	vfio_cdev_close_device(df, vdev);
out_unbind:
	iommufd_device_unbind(df->idev);
out_put_ctx:
	df->idev = NULL;
	iommufd_ctx_put(df->ictx);
out_clear_ctx:
	df->ictx = NULL;
	return ret;
}

static void vfio_cdev_detach_pt(struct vfio_cdev_file *df)
{
	lockdep_assert_held(&df->lock);

	if (!df->attached)
		return;
	iommufd_device_detach(df->idev);
	df->attached = false;
}

static void vfio_cdev_disable(struct vfio_cdev_file *df,
			      struct vfio_device *vdev)
{
	lockdep_assert_held(&df->lock);

	df->cdev->ops->closing(vdev);
	vfio_cdev_close_device(df, vdev);
	vfio_cdev_detach_pt(df);
	iommufd_device_unbind(df->idev);
	df->idev = NULL;
	iommufd_ctx_put(df->ictx);
	df->ictx = NULL;
}

static int vfio_cdev_bind_locked(struct vfio_cdev_file *df, int iommufd,
				 u32 __user *out_devid)
{
	struct vfio_device *vdev;
	u32 devid;
	int ret;

	lockdep_assert_held(&df->lock);

	if (df->vdev)
		return -EINVAL;

	vdev = vfio_cdev_claim(df->cdev);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	ret = vfio_cdev_enable(df, vdev, iommufd, &devid);
	if (ret)
		goto out_unclaim;

	if (put_user(devid, out_devid)) {
		ret = -EFAULT;
		goto out_disable;
	}

	/* Where the core looks for mappings of BARs that it has to take back */
	df->filp->f_mapping = vfio_device_mapping(vdev, df->filp);

	/*
	 * Opens the gate: whoever sees the device also sees it bound and open.
	 * Pairs with vfio_cdev_bound().
	 */
	smp_store_release(&df->vdev, vdev);
	return 0;

out_disable:
	vfio_cdev_disable(df, vdev);
out_unclaim:
	vfio_cdev_unclaim(df->cdev, vdev);
	return ret;
}

static int vfio_cdev_bind(struct vfio_cdev_file *df,
			  struct vfio_device_bind_iommufd __user *arg)
{
	const size_t minsz =
		offsetofend(struct vfio_device_bind_iommufd, out_devid);
	struct vfio_device_bind_iommufd bind;
	int ret;

	if (copy_from_user(&bind, arg, minsz))
		return -EFAULT;

	/*
	 * No flag is known here.  VFIO_DEVICE_BIND_FLAG_TOKEN is the only one
	 * there is, and the only way to fill what follows the minimum.
	 */
	if (bind.argsz < minsz || bind.flags || bind.iommufd < 0)
		return -EINVAL;

	mutex_lock(&df->lock);
	ret = vfio_cdev_bind_locked(df, bind.iommufd, &arg->out_devid);
	mutex_unlock(&df->lock);
	return ret;
}

/* The device of a bound file, NULL while the file is parked. */
static struct vfio_device *vfio_cdev_bound(struct file *filp)
{
	struct vfio_cdev_file *df = filp->private_data;

	/* Pairs with the store in vfio_cdev_bind_locked(). */
	return smp_load_acquire(&df->vdev);
}

static int vfio_cdev_attach_locked(struct vfio_cdev_file *df, u32 pt_id,
				   u32 __user *out_pt_id)
{
	int ret;

	lockdep_assert_held(&df->lock);

	if (df->attached)
		ret = iommufd_device_replace(df->idev, &pt_id);
	else
		ret = iommufd_device_attach(df->idev, &pt_id);
	if (ret)
		return ret;
	df->attached = true;

	if (put_user(pt_id, out_pt_id)) {
		vfio_cdev_detach_pt(df);
		return -EFAULT;
	}
	return 0;
}

static int vfio_cdev_attach(struct vfio_cdev_file *df,
			    struct vfio_device_attach_iommufd_pt __user *arg)
{
	const size_t minsz =
		offsetofend(struct vfio_device_attach_iommufd_pt, pt_id);
	struct vfio_device_attach_iommufd_pt attach;
	int ret;

	if (copy_from_user(&attach, arg, minsz))
		return -EFAULT;
	if (attach.argsz < minsz || attach.flags)
		return -EINVAL;

	/*
	 * The former page table cannot be brought back if the new one's ID
	 * does not reach the user.  So find out first whether it will: only a
	 * user who takes the memory away at this moment is left detached.
	 */
	if (put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;

	mutex_lock(&df->lock);
	ret = vfio_cdev_attach_locked(df, attach.pt_id, &arg->pt_id);
	mutex_unlock(&df->lock);
	return ret;
}

static int vfio_cdev_detach(struct vfio_cdev_file *df,
			    struct vfio_device_detach_iommufd_pt __user *arg)
{
	const size_t minsz =
		offsetofend(struct vfio_device_detach_iommufd_pt, flags);
	struct vfio_device_detach_iommufd_pt detach;

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz || detach.flags)
		return -EINVAL;

	mutex_lock(&df->lock);
	vfio_cdev_detach_pt(df);
	mutex_unlock(&df->lock);
	return 0;
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

static long vfio_cdev_fops_ioctl(struct file *filp, unsigned int cmd,
				 unsigned long arg)
{
	struct vfio_cdev_file *df = filp->private_data;
	void __user *uarg = (void __user *)arg;
	struct vfio_device *vdev;
	long ret;

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return vfio_cdev_bind(df, uarg);

	vdev = vfio_cdev_bound(filp);
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

static ssize_t vfio_cdev_fops_read(struct file *filp, char __user *buf,
				   size_t count, loff_t *ppos)
{
	struct vfio_cdev_file *df = filp->private_data;
	struct vfio_device *vdev = vfio_cdev_bound(filp);
	ssize_t ret;

	if (!vdev)
		return -EINVAL;
	ret = vdev->ops->read(vdev, buf, count, ppos);
	df->cdev->ops->called(vdev);
	return ret;
}

static ssize_t vfio_cdev_fops_write(struct file *filp, const char __user *buf,
				    size_t count, loff_t *ppos)
{
	struct vfio_cdev_file *df = filp->private_data;
	struct vfio_device *vdev = vfio_cdev_bound(filp);
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
vfio_cdev_fops_get_unmapped_area(struct file *filp, unsigned long addr,
				 unsigned long len, unsigned long pgoff,
				 unsigned long flags)
{
	if (!vfio_cdev_bound(filp))
		return -EINVAL;
	return mm_get_unmapped_area(filp, addr, len, pgoff, flags);
}

/* A mapping holds the file, so the device stays bound until it is gone. */
static int vfio_cdev_fops_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct vfio_device *vdev = vfio_cdev_bound(filp);

	if (!vdev)
		return -EINVAL;
	return vdev->ops->mmap(vdev, vma);
}

static int vfio_cdev_fops_open(struct inode *inode, struct file *filp)
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
	df->filp = filp;
	filp->private_data = df;
	return 0;
}

static int vfio_cdev_fops_release(struct inode *inode, struct file *filp)
{
	struct vfio_cdev_file *df = filp->private_data;

	/* Nobody else is here any more: the lock is for lockdep's sake. */
	mutex_lock(&df->lock);
	if (df->vdev) {
		vfio_cdev_disable(df, df->vdev);
		vfio_cdev_unclaim(df->cdev, df->vdev);
	}
	mutex_unlock(&df->lock);

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
		unmap_mapping_range(cdev->user->filp->f_mapping, 0, 0, true);
}

/**
 * vfio_cdev_is_file - whether a file is a device file
 * @filp: any file
 *
 * Context: any, also that of an ftrace hook.
 *
 * Return: true if so.
 */
notrace bool vfio_cdev_is_file(struct file *filp)
{
	return filp->f_op == &vfio_cdev_fops;
}

/**
 * vfio_cdev_file_is_coherent - for KVM: is DMA coherent whatever a device asks
 * @filp: a device file, bound or not
 *
 * If not, KVM does not ignore that the guest flushes caches.
 *
 * Context: any.
 *
 * Return: whether the IOMMU will see to it, in any page table that the device
 * can be attached to.
 */
bool vfio_cdev_file_is_coherent(struct file *filp)
{
	struct vfio_cdev_file *df = filp->private_data;

	return df->cdev->coherent;
}

/**
 * vfio_cdev_file_set_kvm - for KVM: say which VM a file belongs to
 * @filp: a device file, bound or not
 * @kvm: the VM, or NULL: to none any more
 *
 * The device's driver is told when the device is opened, by bind.
 *
 * Context: any but interrupt.
 */
void vfio_cdev_file_set_kvm(struct file *filp, struct kvm *kvm)
{
	struct vfio_cdev_file *df = filp->private_data;

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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bind of a device file, and attach and detach of a bound one.
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
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <uapi/linux/vfio_cdev.h>

#include "cdev_bind.h"
#include "cdev_file.h"
#include "cdev_ops.h"
#include "kvm_ref.h"

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

	ret = df->cdev->ops->opened(vdev, df->ictx, df->file);
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
	df->file->f_mapping = vfio_device_mapping(vdev, df->file);

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

int vfio_cdev_bind(struct vfio_cdev_file *df,
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

int vfio_cdev_attach(struct vfio_cdev_file *df,
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

int vfio_cdev_detach(struct vfio_cdev_file *df,
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


/**
 * vfio_cdev_unbind() - Undo vfio_cdev_bind(), when a file is released
 * @df: The file; a parked one is left as it is.
 *
 * Context: Process context; sleeps.  No call on the file is at work.
 */
void vfio_cdev_unbind(struct vfio_cdev_file *df)
{
	/* The lock is taken for lockdep only. */
	mutex_lock(&df->lock);
	if (df->vdev) {
		vfio_cdev_disable(df, df->vdev);
		vfio_cdev_unclaim(df->cdev, df->vdev);
	}
	mutex_unlock(&df->lock);
}

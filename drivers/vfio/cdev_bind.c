// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bind of a device file, and attach and detach of a bound one.
 *
 * The VFIO core takes a bound file for a user of the device: the file holds a
 * registration of the device, for which vfio_unregister_group_dev() waits,
 * after it has asked the user to leave; and the file is counted in open_count
 * of the device, which keeps neighbours from resetting the device.  Users of
 * the group interface and of the device file exclude each other by DMA
 * ownership of the IOMMU group, which iommufd_device_bind() claims.
 *
 * The steps of bind and of release are, in this order:
 *
 * bind:    claim the vfio_cdev, registration -> context -> iommufd_device
 *          -> open_device -> publish the vfio_device in the file
 * release: close_device -> detach, PASIDs first -> iommufd_device -> context
 *          -> registration, claim
 *
 * close_device comes before detach, so that a device which is still busy is
 * stopped, instead of having its DMA blocked by the IOMMU.  Without an IOMMU it
 * would go on in memory that detach has given back.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/vfio.h>
#include <uapi/linux/vfio_cdev.h>

#include "cdev_bind.h"
#include "cdev_file.h"
#include "kvm_ref.h"
#include "trace.h"

/*
 * Claim the device for one file and register the file with the VFIO core as a
 * user.  Returns the device; -ENODEV when it is being removed, -EINVAL when
 * another file has claimed it.
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

/* Undo vfio_cdev_claim().  The device may be freed on return. */
static void vfio_cdev_unclaim(struct vfio_cdev *cdev, struct vfio_device *vdev)
{
	mutex_lock(&cdev->lock);
	cdev->claimed = false;
	mutex_unlock(&cdev->lock);

	vfio_device_put_registration(vdev);
}

/* Give the device's driver the VM that KVM has given the file to, if any. */
static void vfio_cdev_get_kvm(struct vfio_cdev_file *df,
			      struct vfio_device *vdev)
{
	lockdep_assert_held(&vdev->dev_set->lock);

	spin_lock(&df->kvm_lock);
	if (df->kvm && vfio_kvm_get(df->kvm))
		vdev->kvm = df->kvm;
	spin_unlock(&df->kvm_lock);
}

/*
 * Take the VM back from the driver of the device.  The caller drops the
 * reference once it holds no lock, because that may free the VM.
 */
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
	int rc;

	mutex_lock(&vdev->dev_set->lock);
	if (vdev->open_count) {
		rc = -EBUSY;
		goto out_unlock;
	}

	vdev->open_count++;
	df->cdev->user = df;
	vfio_cdev_get_kvm(df, vdev);
	rc = vdev->ops->open_device(vdev);
	if (rc) {
		kvm = vfio_cdev_take_kvm(vdev);
		df->cdev->user = NULL;
		vdev->open_count--;
	}
out_unlock:
	mutex_unlock(&vdev->dev_set->lock);
	if (kvm)
		vfio_kvm_put(kvm);
	return rc;
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

/* Whether a token that is matched may become the device's new one. */
static bool vfio_cdev_sets_token(struct vfio_device *vdev)
{
	return dev_is_pci(vdev->dev) && to_pci_dev(vdev->dev)->is_physfn;
}

/*
 * Bind the claimed device to the context and open it, for a user who shows
 * @token, or none if that is NULL.
 *
 * The token is matched first, as on other devices of VFIO.  The match may set
 * the token of a physical function, though, and then it waits until the group
 * is claimed: a user who is refused for the sake of another user of the
 * function must not change the token of that one.
 */
static int vfio_cdev_enable(struct vfio_cdev_file *df, struct vfio_device *vdev,
			    int iommufd, const uuid_t *token, u32 *devid)
{
	bool set_token = token && vfio_cdev_sets_token(vdev);
	int rc;

	lockdep_assert_held(&df->lock);

	if (!set_token) {
		rc = vfio_device_match_token(vdev, token);
		if (rc)
			return rc;
	}

	df->ictx = iommufd_ctx_from_fd(iommufd);
	if (IS_ERR(df->ictx)) {
		rc = PTR_ERR(df->ictx);
		goto err_clear_ctx;
	}

	if (df->cdev->noiommu)
		df->idev = iommufd_device_bind_noiommu(df->ictx, vdev->dev,
						       devid);
	else
		df->idev = iommufd_device_bind(df->ictx, vdev->dev, devid);
	if (IS_ERR(df->idev)) {
		rc = PTR_ERR(df->idev);
		goto err_put_ctx;
	}

	if (set_token) {
		rc = vfio_device_match_token(vdev, token);
		if (rc)
			goto err_unbind;
	}

	rc = vfio_cdev_open_device(df, vdev);
	if (rc)
		goto err_unbind;
	return 0;

err_unbind:
	iommufd_device_unbind(df->idev);
err_put_ctx:
	df->idev = NULL;
	iommufd_ctx_put(df->ictx);
err_clear_ctx:
	df->ictx = NULL;
	return rc;
}

static void vfio_cdev_detach_pt(struct vfio_cdev_file *df)
{
	lockdep_assert_held(&df->lock);

	if (!df->pt_id)
		return;
	iommufd_device_detach(df->idev);
	WRITE_ONCE(df->pt_id, 0);
}

/* Undo vfio_cdev_enable(), and attach. */
static void vfio_cdev_disable(struct vfio_cdev_file *df,
			      struct vfio_device *vdev)
{
	lockdep_assert_held(&df->lock);

	vfio_cdev_close_device(df, vdev);
	iommufd_device_pasid_detach_all(df->idev);
	vfio_cdev_detach_pt(df);
	iommufd_device_unbind(df->idev);
	df->idev = NULL;
	iommufd_ctx_put(df->ictx);
	df->ictx = NULL;
}

static int vfio_cdev_bind_locked(struct vfio_cdev_file *df,
				 const struct vfio_device_bind_token *bind,
				 u32 *devid, u32 __user *out_devid)
{
	const bool has_token = bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN;
	struct vfio_device *vdev;
	uuid_t token;
	int rc;

	lockdep_assert_held(&df->lock);

	if (df->vdev)
		return -EINVAL;
	if (has_token &&
	    copy_from_user(&token, u64_to_user_ptr(bind->token_uuid_ptr),
			   sizeof(token)))
		return -EFAULT;

	/*
	 * Bind cannot take back a token that it has set.  So find out
	 * beforehand whether the result can be written.
	 */
	if (has_token && put_user(bind->out_devid, out_devid))
		return -EFAULT;

	vdev = vfio_cdev_claim(df->cdev);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);

	rc = vfio_cdev_enable(df, vdev, bind->iommufd,
			      has_token ? &token : NULL, devid);
	if (rc)
		goto err_unclaim;

	if (put_user(*devid, out_devid)) {
		rc = -EFAULT;
		goto err_disable;
	}

	/* vfio-pci-core revokes the mappings of BARs that it finds here. */
	df->file->f_mapping = vfio_device_mapping(vdev, df->file);

	/*
	 * From here on all calls on the file work.  A reader that sees the
	 * device also sees it bound and open.  Pairs with vfio_cdev_bound().
	 */
	smp_store_release(&df->vdev, vdev);
	return 0;

err_disable:
	vfio_cdev_disable(df, vdev);
err_unclaim:
	vfio_cdev_unclaim(df->cdev, vdev);
	return rc;
}

/**
 * vfio_cdev_bind() - VFIO_DEVICE_BIND_IOMMUFD
 * @df: The file.
 * @arg: The argument, in user memory.
 *
 * vfio_cdev_unbind() undoes it, when the file is released.
 *
 * Context: Process context; sleeps.  Takes vfio_cdev_file.lock.
 *
 * Return: 0; -EFAULT; -E2BIG if what follows the argument as we know it is not
 * zero; -EINVAL if the argument is wrong, if the file is bound, if another file
 * of the device is, or if there is a token that the device does not take;
 * -EACCES if the device needs another token; -ENODEV when the device is being
 * removed; -EINTR when killed; or an errno of iommufd_ctx_from_fd(),
 * iommufd_device_bind() or the driver.
 */
int vfio_cdev_bind(struct vfio_cdev_file *df,
		   struct vfio_device_bind_iommufd __user *arg)
{
	const size_t minsz =
		offsetofend(struct vfio_device_bind_iommufd, out_devid);
	struct vfio_device_bind_token bind;
	u32 devid = 0;
	u32 argsz;
	int rc;

	if (get_user(argsz, &arg->argsz))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;
	rc = copy_struct_from_user(&bind, sizeof(bind), arg, argsz);
	if (rc)
		return rc;
	if (bind.iommufd < 0 || bind.flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN)
		return -EINVAL;

	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	rc = vfio_cdev_bind_locked(df, &bind, &devid, &arg->out_devid);
	trace_vfio_cdev_bind(kbasename(df->cdev->path), rc ? 0 : devid, rc);
	mutex_unlock(&df->lock);
	return rc;
}

static int vfio_cdev_attach_locked(struct vfio_cdev_file *df, u32 *pt_id,
				   u32 __user *out_pt_id)
{
	int rc;

	lockdep_assert_held(&df->lock);

	if (df->pt_id)
		rc = iommufd_device_replace(df->idev, pt_id);
	else
		rc = iommufd_device_attach(df->idev, pt_id);
	if (rc)
		return rc;
	WRITE_ONCE(df->pt_id, *pt_id);

	if (put_user(*pt_id, out_pt_id)) {
		vfio_cdev_detach_pt(df);
		return -EFAULT;
	}
	return 0;
}

/*
 * The answer is the ID that the user gave, so that it can be written before
 * anything is done.  The device's driver, this one, is the only one that
 * attaches its PASIDs, so one that is attached already is the file's, unless
 * another device of the group has it; then a replace fails.
 */
static int vfio_cdev_attach_pasid(struct vfio_cdev_file *df, u32 pt_id,
				  struct vfio_device_attach_pasid __user *arg)
{
	u32 pasid;
	int rc;

	if (get_user(pasid, &arg->pasid) || put_user(pt_id, &arg->pt_id))
		return -EFAULT;

	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	rc = iommufd_device_pasid_set(df->idev, pasid, pt_id);
	mutex_unlock(&df->lock);
	return rc;
}

/**
 * vfio_cdev_attach() - VFIO_DEVICE_ATTACH_IOMMUFD_PT
 * @df: The file, bound.
 * @arg: The argument, in user memory.
 *
 * Context: Process context; sleeps.  Takes vfio_cdev_file.lock.
 *
 * Return: 0; -EFAULT; -EINVAL if the argument is wrong; -EINTR when killed; or
 * an errno of iommufd_device_attach() or iommufd_device_replace(), or of
 * iommufd_device_pasid_set().
 */
int vfio_cdev_attach(struct vfio_cdev_file *df,
		     struct vfio_device_attach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_attach_pasid, pt_id);
	struct vfio_device_attach_pasid attach;
	u32 pt_id;
	int rc;

	if (copy_from_user(&attach, arg, minsz))
		return -EFAULT;
	if (attach.argsz < minsz || attach.flags & ~VFIO_DEVICE_ATTACH_PASID)
		return -EINVAL;
	if (attach.flags & VFIO_DEVICE_ATTACH_PASID) {
		if (attach.argsz < sizeof(attach))
			return -EINVAL;
		return vfio_cdev_attach_pasid(df, attach.pt_id,
					      (void __user *)arg);
	}

	/*
	 * A replace cannot be undone if the ID of the new page table cannot be
	 * written to the user.  So find out beforehand whether it can: only a
	 * user who unmaps the memory during the call is left detached.
	 */
	if (put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;

	pt_id = attach.pt_id;
	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	rc = vfio_cdev_attach_locked(df, &pt_id, &arg->pt_id);
	trace_vfio_cdev_attach(kbasename(df->cdev->path),
			       rc ? attach.pt_id : pt_id, rc);
	mutex_unlock(&df->lock);
	return rc;
}

/**
 * vfio_cdev_detach() - VFIO_DEVICE_DETACH_IOMMUFD_PT
 * @df: The file, bound.
 * @arg: The argument, in user memory.
 *
 * Context: Process context; sleeps.  Takes vfio_cdev_file.lock.
 *
 * Return: 0, also if the device, or the PASID, is not attached; -EFAULT; -EINVAL if the
 * argument is wrong; -EINTR when killed.
 */
int vfio_cdev_detach(struct vfio_cdev_file *df,
		     struct vfio_device_detach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_detach_pasid, flags);
	struct vfio_device_detach_pasid detach;
	bool has_pasid;

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz || detach.flags & ~VFIO_DEVICE_DETACH_PASID)
		return -EINVAL;
	has_pasid = detach.flags & VFIO_DEVICE_DETACH_PASID;
	if (has_pasid) {
		if (detach.argsz < sizeof(detach))
			return -EINVAL;
		if (copy_from_user(&detach, arg, sizeof(detach)))
			return -EFAULT;
	}

	if (mutex_lock_killable(&df->lock))
		return -EINTR;
	if (has_pasid)
		iommufd_device_pasid_detach(df->idev, detach.pasid);
	else
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

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices as guests know them (vDEVICEs)
 *
 * A vDEVICE links a bound device to a vIOMMU, under the ID that the guest has
 * for the device.  It does not keep the device bound: the end of the binding
 * ends the link, while the ID of the vDEVICE stays taken until the context ends,
 * so that user space does not mistake another object for it.
 */
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <uapi/linux/iommufd.h>

#include "backend/viommu.h"
#include "device.h"
#include "ucmd.h"
#include "vdevice.h"
#include "viommu.h"

static unsigned int max_vdevices = 65536;
module_param(max_vdevices, uint, 0644);
MODULE_PARM_DESC(max_vdevices, "The most vDEVICEs of one context, an open file of /dev/iommu, those included whose device is not bound any more (default: 65536)");

/*
 * Of all links, from both ends.  Held for a moment.  A link outlives neither
 * the device nor the vIOMMU, so who holds this can follow it.
 */
static DEFINE_MUTEX(vdevices_lock);

/**
 * struct iommufd_vdevice - A device as a guest knows it (vDEVICE)
 * @obj: The object.
 * @vdevice: What backends see, in iommu_backend_viommu::vdevices while it is
 *	linked.
 * @idev: The device, NULL when it is not linked.  Guarded by vdevices_lock.
 * @viommu: The vIOMMU, of which this is a user while it is linked.
 */
struct iommufd_vdevice {
	struct iommufd_object obj;
	struct iommu_backend_vdevice vdevice;
	struct iommufd_device *idev;
	struct iommufd_viommu *viommu;
};

/* Afterwards the vIOMMU may be gone. */
static void vdevice_unlink_locked(struct iommufd_vdevice *vdev)
{
	lockdep_assert_held(&vdevices_lock);

	xa_erase(&vdev->viommu->viommu->vdevices, vdev->vdevice.virt_id);
	vdev->idev->vdevice = NULL;
	vdev->idev = NULL;
	refcount_dec(&vdev->viommu->obj.users);
}

/*
 * End the vDEVICE of a device that is being unbound, and that no call finds any
 * more.  Another thread may be destroying the vDEVICE meanwhile: until that has
 * ended the link itself, the struct is there.
 */
static void vdevice_unbind(struct iommufd_device *idev)
{
	struct iommufd_vdevice *vdev;

	mutex_lock(&vdevices_lock);
	vdev = idev->vdevice;
	if (vdev) {
		iommufd_object_end(idev->ictx, &vdev->obj);
		vdevice_unlink_locked(vdev);
	}
	mutex_unlock(&vdevices_lock);
}

/*
 * Take both ends for a link that is being made: nobody else makes one, and
 * nothing follows this one yet.
 */
static int vdevice_reserve(struct iommufd_vdevice *vdev,
			   struct iommufd_device *idev,
			   struct iommufd_viommu *viommu)
{
	bool taken;
	int rc;

	mutex_lock(&vdevices_lock);
	taken = idev->vdevice;
	if (!taken) {
		idev->vdevice = vdev;
		idev->end_vdevice = vdevice_unbind;
	}
	mutex_unlock(&vdevices_lock);
	if (taken)
		return -EEXIST;

	/* This may wait for memory, so others must not wait for the lock. */
	rc = xa_insert(&viommu->viommu->vdevices, vdev->vdevice.virt_id, NULL,
		       GFP_KERNEL_ACCOUNT);
	if (!rc)
		return 0;
	mutex_lock(&vdevices_lock);
	idev->vdevice = NULL;
	mutex_unlock(&vdevices_lock);
	return rc == -EBUSY ? -EEXIST : rc;
}

static void vdevice_unreserve(struct iommufd_vdevice *vdev,
			      struct iommufd_device *idev,
			      struct iommufd_viommu *viommu)
{
	mutex_lock(&vdevices_lock);
	idev->vdevice = NULL;
	xa_erase(&viommu->viommu->vdevices, vdev->vdevice.virt_id);
	mutex_unlock(&vdevices_lock);
}

static void vdevice_link(struct iommufd_vdevice *vdev,
			 struct iommufd_device *idev,
			 struct iommufd_viommu *viommu)
{
	mutex_lock(&vdevices_lock);
	vdev->idev = idev;
	vdev->viommu = viommu;
	refcount_inc(&viommu->obj.users);
	xa_store(&viommu->viommu->vdevices, vdev->vdevice.virt_id,
		 &vdev->vdevice, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&vdevices_lock);
}

static void vdevice_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	struct iommufd_vdevice *vdev =
		container_of(obj, struct iommufd_vdevice, obj);

	mutex_lock(&vdevices_lock);
	if (vdev->idev)
		vdevice_unlink_locked(vdev);
	mutex_unlock(&vdevices_lock);
	atomic_dec(&ictx->nvdevices);
}

static const struct iommufd_object_type iommufd_vdevice_type = {
	.destroy = vdevice_destroy,
};

static struct iommufd_vdevice *vdevice_create(struct iommufd_ctx *ictx,
					      struct iommufd_device *idev,
					      u64 virt_id)
{
	struct iommufd_vdevice *vdev;
	int rc;

	rc = iommufd_charge(&ictx->nvdevices, 1, READ_ONCE(max_vdevices));
	if (rc)
		return ERR_PTR(rc);
	vdev = iommufd_object_alloc(ictx, struct iommufd_vdevice,
				    &iommufd_vdevice_type);
	if (IS_ERR(vdev)) {
		atomic_dec(&ictx->nvdevices);
		return vdev;
	}
	vdev->vdevice.dev = idev->dev;
	vdev->vdevice.virt_id = virt_id;
	return vdev;
}

static void vdevice_abort(struct iommufd_ctx *ictx,
			  struct iommufd_vdevice *vdev)
{
	iommufd_object_abort(ictx, &vdev->obj);
	atomic_dec(&ictx->nvdevices);
}

static int vdevice_alloc_and_respond(struct iommufd_ucmd *ucmd,
				     struct iommufd_viommu *viommu,
				     struct iommufd_device *idev)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct iommufd_vdevice *vdev;
	int rc;

	vdev = vdevice_create(ucmd->ictx, idev, cmd->virt_id);
	if (IS_ERR(vdev))
		return PTR_ERR(vdev);
	rc = vdevice_reserve(vdev, idev, viommu);
	if (rc)
		goto err_abort;
	cmd->out_vdevice_id = vdev->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_unreserve;
	vdevice_link(vdev, idev, viommu);
	iommufd_object_publish(ucmd->ictx, &vdev->obj);
	return 0;

err_unreserve:
	vdevice_unreserve(vdev, idev, viommu);
err_abort:
	vdevice_abort(ucmd->ictx, vdev);
	return rc;
}

int iommufd_vdevice_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_vdevice_alloc *cmd = ucmd->cmd;
	struct iommufd_viommu *viommu;
	struct iommufd_device *idev;
	int rc = -EINVAL;

	viommu = iommufd_viommu_get(ucmd->ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	idev = iommufd_device_get(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev)) {
		rc = PTR_ERR(idev);
		goto out_put_viommu;
	}
	if (iommufd_viommu_serves(viommu, idev))
		rc = vdevice_alloc_and_respond(ucmd, viommu, idev);
	iommufd_object_put(&idev->obj);
out_put_viommu:
	iommufd_object_put(&viommu->obj);
	return rc;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs: what backends look up in them
 */
#include <linux/export.h>

#include "viommu.h"

/**
 * iommu_backend_viommu_init() - Initialize a virtual IOMMU
 * @viommu: The virtual IOMMU.
 * @ops: The functions of the backend.
 *
 * Context: Any.
 */
void iommu_backend_viommu_init(struct iommu_backend_viommu *viommu,
			       const struct iommu_backend_viommu_ops *ops)
{
	viommu->ops = ops;
	xa_init_flags(&viommu->vdevices, XA_FLAGS_ACCOUNT);
	spin_lock_init(&viommu->vevents_lock);
	INIT_LIST_HEAD(&viommu->vevents);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_viommu_init, "IOMMUFD_TEST");

/**
 * iommu_backend_with_vdevice() - Do something with the device of a virtual ID
 * @viommu: The virtual IOMMU.
 * @virt_id: The ID of a device on it.
 * @fn: Called with the device, which stays bound meanwhile; must not sleep.
 * @arg: Argument of @fn.
 *
 * Context: Any but interrupts.
 *
 * Return: 0, or -ENOENT without such a device.
 */
int iommu_backend_with_vdevice(struct iommu_backend_viommu *viommu, u64 virt_id,
			       void (*fn)(struct device *dev, void *arg),
			       void *arg)
{
	struct iommu_backend_vdevice *vdev;

	xa_lock(&viommu->vdevices);
	vdev = xa_load(&viommu->vdevices, virt_id);
	if (vdev)
		fn(vdev->dev, arg);
	xa_unlock(&viommu->vdevices);
	return vdev ? 0 : -ENOENT;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_with_vdevice, "IOMMUFD_TEST");

/**
 * iommu_backend_find_virt_id() - Tell what a guest calls a device
 * @viommu: The virtual IOMMU.
 * @dev: The device.
 * @virt_id: Set to its ID on @viommu.
 *
 * Context: Any but interrupts.
 *
 * Return: 0, or -ENOENT when the device has no vDEVICE there.
 */
int iommu_backend_find_virt_id(struct iommu_backend_viommu *viommu,
			       struct device *dev, u64 *virt_id)
{
	struct iommu_backend_vdevice *vdev;
	unsigned long index;
	int rc = -ENOENT;

	xa_lock(&viommu->vdevices);
	xa_for_each(&viommu->vdevices, index, vdev) {
		if (vdev->dev != dev)
			continue;
		*virt_id = vdev->virt_id;
		rc = 0;
		break;
	}
	xa_unlock(&viommu->vdevices);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_find_virt_id, "IOMMUFD_TEST");

/**
 * iommu_backend_hw_queue_depend() - Make a queue depend on another
 * @queue: The queue, in iommu_backend_viommu_ops::hw_queue_start().
 * @needs: The queue that cannot be destroyed before @queue; it has not been
 *	stopped, and the caller holds a lock that keeps it from being.
 *
 * Context: Any but interrupts.
 *
 * Return: whether it does; false when @needs is not complete yet, or is being
 * destroyed.
 */
bool iommu_backend_hw_queue_depend(struct iommu_backend_hw_queue *queue,
				   struct iommu_backend_hw_queue *needs)
{
	if (!needs->try_use(needs))
		return false;
	queue->needs = needs;
	return true;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_hw_queue_depend, "IOMMUFD_TEST");

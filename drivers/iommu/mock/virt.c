// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_TEST_CMD: operations on nested page tables and virtual IOMMUs */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include "../iommufd/backend/vevents.h"
#include "../iommufd/device.h"
#include "../iommufd/hw_pagetable.h"
#include "../iommufd/nested.h"
#include "../iommufd/ucmd.h"
#include "device.h"
#include "nested.h"
#include "viommu.h"
#include "virt.h"

#define NO_SEQUENCE	-1

/* No test waits for as many events as it takes to get there. */
static int vevent_sequence = NO_SEQUENCE;
module_param(vevent_sequence, int, 0644);
MODULE_PARM_DESC(vevent_sequence, "Sequence number of the next event of a virtual IOMMU, once (default: -1, that after the one before)");

/**
 * mock_test_check_iotlb() - IOMMU_TEST_OP_MD_CHECK_IOTLB
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, -ENOENT without such a nested page table, or -EINVAL for another
 * value.
 */
int mock_test_check_iotlb(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct mock_nested *nested;
	u32 id = cmd->check_iotlb.id;
	int rc = -EINVAL;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, &iommufd_nested_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	nested = to_mock_nested(container_of(obj, struct iommufd_hwpt,
					     obj)->domain);
	if (nested && id <= MOCK_NESTED_DOMAIN_IOTLB_ID_MAX &&
	    READ_ONCE(nested->iotlb[id]) == cmd->check_iotlb.iotlb)
		rc = 0;
	iommufd_object_put(obj);
	return rc;
}

/**
 * mock_test_check_cache() - IOMMU_TEST_OP_DEV_CHECK_CACHE
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, -ENOENT without such a device, or -EINVAL for another value, or a
 * device that is not of the mock.
 */
int mock_test_check_cache(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u32 id = cmd->check_dev_cache.id;
	struct iommufd_object *obj;
	struct iommufd_device *idev;
	int rc = -EINVAL;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, &iommufd_device_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	idev = container_of(obj, struct iommufd_device, obj);
	if (idev->igroup->backend == &mock_backend &&
	    id <= MOCK_DEV_CACHE_ID_MAX &&
	    READ_ONCE(to_mock_device(idev->dev)->cache[id]) ==
		    cmd->check_dev_cache.cache)
		rc = 0;
	iommufd_object_put(obj);
	return rc;
}

static void set_sequence(struct iommu_backend_viommu *viommu, u32 type,
			 u32 sequence)
{
	struct iommu_backend_vevents *vevents;
	unsigned long flags;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	list_for_each_entry(vevents, &viommu->vevents, item)
		if (vevents->type == type)
			vevents->sequence = sequence;
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
}

static int mock_report(struct iommu_group *group)
{
	struct mock_device *mdev = mock_group_to_device(group);
	const struct iommu_viommu_event_selftest event = {
		.virt_id = mdev->virt_id,
	};
	struct iommu_backend_viommu *viommu;
	int sequence;

	if (!mdev->virt_id)
		return -ENOENT;
	viommu = &mdev->nested->viommu->viommu;
	sequence = xchg(&vevent_sequence, NO_SEQUENCE);
	if (sequence != NO_SEQUENCE)
		set_sequence(viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, sequence);
	return iommu_backend_report_vevent(viommu, IOMMU_VEVENTQ_TYPE_SELFTEST,
					   &event, sizeof(event));
}

/**
 * mock_test_trigger_vevent() - IOMMU_TEST_OP_TRIGGER_VEVENT
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, -ENOENT without such a device, or when it has no virtual ID other
 * than 0, -EOPNOTSUPP when nobody wants the event, or -EINTR when killed.
 */
int mock_test_trigger_vevent(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct iommufd_device *idev;
	int rc = -ENOENT;

	obj = iommufd_object_get(ucmd->ictx, cmd->trigger_vevent.dev_id,
				 &iommufd_device_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	idev = container_of(obj, struct iommufd_device, obj);
	/* While this is locked the device stays attached. */
	if (mutex_lock_killable(&idev->igroup->lock)) {
		rc = -EINTR;
	} else {
		if (idev->igroup->backend == &mock_backend)
			rc = mock_report(idev->igroup->group);
		mutex_unlock(&idev->igroup->lock);
	}
	iommufd_object_put(obj);
	return rc;
}

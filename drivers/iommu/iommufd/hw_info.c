// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_GET_HW_INFO: what the IOMMU of a device can do
 */
#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "device.h"
#include "hw_info.h"
#include "ucmd.h"

static int zero_rest(void __user *to, size_t length)
{
	size_t step;

	for (; length; to += step, length -= step) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		step = min_t(size_t, length, SZ_1M);
		if (clear_user(to, step))
			return -EFAULT;
	}
	return 0;
}

/* Copy as much as fits, and zero the rest. */
static int copy_info(void __user *to, size_t size, const void *info,
		     size_t length)
{
	size_t bytes = min(size, length);

	if (copy_to_user(to, info, bytes))
		return -EFAULT;
	return zero_rest(to + bytes, size - bytes);
}

/*
 * Old programs do not set in_data_type, which was only an output: a flag says
 * if.
 */
static bool type_wanted(const struct iommu_hw_info *cmd, u32 type)
{
	return !(cmd->flags & IOMMU_HW_INFO_FLAG_INPUT_TYPE) ||
	       cmd->in_data_type == IOMMU_HW_INFO_TYPE_DEFAULT ||
	       cmd->in_data_type == type;
}

static int get_info(struct iommu_hw_info *cmd, struct device *dev,
		    const struct iommu_backend_ops *backend)
{
	u32 length = 0, type = IOMMU_HW_INFO_TYPE_NONE;
	void *info = NULL;
	int rc;

	if (backend->hw_info) {
		info = backend->hw_info(dev, &length, &type);
		if (IS_ERR(info))
			return PTR_ERR(info);
	}
	if (type_wanted(cmd, type))
		rc = copy_info(u64_to_user_ptr(cmd->data_uptr), cmd->data_len,
			       info, length);
	else
		rc = -EOPNOTSUPP;
	kfree(info);
	if (rc)
		return rc;

	cmd->data_len = length;
	cmd->out_data_type = type;
	cmd->out_max_pasid_log2 = iommu_backend_pasid_bits(backend, dev);
	cmd->out_capabilities =
		backend->capabilities ? backend->capabilities(dev) : 0;
	return 0;
}

int iommufd_get_hw_info(struct iommufd_ucmd *ucmd)
{
	struct iommu_hw_info *cmd = ucmd->cmd;
	struct iommufd_device *idev;
	int rc;

	if (cmd->flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE ||
	    memchr_inv(cmd->__reserved, 0, sizeof(cmd->__reserved)))
		return -EOPNOTSUPP;

	idev = iommufd_device_get(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	if (iommufd_group_is_noiommu(idev->igroup))
		rc = -EOPNOTSUPP;
	else
		rc = get_info(cmd, idev->dev, idev->igroup->backend);
	iommufd_object_put(&idev->obj);
	return rc ?: iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}

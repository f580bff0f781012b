// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_HWPT_ALLOC: page tables of an IOAS, and nested ones
 */
#include <linux/err.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "device.h"
#include "hw_pagetable.h"
#include "hwpt_alloc.h"
#include "ioas.h"
#include "nested.h"
#include "ucmd.h"
#include "viommu.h"

/* The kinds of object that a page table can be made of */
static int hwpt_alloc_by_kind(struct iommufd_ucmd *ucmd,
			      struct iommufd_device *idev,
			      struct iommufd_object *pt,
			      const struct iommu_backend_data *data)
{
	if (pt->type == &iommufd_ioas_type)
		return iommufd_hwpt_alloc_of_ioas(ucmd, idev,
						  container_of(pt,
							       struct iommufd_ioas,
							       obj), data);
	if (pt->type == &iommufd_hwpt_type)
		return iommufd_nested_alloc(ucmd, idev,
					    container_of(pt,
							 struct iommufd_hwpt,
							 obj), data);
	if (pt->type == &iommufd_viommu_type)
		return iommufd_nested_alloc_of_viommu(ucmd, idev,
						      container_of(pt,
								   struct iommufd_viommu,
								   obj), data);
	return -EINVAL;
}

int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	const struct iommu_backend_data data = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.length = cmd->data_len,
	};
	bool none = data.type == IOMMU_HWPT_DATA_NONE;
	struct iommufd_device *idev;
	struct iommufd_object *pt;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (none != !data.length)
		return -EINVAL;

	idev = iommufd_device_get(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	pt = iommufd_object_get(ucmd->ictx, cmd->pt_id, NULL);
	if (IS_ERR(pt)) {
		rc = -EINVAL;
		goto out_put_idev;
	}
	rc = hwpt_alloc_by_kind(ucmd, idev, pt, none ? NULL : &data);
	iommufd_object_put(pt);
out_put_idev:
	iommufd_object_put(&idev->obj);
	return rc;
}

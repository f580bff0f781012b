// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_IOAS_NOIOMMU_GET_PA: physical addresses for devices without an IOMMU
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <uapi/linux/iommufd.h>

#include "ioas.h"
#include "iopt/phys.h"
#include "noiommu.h"
#include "ucmd.h"

int iommufd_ioas_noiommu_get_pa(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_noiommu_get_pa *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	unsigned long length;
	phys_addr_t phys;
	int rc;

	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	if (cmd->flags || cmd->__reserved)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (cmd->iova >= ULONG_MAX)
		return -EOVERFLOW;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	length = min_t(u64, cmd->length, ULONG_MAX);
	rc = iopt_find_phys(&ioas->iopt, cmd->iova, &length, &phys);
	iommufd_object_put(&ioas->obj);
	if (rc)
		return rc;
	cmd->out_phys = phys;
	cmd->length = length;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}

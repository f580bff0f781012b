// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables of the mock IOMMU.
 *
 * A mock device reads no page table, so a nested one has none.  It has an IOTLB
 * of a few entries, which show whether an invalidation has reached it.
 */
#include <linux/err.h>
#include <linux/slab.h>

#include "../iommufd/backend/backend.h"
#include "domain.h"
#include "nested.h"

/* Nothing is mapped in a nested domain: its ops tell it from others. */
static const struct iommu_domain_ops mock_nested_ops = {
};

/**
 * to_mock_nested() - The nested page table that a domain is
 * @domain: A domain of the mock IOMMU.
 *
 * Context: Any.
 *
 * Return: The nested page table, or NULL if it is not nested.
 */
struct mock_nested *to_mock_nested(struct iommu_domain *domain)
{
	return domain->ops == &mock_nested_ops ?
		       container_of(domain, struct mock_nested, domain) : NULL;
}

/**
 * mock_nested_alloc() - See iommu_backend_ops::nested_alloc
 * @dev: The device.
 * @parent: The page table to nest in.
 * @flags: IOMMU_HWPT_FAULT_ID_VALID and IOMMU_HWPT_ALLOC_PASID.
 * @data: struct iommu_hwpt_selftest of user space.
 *
 * Context: Process context; sleeps.
 *
 * Return: The domain, ERR_PTR(-ENOMEM), -EOPNOTSUPP, -EINVAL, -E2BIG or
 * -EFAULT.
 */
struct iommu_domain *mock_nested_alloc(struct device *dev,
				       struct iommu_domain *parent, u32 flags,
				       const struct iommu_backend_data *data)
{
	struct iommu_hwpt_selftest selftest = {};
	struct mock_nested *nested;
	unsigned int i;
	int rc;

	if (data->type != IOMMU_HWPT_DATA_SELFTEST)
		return ERR_PTR(-EOPNOTSUPP);
	rc = iommu_backend_copy_data(data, &selftest, sizeof(selftest),
				     offsetofend(struct iommu_hwpt_selftest,
						 iotlb));
	if (rc)
		return ERR_PTR(rc);
	nested = kzalloc(sizeof(*nested), GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.ops = &mock_nested_ops;
	nested->parent = to_mock_domain(parent);
	nested->pasid = flags & IOMMU_HWPT_ALLOC_PASID;
	nested->faults = flags & IOMMU_HWPT_FAULT_ID_VALID;
	for (i = 0; i < ARRAY_SIZE(nested->iotlb); i++)
		nested->iotlb[i] = selftest.iotlb;
	return &nested->domain;
}

/**
 * mock_nested_free() - See iommu_backend_ops::nested_free
 * @domain: The domain.  Warns if it has devices.
 *
 * Context: Process context.
 */
void mock_nested_free(struct iommu_domain *domain)
{
	struct mock_nested *nested = to_mock_nested(domain);

	WARN_ON(nested->ndevices);
	kfree(nested);
}

static int mock_invalidate(struct mock_nested *nested,
			   const struct iommu_hwpt_invalidate_selftest *inv)
{
	unsigned int i;

	if (inv->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (inv->iotlb_id > MOCK_NESTED_DOMAIN_IOTLB_ID_MAX)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(nested->iotlb); i++)
		if (inv->flags || i == inv->iotlb_id)
			WRITE_ONCE(nested->iotlb[i], 0);
	return 0;
}

/**
 * mock_nested_invalidate() - See iommu_backend_ops::nested_invalidate
 * @domain: The domain.
 * @parent: What it is nested in.
 * @array: The invalidations, struct iommu_hwpt_invalidate_selftest.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, -EOPNOTSUPP, -EINVAL, -E2BIG or -EFAULT.
 */
int mock_nested_invalidate(struct iommu_domain *domain,
			   struct iommu_domain *parent,
			   struct iommu_backend_array *array)
{
	struct iommu_hwpt_invalidate_selftest inv;
	u32 i, n = array->entry_num;
	int rc = 0;

	array->entry_num = 0;
	if (array->type != IOMMU_HWPT_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		rc = iommu_backend_copy_entry(array, i, &inv, sizeof(inv),
					      sizeof(inv)) ?:
		     mock_invalidate(to_mock_nested(domain), &inv);
		if (rc)
			break;
		array->entry_num++;
	}
	return rc;
}

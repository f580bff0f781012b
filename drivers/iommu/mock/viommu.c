// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs of the mock IOMMU.
 *
 * Each mock device has a cache of a few entries, which show whether an
 * invalidation by the ID that a guest has for the device has reached it.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "../iommufd/backend/backend.h"
#include "domain.h"
#include "mock_device.h"
#include "nested.h"
#include "viommu.h"

static struct mock_viommu *to_mock_viommu(struct iommu_backend_viommu *viommu)
{
	return container_of(viommu, struct mock_viommu, viommu);
}

static void mock_viommu_free(struct iommu_backend_viommu *viommu)
{
	WARN_ON(!list_empty(&viommu->vevents));
	kfree(to_mock_viommu(viommu));
}

static struct iommu_domain *
mock_viommu_nested_alloc(struct iommu_backend_viommu *viommu,
			 struct device *dev, u32 flags,
			 const struct iommu_backend_data *data)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);
	struct iommu_domain *domain;

	domain = mock_nested_alloc(dev, &mock->parent->domain, flags, data);
	if (!IS_ERR(domain))
		to_mock_nested(domain)->viommu = mock;
	return domain;
}

static void mock_invalidate_cache(struct device *dev, void *arg)
{
	const struct iommu_viommu_invalidate_selftest *inv = arg;
	struct mock_device *mdev = to_mock_device(dev);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->cache); i++)
		if (inv->flags || i == inv->cache_id)
			WRITE_ONCE(mdev->cache[i], 0);
}

static int mock_invalidate(struct iommu_backend_viommu *viommu,
			   struct iommu_viommu_invalidate_selftest *inv)
{
	if (inv->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (inv->cache_id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	return iommu_backend_with_vdevice(viommu, inv->vdev_id,
					  mock_invalidate_cache, inv) ?
		       -EINVAL : 0;
}

static int mock_viommu_invalidate(struct iommu_backend_viommu *viommu,
				  struct iommu_backend_array *array)
{
	struct iommu_viommu_invalidate_selftest inv;
	u32 i, n = array->entry_num;
	int rc = 0;

	array->entry_num = 0;
	if (array->type != IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		rc = iommu_backend_copy_entry(array, i, &inv, sizeof(inv), 0) ?:
		     mock_invalidate(viommu, &inv);
		if (rc)
			break;
		array->entry_num++;
	}
	return rc;
}

static u32 mock_vevent_size(struct iommu_backend_viommu *viommu, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_SELFTEST ?
		       sizeof(struct iommu_viommu_event_selftest) : 0;
}

static const struct iommu_backend_viommu_ops mock_viommu_ops = {
	.free = mock_viommu_free,
	.nested_alloc = mock_viommu_nested_alloc,
	.invalidate = mock_viommu_invalidate,
	.vevent_size = mock_vevent_size,
};

/**
 * mock_instance() - See iommu_backend_ops::instance
 * @dev: The device.
 *
 * Context: Any.
 *
 * Return: What tells its IOMMU from others.
 */
const void *mock_instance(struct device *dev)
{
	static const char instances[2];

	return &instances[!!(to_mock_device(dev)->flags &
			     MOCK_FLAGS_DEVICE_OTHER_IOMMU)];
}

/**
 * mock_has_viommu() - See iommu_backend_ops::has_viommu
 * @dev: The device.
 * @type: The type.
 *
 * Context: Any.
 *
 * Return: Whether it is IOMMU_VIOMMU_TYPE_SELFTEST.
 */
bool mock_has_viommu(struct device *dev, u32 type)
{
	return type == IOMMU_VIOMMU_TYPE_SELFTEST;
}

/* Answer with out_data what user space has as in_data. */
static int mock_viommu_echo(const struct iommu_backend_data *data)
{
	struct iommu_viommu_selftest selftest;
	int rc;

	rc = iommu_backend_copy_data(data, &selftest, sizeof(selftest),
				     offsetofend(struct iommu_viommu_selftest,
						 out_data));
	if (rc)
		return rc;
	selftest.out_data = selftest.in_data;
	return iommu_backend_write_data(data, &selftest, sizeof(selftest));
}

/**
 * mock_viommu_alloc() - See iommu_backend_ops::viommu_alloc
 * @dev: The device.
 * @type: IOMMU_VIOMMU_TYPE_SELFTEST.
 * @parent: The page table to nest in.
 * @data: struct iommu_viommu_selftest of user space, or NULL.
 *
 * Context: Process context; sleeps.
 *
 * Return: The virtual IOMMU, ERR_PTR(-ENOMEM), -EINVAL, -E2BIG or -EFAULT.
 */
struct iommu_backend_viommu *
mock_viommu_alloc(struct device *dev, u32 type, struct iommu_domain *parent,
		  const struct iommu_backend_data *data)
{
	struct mock_viommu *mock;
	int rc;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->parent = to_mock_domain(parent);
	iommu_backend_viommu_init(&mock->viommu, &mock_viommu_ops);
	rc = data ? mock_viommu_echo(data) : 0;
	if (rc) {
		kfree(mock);
		return ERR_PTR(rc);
	}
	return &mock->viommu;
}

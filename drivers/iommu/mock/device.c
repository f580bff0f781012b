// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock devices, their bus, and the mock IOMMU that is before them
 *
 * The IOMMU is a provider of its own.  The kernel knows nothing of it but the
 * groups.
 */
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/slab.h>

#include "device.h"
#include "domain.h"

static struct bus_type mock_bus = {
	.name = "iommufd_mock",
};

static DEFINE_IDA(mock_ids);

static struct mock_device *group_to_mock(struct iommu_group *group)
{
	return iommu_group_get_iommudata(group);
}

static bool mock_is_coherent(struct device *dev)
{
	return true;
}

static bool mock_msi_isolated(struct iommu_group *group)
{
	return true;
}

static int mock_walk_reserved(struct iommu_group *group,
			      iommu_provider_resv_fn fn, void *arg)
{
	return 0;
}

static int mock_claim(struct iommu_group *group, void *owner)
{
	struct mock_device *mdev = group_to_mock(group);

	if (WARN_ON(mdev->owner))
		return -EPERM;
	mdev->owner = owner;
	return 0;
}

static void mock_release(struct iommu_group *group)
{
	struct mock_device *mdev = group_to_mock(group);

	WARN_ON(!mdev->owner || mdev->domain);
	mdev->owner = NULL;
}

static struct iommu_domain *mock_provider_domain_alloc(struct device *dev)
{
	struct mock_domain *mock = mock_domain_alloc();

	return mock ? &mock->domain : ERR_PTR(-ENOMEM);
}

static void mock_provider_domain_free(struct iommu_domain *domain)
{
	mock_domain_free(to_mock_domain(domain));
}

static int mock_attach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct mock_device *mdev = group_to_mock(group);

	WARN_ON(!mdev->owner || mdev->domain);
	mdev->domain = to_mock_domain(domain);
	mdev->domain->ndevices++;
	return 0;
}

static void mock_detach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct mock_device *mdev = group_to_mock(group);

	if (WARN_ON(mdev->domain != to_mock_domain(domain)))
		return;
	mdev->domain->ndevices--;
	mdev->domain = NULL;
}

const struct iommu_provider_ops mock_provider = {
	.owner = THIS_MODULE,
	.bus = &mock_bus,
	.is_coherent = mock_is_coherent,
	.msi_isolated = mock_msi_isolated,
	.walk_reserved = mock_walk_reserved,
	.claim = mock_claim,
	.release = mock_release,
	.domain_alloc = mock_provider_domain_alloc,
	.domain_free = mock_provider_domain_free,
	.attach = mock_attach,
	.detach = mock_detach,
};

static void mock_device_release(struct device *dev)
{
	struct mock_device *mdev = container_of(dev, struct mock_device, dev);

	ida_free(&mock_ids, mdev->id);
	kfree(mdev);
}

static int mock_device_add_group(struct mock_device *mdev)
{
	struct iommu_group *group = iommu_group_alloc();
	int rc;

	if (IS_ERR(group))
		return PTR_ERR(group);
	iommu_group_set_iommudata(group, mdev, NULL);
	rc = iommu_group_add_device(group, &mdev->dev);
	/* The device holds it now. */
	iommu_group_put(group);
	return rc;
}

/**
 * mock_device_create() - Make a mock device, in a group of its own
 * @flags: MOCK_FLAGS_DEVICE_*.
 *
 * Pairs with mock_device_destroy().
 *
 * Return: the device, or ERR_PTR(-ENOMEM) and whatever else the driver model
 * says.
 */
struct mock_device *mock_device_create(u32 flags)
{
	struct mock_device *mdev;
	int rc;

	mdev = kzalloc(sizeof(*mdev), GFP_KERNEL_ACCOUNT);
	if (!mdev)
		return ERR_PTR(-ENOMEM);
	mdev->flags = flags;
	mdev->id = ida_alloc(&mock_ids, GFP_KERNEL);
	if (mdev->id < 0) {
		rc = mdev->id;
		kfree(mdev);
		return ERR_PTR(rc);
	}

	device_initialize(&mdev->dev);
	mdev->dev.bus = &mock_bus;
	mdev->dev.release = mock_device_release;
	rc = dev_set_name(&mdev->dev, "iommufd_mock%d", mdev->id);
	if (rc)
		goto err_put;
	rc = device_add(&mdev->dev);
	if (rc)
		goto err_put;
	rc = mock_device_add_group(mdev);
	if (rc)
		goto err_del;
	return mdev;

err_del:
	device_del(&mdev->dev);
err_put:
	put_device(&mdev->dev);
	return ERR_PTR(rc);
}

/**
 * mock_device_destroy() - Undo mock_device_create()
 * @mdev: The device, not bound to anything.
 */
void mock_device_destroy(struct mock_device *mdev)
{
	WARN_ON(mdev->owner);
	iommu_group_remove_device(&mdev->dev);
	device_unregister(&mdev->dev);
}

/**
 * mock_bus_init() - Register the bus, and the IOMMU for what is on it
 *
 * Return: 0, or an errno.
 */
int mock_bus_init(void)
{
	int rc = bus_register(&mock_bus);

	if (rc)
		return rc;
	rc = iommu_provider_register(&mock_provider);
	if (rc)
		bus_unregister(&mock_bus);
	return rc;
}

/**
 * mock_bus_exit() - Undo mock_bus_init()
 */
void mock_bus_exit(void)
{
	iommu_provider_unregister(&mock_provider);
	bus_unregister(&mock_bus);
	ida_destroy(&mock_ids);
}

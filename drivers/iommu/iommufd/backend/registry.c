// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which provider a device has
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "kernel.h"
#include "registry.h"

static DEFINE_MUTEX(bus_provider_lock);
static const struct iommu_provider_ops *bus_provider; /* or NULL */

/**
 * iommu_provider_register() - Add a provider for the devices of one bus
 * @provider: The provider; its bus is the caller's own.
 *
 * Only one provider can be added.
 *
 * Context: Process context.
 *
 * Return: 0, or -EBUSY when there is one already.
 */
int iommu_provider_register(const struct iommu_provider_ops *provider)
{
	int rc = 0;

	mutex_lock(&bus_provider_lock);
	if (bus_provider)
		rc = -EBUSY;
	else
		bus_provider = provider;
	mutex_unlock(&bus_provider_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommu_provider_register, "IOMMUFD_TEST");

/**
 * iommu_provider_unregister() - Undo iommu_provider_register()
 * @provider: The provider.  Its module is being unloaded, so that nobody holds a
 *	reference any more, and nobody gets one.
 *
 * Context: Process context.
 */
void iommu_provider_unregister(const struct iommu_provider_ops *provider)
{
	mutex_lock(&bus_provider_lock);
	WARN_ON(bus_provider != provider);
	bus_provider = NULL;
	mutex_unlock(&bus_provider_lock);
}
EXPORT_SYMBOL_NS_GPL(iommu_provider_unregister, "IOMMUFD_TEST");

/**
 * iommu_provider_get() - Find the provider for a device
 * @dev: The device.
 *
 * Context: Process context.  Pairs with iommu_provider_put(); until then, the
 * provider's module stays.
 *
 * Return: the provider.
 */
const struct iommu_provider_ops *iommu_provider_get(struct device *dev)
{
	const struct iommu_provider_ops *provider;

	provider = iommu_has_device_domains(dev) ? &iommu_paging_provider :
						   &iommu_generic_provider;
	mutex_lock(&bus_provider_lock);
	if (bus_provider && bus_provider->bus == dev->bus &&
	    try_module_get(bus_provider->owner))
		provider = bus_provider;
	else
		__module_get(provider->owner);
	mutex_unlock(&bus_provider_lock);
	return provider;
}

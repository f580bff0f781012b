// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which backend a device has
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "kernel.h"
#include "registry.h"

static DEFINE_MUTEX(bus_backend_lock);
static const struct iommu_backend_ops *bus_backend; /* or NULL */

/**
 * iommu_backend_register() - Add a backend for the devices of one bus
 * @backend: The backend; its bus is the caller's own.
 *
 * Only one backend can be added.
 *
 * Context: Process context.
 *
 * Return: 0, or -EBUSY when there is one already.
 */
int iommu_backend_register(const struct iommu_backend_ops *backend)
{
	int rc = 0;

	mutex_lock(&bus_backend_lock);
	if (bus_backend)
		rc = -EBUSY;
	else
		bus_backend = backend;
	mutex_unlock(&bus_backend_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_register, "IOMMUFD_TEST");

/**
 * iommu_backend_unregister() - Undo iommu_backend_register()
 * @backend: The backend.  Its module is being unloaded, so that nobody holds a
 *	reference any more, and nobody gets one.
 *
 * Context: Process context.
 */
void iommu_backend_unregister(const struct iommu_backend_ops *backend)
{
	mutex_lock(&bus_backend_lock);
	WARN_ON(bus_backend != backend);
	bus_backend = NULL;
	mutex_unlock(&bus_backend_lock);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_unregister, "IOMMUFD_TEST");

/**
 * iommu_backend_get() - Find the backend for a device
 * @dev: The device.
 *
 * Context: Process context.  Pairs with iommu_backend_put(); until then, the
 * backend's module stays.
 *
 * Return: the backend.
 */
const struct iommu_backend_ops *iommu_backend_get(struct device *dev)
{
	const struct iommu_backend_ops *backend;

	backend = iommu_has_device_domains(dev) ? &iommu_paging_backend :
						   &iommu_generic_backend;
	mutex_lock(&bus_backend_lock);
	if (bus_backend && bus_backend->bus == dev->bus &&
	    try_module_get(bus_backend->owner))
		backend = bus_backend;
	else
		__module_get(backend->owner);
	mutex_unlock(&bus_backend_lock);
	return backend;
}

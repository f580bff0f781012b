// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU backends: how a kernel's IOMMU drivers are asked for things
 *
 * This folder is the one place that knows which of the kernel's interfaces to
 * use. kernel.c has the backends for the kernel's own IOMMU drivers.  A module
 * can add another one for devices that it makes itself, see registry.c.
 */
#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/uaccess.h>

#include "backend.h"

/*
 * IOMMU drivers of newer kernels have EINVAL for a domain that the IOMMU of a
 * group cannot use.  On 6.1, Intel's has EOPNOTSUPP and EFAULT, that of Arm's
 * SMMUv3 has ENXIO, and that of virtio has EXDEV.
 */
static int attach_error(int rc)
{
	switch (rc) {
	case -EOPNOTSUPP:
	case -EFAULT:
	case -ENXIO:
	case -EXDEV:
		return -EINVAL;
	default:
		return rc;
	}
}

/**
 * iommu_backend_finalize() - Make final what a domain can map
 * @backend: The backend of @domain.
 * @domain: The domain, without devices.
 * @dev: A device of the group that the domain is for.
 * @group: The group, claimed, without a domain attached; else NULL.
 * @coherent: Set to whether the domain snoops all DMA of @dev.
 *
 * Context: Process context.
 *
 * Return: as iommu_backend_ops::finalize(), but -EINVAL when the IOMMU of @dev
 * cannot use the domain.
 */
int iommu_backend_finalize(const struct iommu_backend_ops *backend,
			   struct iommu_domain *domain, struct device *dev,
			   struct iommu_group *group, bool *coherent)
{
	*coherent = false;
	if (!backend->finalize)
		return 0;
	return attach_error(backend->finalize(domain, dev, group, coherent));
}

/**
 * iommu_backend_probe() - Find out what the IOMMU of a group can do
 * @backend: The backend of @group.
 * @dev: A device of @group.
 * @flags: Flags of enum iommufd_hwpt_alloc_flags: an IOMMU may have another
 *	format of page tables for them, with other limits.
 * @like: A domain whose format it is about, as far as data of user space has
 *	chosen it; NULL for that without data.
 * @group: The group, claimed, without a domain attached unless the backend
 *	has final domains.
 * @limits: Filled in.
 *
 * Where a domain becomes final only with a device, as on 6.1, @group is
 * attached to an empty domain for a moment.
 *
 * Context: Process context.
 *
 * Return: 0, -ENOMEM, -EINVAL when the IOMMU has no page tables with @flags, or
 * what the IOMMU driver says.
 */
int iommu_backend_probe(const struct iommu_backend_ops *backend,
			struct device *dev, u32 flags,
			struct iommu_domain *like, struct iommu_group *group,
			struct iommu_backend_limits *limits)
{
	struct iommu_domain *domain;
	bool coherent;
	int rc;

	if (like && backend->domain_alloc_like)
		domain = backend->domain_alloc_like(dev, flags, like);
	else
		domain = backend->domain_alloc(dev, flags, NULL);
	if (IS_ERR(domain))
		return attach_error(PTR_ERR(domain));

	rc = iommu_backend_finalize(backend, domain, dev, group, &coherent);
	if (rc >= 0) {
		limits->aperture_start = domain->geometry.aperture_start;
		limits->aperture_end = domain->geometry.aperture_end;
		limits->pgsizes = domain->pgsize_bitmap;
	}
	if (rc > 0)
		backend->detach(domain, group);
	backend->domain_free(domain);
	return min(rc, 0);
}

/**
 * iommu_backend_within() - Tell whether a domain is within the limits of an
 * IOMMU
 * @domain: The domain.
 * @limits: What the IOMMU can do.
 *
 * On 6.1, attaching a group behind a lesser IOMMU would shrink the domain while
 * other groups use it.
 *
 * Return: whether a group behind that IOMMU may be attached to the domain.
 */
bool iommu_backend_within(struct iommu_domain *domain,
			  const struct iommu_backend_limits *limits)
{
	return domain->geometry.aperture_start >= limits->aperture_start &&
	       domain->geometry.aperture_end <= limits->aperture_end &&
	       !(domain->pgsize_bitmap & ~limits->pgsizes);
}

/**
 * iommu_backend_attach() - Let a group do DMA through a domain
 * @backend: The backend of @domain and @group.
 * @domain: The domain.
 * @group: The group, claimed, without a domain attached.
 *
 * User space tries another page table for -EINVAL, and for no other errno.
 *
 * Context: Process context.
 *
 * Return: 0, or, with the group still blocked, -EINVAL when the IOMMU of the
 * group cannot use the domain, -ENOMEM, or what else the IOMMU driver says.
 */
int iommu_backend_attach(const struct iommu_backend_ops *backend,
			 struct iommu_domain *domain,
			 struct iommu_group *group)
{
	return attach_error(backend->attach(domain, group));
}

/**
 * iommu_backend_replace() - Move a group to another domain at once
 * @backend: The backend of @old, @domain and @group, which can replace.
 * @old: The domain that the group is attached to, or was before a replace that has
 *	failed.
 * @domain: The domain that it is to be attached to.
 * @group: The group.
 *
 * Context: Process context.
 *
 * Return: as iommu_backend_attach(), on error with nothing changed, or with the
 * group blocked and without a domain: see iommu_backend_is_attached().
 */
int iommu_backend_replace(const struct iommu_backend_ops *backend,
			  struct iommu_domain *old, struct iommu_domain *domain,
			  struct iommu_group *group)
{
	return attach_error(backend->replace(old, domain, group));
}

/**
 * iommu_backend_is_attached() - Is a group attached after a replace that failed?
 * @backend: The backend of @domain and @group, which can replace.
 * @domain: The domain that the group was attached to before.
 * @group: The group.
 *
 * Context: Process context.
 *
 * Return: true if it still is, false if it is blocked and has no domain attached.
 */
bool iommu_backend_is_attached(const struct iommu_backend_ops *backend,
			       struct iommu_domain *domain,
			       struct iommu_group *group)
{
	return !backend->is_attached || backend->is_attached(domain, group);
}

/**
 * iommu_backend_set_pasid() - Let DMA of a device with a PASID through a domain
 * @backend: The backend of @old, @domain and @dev, whose devices have PASIDs.
 * @dev: The device.
 * @pasid: The PASID.
 * @old: The domain that the PASID is attached to, or was before a call that has
 *	failed; NULL for none.
 * @domain: The domain that it is to be attached to.
 *
 * Context: Process context.
 *
 * Return: as iommu_backend_attach(), on error with nothing changed, or with the
 * PASID blocked: see iommu_backend_pasid_is_attached().
 */
int iommu_backend_set_pasid(const struct iommu_backend_ops *backend,
			    struct device *dev, u32 pasid,
			    struct iommu_domain *old,
			    struct iommu_domain *domain)
{
	return attach_error(backend->set_pasid(dev, pasid, old, domain));
}

/**
 * iommu_backend_copy_data() - Copy what user space says of a domain
 * @data: The struct of user space.
 * @to: The struct of the backend, zeroed beyond the bytes that user space
 *	gives.
 * @size: Bytes of @to.
 * @min_size: Bytes that user space has to give.
 *
 * Context: Process context.
 *
 * Return: 0, -EINVAL when the struct is too short, -E2BIG when a byte that the
 * backend does not know is not 0, -EFAULT.
 */
int iommu_backend_copy_data(const struct iommu_backend_data *data, void *to,
			    size_t size, size_t min_size)
{
	if (data->length < min_size)
		return -EINVAL;
	/* Not more than can be looked through in no time. */
	if (data->length > PAGE_SIZE)
		return -E2BIG;
	return copy_struct_from_user(to, size, data->uptr, data->length);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_copy_data, "IOMMUFD_TEST");

/**
 * iommu_backend_write_data() - Write back data of user space
 * @data: The struct of user space.
 * @from: The struct of the backend, of which as much is written as fits.
 * @size: Bytes of @from.
 *
 * Context: Process context.
 *
 * Return: 0 or -EFAULT.
 */
int iommu_backend_write_data(const struct iommu_backend_data *data,
			     const void *from, size_t size)
{
	return copy_to_user(data->uptr, from, min_t(size_t, data->length, size)) ?
		       -EFAULT : 0;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_write_data, "IOMMUFD_TEST");

/**
 * iommu_backend_copy_entry() - Copy an invalidation that user space asks for
 * @array: The invalidations.
 * @index: Which of them.
 * @to: The struct of the backend, zeroed beyond the bytes that user space
 *	gives.
 * @size: Bytes of @to.
 * @min_size: Bytes that user space has to give.
 *
 * Context: Process context.
 *
 * Return: as iommu_backend_copy_data().
 */
int iommu_backend_copy_entry(const struct iommu_backend_array *array, u32 index,
			     void *to, size_t size, size_t min_size)
{
	if (array->entry_len < min_size)
		return -EINVAL;
	return copy_struct_from_user(to, size,
				     array->uptr +
				     (size_t)index * array->entry_len,
				     array->entry_len);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_copy_entry, "IOMMUFD_TEST");

/**
 * iommu_backend_set_dirty() - Report what devices have written
 * @dirty: The bitmap.
 * @iova: First byte.
 * @length: Bytes, not 0.
 *
 * A page of the IOMMU may reach beyond the bitmap.  The part before the bitmap
 * is ignored, the part after it is kept in iommu_backend_dirty::ahead.
 *
 * Context: Any.
 */
void iommu_backend_set_dirty(struct iommu_backend_dirty *dirty,
			     unsigned long iova, size_t length)
{
	unsigned long last = iova + length - 1;
	unsigned long bit;

	if (last > dirty->last) {
		dirty->ahead = max(dirty->ahead, last);
		last = dirty->last;
	}
	iova = max(iova, dirty->start);
	if (iova > last)
		return;
	bit = (iova - dirty->start) >> dirty->shift;
	bitmap_set(dirty->bits, dirty->first + bit,
		   ((last - dirty->start) >> dirty->shift) - bit + 1);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_set_dirty, "IOMMUFD_TEST");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU providers: how a kernel's IOMMU drivers are asked for things
 *
 * This is the one place that knows which of the kernel's interfaces to use.
 * The generic provider takes the API that every kernel since 6.1 has, and that
 * every IOMMU driver serves.  The final one is for those drivers of newer
 * kernels that make a domain for a device, which is what it will be at once.
 * A module can bring another one, for devices that it makes itself.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <trace/events/iommu.h>
#include <uapi/linux/iommufd.h>

#include "backend.h"

static bool generic_is_coherent(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}

static bool generic_enforces_coherency(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

static bool generic_msi_isolated(struct iommu_group *group)
{
	return iommu_group_has_isolated_msi(group);
}

static int generic_walk_reserved(struct iommu_group *group,
				 iommu_provider_resv_fn fn, void *arg)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int rc;

	rc = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (!rc)
			rc = fn(region, arg);
		list_del(&region->list);
		kfree(region);
	}
	return rc;
}

static int has_stale_alias(struct device *dev, void *unused)
{
	if (iommu_forgets_aliases(dev))
		return 0;
	dev_warn_ratelimited(dev, "cannot be bound: its DMA bears another device's ID, which this kernel does not isolate\n");
	return -EOPNOTSUPP;
}

static int generic_claim(struct iommu_group *group, void *owner)
{
	int rc = iommu_group_for_each_dev(group, NULL, has_stale_alias);

	if (rc)
		return rc;
	return iommu_group_claim_dma_owner(group, owner);
}

static void generic_release(struct iommu_group *group)
{
	iommu_group_release_dma_owner(group);
}

static struct iommu_domain *
generic_domain_alloc(struct device *dev, u32 flags,
		     const struct iommu_provider_data *data)
{
	if (flags || data)
		return ERR_PTR(-EOPNOTSUPP);
	return iommu_paging_domain_alloc(dev);
}

/*
 * An IOMMU driver of a kernel without CONFIG_IOMMUFD may track what is dirty,
 * but what it would tell that by does nothing.
 */
static struct iommu_domain *
final_domain_alloc(struct device *dev, u32 flags,
		   const struct iommu_provider_data *data)
{
	if (flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING || data)
		return ERR_PTR(-EOPNOTSUPP);
	return iommu_paging_domain_alloc_flags(dev, flags);
}

static void generic_domain_free(struct iommu_domain *domain)
{
	iommu_domain_free(domain);
}

/*
 * Bytes at @iova that an IOMMU driver can be asked to map to @phys, or to unmap if
 * that is @iova, in one step: pages of one size, *@pgsize.  Steps end at multiples
 * of @limit, unless pages are as large.
 */
static size_t next_large_step(struct iommu_domain *domain, unsigned long iova,
			      phys_addr_t phys, size_t length, size_t limit,
			      size_t *pgsize)
{
	unsigned long sizes = domain->pgsize_bitmap;
	unsigned long larger, size, head;

	size = BIT(__fls(sizes & GENMASK(__ffs(iova | phys |
					       BIT(__fls(length))), 0)));
	*pgsize = size;
	length = round_down(length, size);
	larger = sizes & ~(size | (size - 1));
	if (larger) {
		larger = BIT(__ffs(larger));
		head = larger - (iova & (larger - 1));
		if (!((iova ^ phys) & (larger - 1)) && length >= larger &&
		    head <= length - larger)
			return head;
	}
	if (size < limit)
		length = min(length, limit - (iova & (limit - 1)));
	return length;
}

/* The same, mostly of one page.  Returns 0 when something is misaligned. */
static inline size_t next_step(struct iommu_domain *domain, unsigned long iova,
			       phys_addr_t phys, size_t length, size_t limit,
			       size_t *pgsize)
{
	size_t smallest = BIT(__ffs(domain->pgsize_bitmap));

	if ((iova | phys | length) & (smallest - 1))
		return 0;
	*pgsize = smallest;
	if (length == smallest)
		return length;
	return next_large_step(domain, iova, phys, length, limit, pgsize);
}

/*
 * Take out what a failed map left in a domain.  It should be nothing, but Intel's
 * driver, when it finds no memory for a page table, leaves what it had filled
 * before and does not tell.
 */
static void sweep(struct iommu_domain *domain, unsigned long iova,
		  size_t length)
{
	size_t page = BIT(__ffs(domain->pgsize_bitmap));

	for (; length; iova += page, length -= page) {
		if (iommu_iova_to_phys(domain, iova))
			iommu_unmap(domain, iova, page);
		cond_resched();
	}
}

/* Undo a map that failed after so many bytes in a step of so many. */
static noinline void undo_map(struct iommu_domain *domain, unsigned long iova,
			      size_t done, size_t step)
{
	iommu_provider_unmap(domain, iova, done);
	sweep(domain, iova + done, step);
}

/* See iommu_provider_map(). */
static __always_inline int map(struct iommu_domain *domain, unsigned long iova,
			       phys_addr_t phys, size_t length, int prot)
{
	size_t step, pgsize, mapped, done = 0;
	int rc = -EINVAL;

	for (;;) {
		mapped = 0;
		step = next_step(domain, iova + done, phys + done,
				 length - done, SZ_1G, &pgsize);
		if (step)
			rc = iommu_domain_map_pages(domain, iova + done,
						    phys + done, pgsize,
						    step >> __ffs(pgsize), prot,
						    GFP_KERNEL_ACCOUNT,
						    &mapped);
		done += mapped;
		if (rc)
			break;
		if (done == length) {
			trace_map(iova, phys, length);
			return 0;
		}
		cond_resched();
	}
	undo_map(domain, iova, done, step - mapped);
	return rc;
}

/**
 * iommu_provider_map() - Put memory into a domain
 * @domain: The domain.
 * @iova: Where; nothing is mapped there.
 * @phys: First byte of the memory.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and so on.
 *
 * Devices may not see it before iommu_provider_sync_map(), which is called once
 * for all that goes side by side.  May sleep.
 *
 * This is iommu_map() without that, and without looking at the domain anew for
 * each page.
 *
 * Return: 0, or, with nothing mapped: -EINVAL when something is no multiple of
 * the domain's smallest page, -ENOMEM, or what the IOMMU driver says.
 */
int iommu_provider_map(struct iommu_domain *domain, unsigned long iova,
		       phys_addr_t phys, size_t length, int prot)
{
	return map(domain, iova, phys, length, prot);
}

/**
 * iommu_provider_map_pages() - Put pages into a domain, one after the other
 * @domain: The domain.
 * @iova: Where; nothing is mapped there.
 * @pfns: Their frames.
 * @npages: How many.
 * @prot: IOMMU_READ and so on.
 *
 * As iommu_provider_map() for each of them.
 *
 * Return: as iommu_provider_map(), with none of them mapped.
 */
int iommu_provider_map_pages(struct iommu_domain *domain, unsigned long iova,
			     const unsigned long *pfns, unsigned long npages,
			     int prot)
{
	unsigned long i;
	int rc;

	for (i = 0; i < npages; i++) {
		rc = map(domain, iova + i * PAGE_SIZE, PFN_PHYS(pfns[i]),
			 PAGE_SIZE, prot);
		if (rc) {
			iommu_provider_unmap(domain, iova, i * PAGE_SIZE);
			return rc;
		}
	}
	return 0;
}

/**
 * iommu_provider_sync_map() - Have devices see what was mapped
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, all of them mapped.
 *
 * In steps that Intel's driver of 6.1 can count, as in iommu_provider_unmap().
 *
 * Return: 0, or, with all of it unmapped, what the IOMMU driver says.
 */
int iommu_provider_sync_map(struct iommu_domain *domain, unsigned long iova,
			    size_t length)
{
	size_t step, done = 0;
	int rc;

	do {
		step = min(length - done,
			   SZ_1T - ((iova + done) & (SZ_1T - 1)));
		rc = iommu_domain_sync_map(domain, iova + done, step);
		done += step;
	} while (!rc && done < length);
	if (rc)
		iommu_provider_unmap(domain, iova, length);
	return rc;
}

/**
 * iommu_provider_unmap() - Take a range out of a domain, and flush it
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, all of them mapped.
 *
 * When it returns, no device reaches through @domain what was mapped there.
 *
 * The kernel would take any range, but on 6.1 Intel's driver frees page tables
 * that a device may still walk when steps of different size are flushed as one,
 * and counts the pages of a flush in 32 bits.  So each step is a call here,
 * which costs nothing: such steps are flushed one by one anyway.  An IOMMU that can
 * only undo a map as a whole takes more at once.
 */
void iommu_provider_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t length)
{
	size_t step, pgsize, unmapped;

	while (length) {
		step = next_step(domain, iova, iova, length, SZ_1T, &pgsize);
		if (WARN_ON_ONCE(!step))
			return;
		unmapped = iommu_unmap(domain, iova, step);
		WARN_ON_ONCE(unmapped < step || unmapped > length);
		step = clamp(unmapped, step, length);
		iova += step;
		length -= step;
		cond_resched();
	}
}

static int generic_map_msi(struct iommu_domain *domain, phys_addr_t iova)
{
	int rc = iommu_get_msi_cookie(domain, iova);

	/* Another group has had it done. */
	return rc == -EBUSY ? 0 : rc;
}

static int generic_attach(struct iommu_domain *domain,
			  struct iommu_group *group)
{
	return iommu_attach_group(domain, group);
}

static void generic_detach(struct iommu_domain *domain,
			   struct iommu_group *group)
{
	iommu_detach_group(domain, group);
}

/*
 * Each attachment has a handle of its own, by which an IOMMU driver would find whom
 * page faults of the group concern.  The kernel keeps it for us.
 */
static struct iommu_attach_handle *final_handle(struct iommu_group *group)
{
	struct iommu_attach_handle *handle;

	handle = iommu_attach_handle_get(group, IOMMU_NO_PASID, 0);
	return IS_ERR(handle) ? NULL : handle;
}

static int final_attach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct iommu_attach_handle *handle;
	int rc;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	rc = iommu_attach_group_handle(domain, group, handle);
	if (rc)
		kfree(handle);
	return rc;
}

static void final_detach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct iommu_attach_handle *handle = final_handle(group);

	iommu_detach_group_handle(domain, group);
	kfree(handle);
}

static int final_replace(struct iommu_domain *old, struct iommu_domain *domain,
			 struct iommu_group *group)
{
	struct iommu_attach_handle *old_handle = final_handle(group);
	struct iommu_attach_handle *handle;
	int rc;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	rc = iommu_replace_group_handle(group, domain, handle);
	kfree(rc ? handle : old_handle);
	return rc;
}

/*
 * From then on the IOMMU driver refuses to attach devices for which it cannot be
 * done.  Nothing is mapped in the domain yet.
 */
static bool enforce_coherency(struct iommu_domain *domain)
{
	return domain->ops->enforce_cache_coherency &&
	       domain->ops->enforce_cache_coherency(domain);
}

static int generic_finalize(struct iommu_domain *domain, struct device *dev,
			    struct iommu_group *group, bool *coherent)
{
	int rc;

	if (!group)
		return -EBUSY;
	rc = generic_attach(domain, group);
	if (rc)
		return rc;
	*coherent = enforce_coherency(domain);
	return 1;
}

/* Without a device, an IOMMU driver would promise anything: ask for it first. */
static int final_finalize(struct iommu_domain *domain, struct device *dev,
			  struct iommu_group *group, bool *coherent)
{
	*coherent = generic_enforces_coherency(dev) &&
		    enforce_coherency(domain);
	return 0;
}

static const struct iommu_provider_ops generic_provider = {
	.owner = THIS_MODULE,
	.is_coherent = generic_is_coherent,
	.enforces_coherency = generic_enforces_coherency,
	.msi_isolated = generic_msi_isolated,
	.walk_reserved = generic_walk_reserved,
	.claim = generic_claim,
	.release = generic_release,
	.domain_alloc = generic_domain_alloc,
	.finalize = generic_finalize,
	.domain_free = generic_domain_free,
	.map_msi = generic_map_msi,
	.attach = generic_attach,
	.detach = generic_detach,
};

/* For IOMMU drivers that make a domain for a device */
static const struct iommu_provider_ops final_provider = {
	.owner = THIS_MODULE,
	.is_coherent = generic_is_coherent,
	.enforces_coherency = generic_enforces_coherency,
	.msi_isolated = generic_msi_isolated,
	.walk_reserved = generic_walk_reserved,
	.claim = generic_claim,
	.release = generic_release,
	.hw_info = iommu_hw_info,
	.pasid_bits = iommu_pasid_bits,
	.domain_alloc = final_domain_alloc,
	.finalize = final_finalize,
	.domain_free = generic_domain_free,
	.map_msi = generic_map_msi,
	.attach = final_attach,
	.detach = final_detach,
	.replace = final_replace,
};

static DEFINE_MUTEX(bus_provider_lock);
static const struct iommu_provider_ops *bus_provider; /* or NULL */

/**
 * iommu_provider_register() - Bring a provider for the devices of one bus
 * @provider: The provider; its bus is the caller's own.
 *
 * There can be one.  Process context.
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
 * @provider: The provider.  Its module is on its way out, so that nobody holds
 *	a reference any more, and nobody gets one.
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
 * Pairs with iommu_provider_put(); until then, the provider's module stays.
 *
 * Return: the provider.
 */
const struct iommu_provider_ops *iommu_provider_get(struct device *dev)
{
	const struct iommu_provider_ops *provider;

	provider = iommu_has_final_domains(dev) ? &final_provider :
						  &generic_provider;
	mutex_lock(&bus_provider_lock);
	if (bus_provider && bus_provider->bus == dev->bus &&
	    try_module_get(bus_provider->owner))
		provider = bus_provider;
	else
		__module_get(provider->owner);
	mutex_unlock(&bus_provider_lock);
	return provider;
}

/**
 * iommu_provider_probe() - Find out what the IOMMU of a group can do
 * @provider: The provider of @group.
 * @dev: A device of @group.
 * @group: The group, claimed, without a domain attached unless the provider
 *	has final domains.
 * @limits: Filled in.
 *
 * Attaches the group to an empty domain for a moment where only that tells, as
 * on 6.1.
 *
 * Return: 0, -ENOMEM, or what the IOMMU driver says.
 */
int iommu_provider_probe(const struct iommu_provider_ops *provider,
			 struct device *dev, struct iommu_group *group,
			 struct iommu_provider_limits *limits)
{
	struct iommu_domain *domain;
	bool coherent;
	int rc;

	domain = provider->domain_alloc(dev, 0, NULL);
	if (IS_ERR(domain))
		return PTR_ERR(domain);

	rc = iommu_provider_finalize(provider, domain, dev, group, &coherent);
	if (rc >= 0) {
		limits->aperture_start = domain->geometry.aperture_start;
		limits->aperture_end = domain->geometry.aperture_end;
		limits->pgsizes = domain->pgsize_bitmap;
	}
	if (rc > 0)
		provider->detach(domain, group);
	provider->domain_free(domain);
	return min(rc, 0);
}

/**
 * iommu_provider_within() - Could an IOMMU do all that a domain does?
 * @domain: The domain.
 * @limits: What the IOMMU can do.
 *
 * Attaching a group behind a lesser IOMMU would, on 6.1, cut down the domain
 * under those that use it.
 *
 * Return: whether a group behind that IOMMU may be attached to the domain.
 */
bool iommu_provider_within(struct iommu_domain *domain,
			   const struct iommu_provider_limits *limits)
{
	return domain->geometry.aperture_start >= limits->aperture_start &&
	       domain->geometry.aperture_end <= limits->aperture_end &&
	       !(domain->pgsize_bitmap & ~limits->pgsizes);
}

/**
 * iommu_provider_copy_data() - Get what user space says of a domain
 * @data: What it says.
 * @to: Where to copy it, zeroed beyond what there is of it.
 * @size: Bytes of the struct as the provider knows it.
 * @min_size: Bytes that there must be.
 *
 * Return: 0, -EINVAL when it is too short, -E2BIG when something is in what the
 * provider does not know, -EFAULT.
 */
int iommu_provider_copy_data(const struct iommu_provider_data *data, void *to,
			     size_t size, size_t min_size)
{
	if (data->length < min_size)
		return -EINVAL;
	return copy_struct_from_user(to, size, data->uptr, data->length);
}
EXPORT_SYMBOL_NS_GPL(iommu_provider_copy_data, "IOMMUFD_TEST");

/**
 * iommu_provider_set_dirty() - Report what devices have written
 * @dirty: The bitmap.
 * @iova: First byte.
 * @length: Bytes, not 0.
 *
 * A page of the IOMMU may reach beyond the bitmap: what is before it does not
 * count, what is after it is noted.
 */
void iommu_provider_set_dirty(struct iommu_provider_dirty *dirty,
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
EXPORT_SYMBOL_NS_GPL(iommu_provider_set_dirty, "IOMMUFD_TEST");

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock devices, their bus, and the mock IOMMU in front of them.
 *
 * The mock IOMMU is a backend of its own.  The kernel's IOMMU layer knows the
 * groups of mock devices, but neither the IOMMU nor its domains.
 */
#include <linux/cache.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include <uapi/linux/iommufd.h>

#include "../iommufd/backend/map.h"
#include "device.h"
#include "domain.h"
#include "iommufd_test.h"
#include "nested.h"
#include "viommu.h"

static bool replaces = true;
module_param(replaces, bool, 0444);
MODULE_PARM_DESC(replaces, "Replace domains at once, which on 6.1 no IOMMU driver can (default: true)");

static uint fail_attach;
module_param(fail_attach, uint, 0644);
MODULE_PARM_DESC(fail_attach, "Number of attaches that fail from now on");

static uint fail_replace;
module_param(fail_replace, uint, 0644);
MODULE_PARM_DESC(fail_replace, "Number of replaces at once that fail from now on, and leave the device blocked");

static uint fail_errno = EIO;
module_param(fail_errno, uint, 0644);
MODULE_PARM_DESC(fail_errno, "errno of attaches and replaces that fail (default: 5, EIO)");

static uint attach_ms;
module_param(attach_ms, uint, 0644);
MODULE_PARM_DESC(attach_ms, "Milliseconds that an attach takes once devices use the page table (default: 0)");

static bool attaching;
module_param(attaching, bool, 0444);
MODULE_PARM_DESC(attaching, "Whether an attach takes these milliseconds now");

/* In sysfs: how many times the device was detached and so became blocked */
static ssize_t blocked_show(struct device *dev, struct device_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(to_mock_device(dev)->blocked));
}
static DEVICE_ATTR_RO(blocked);

static struct attribute *mock_attrs[] = {
	&dev_attr_blocked.attr,
	NULL
};
ATTRIBUTE_GROUPS(mock);

static struct bus_type mock_bus = {
	.name = "iommufd_mock",
	.dev_groups = mock_groups,
};

static DEFINE_IDA(mock_ids);

static bool mock_is_coherent(struct device *dev)
{
	return !(to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_INCOHERENT);
}

static bool mock_enforces_coherency(struct device *dev)
{
	return to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_SNOOP;
}

static int mock_sharing(struct device *dev,
			struct iommu_backend_sharing *sharing)
{
	if (to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_OTHER_IOMMU)
		sharing->iommu = &mock_bus;
	sharing->features = to_mock_device(dev)->flags &
			    MOCK_FLAGS_DEVICE_INCOHERENT_WALK;
	return 0;
}

static bool mock_msi_isolated(struct iommu_group *group)
{
	return !(mock_group_to_device(group)->flags &
		 MOCK_FLAGS_DEVICE_UNSAFE_MSI);
}

/* First IOVA of the window for MSI doorbells, 0 for none */
static phys_addr_t mock_msi_window(struct mock_device *mdev)
{
	if (mdev->flags & MOCK_FLAGS_DEVICE_SW_MSI)
		return MOCK_MSI_WINDOW;
	if (mdev->flags & MOCK_FLAGS_DEVICE_OTHER_SW_MSI)
		return MOCK_OTHER_MSI_WINDOW;
	return 0;
}

static int mock_walk_reserved(struct iommu_group *group,
			      iommu_backend_resv_fn fn, void *arg)
{
	struct iommu_resv_region region = {
		.start = mock_msi_window(mock_group_to_device(group)),
		.length = MOCK_MSI_WINDOW_LENGTH,
		.prot = IOMMU_WRITE,
		.type = IOMMU_RESV_SW_MSI,
	};

	return region.start ? fn(&region, arg) : 0;
}

static int mock_check_isolation(struct iommu_group *group)
{
	return mock_group_to_device(group)->flags & MOCK_FLAGS_DEVICE_ALIAS ?
		       -EOPNOTSUPP : 0;
}

static int mock_claim(struct iommu_group *group, void *owner)
{
	struct mock_device *mdev = mock_group_to_device(group);

	if (WARN_ON(mdev->owner))
		return -EPERM;
	mdev->owner = owner;
	return 0;
}

static bool mock_has_pasids(struct mock_device *mdev)
{
	unsigned long pasid = 0;

	return xa_find(&mdev->pasids, &pasid, ULONG_MAX, XA_PRESENT);
}

static void mock_release(struct iommu_group *group)
{
	struct mock_device *mdev = mock_group_to_device(group);

	WARN_ON(!mdev->owner || mdev->domain || mock_has_pasids(mdev));
	mdev->owner = NULL;
}

static void *mock_hw_info(struct device *dev, u32 *length, u32 *type)
{
	struct iommu_test_hw_info *info = kzalloc(sizeof(*info), GFP_KERNEL);

	if (!info)
		return ERR_PTR(-ENOMEM);
	info->test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL;
	*length = sizeof(*info);
	*type = IOMMU_HW_INFO_TYPE_SELFTEST;
	return info;
}

static bool mock_tracks_dirty(struct mock_device *mdev)
{
	return !(mdev->flags & MOCK_FLAGS_DEVICE_NO_DIRTY);
}

static u8 mock_pasid_bits(struct device *dev)
{
	return to_mock_device(dev)->flags & MOCK_FLAGS_DEVICE_PASID ?
		       MOCK_PASID_WIDTH : 0;
}

static u64 mock_capabilities(struct device *dev)
{
	u64 capabilities = IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;

	if (mock_tracks_dirty(to_mock_device(dev)))
		capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	return capabilities;
}

static int mock_copy_data(const struct iommu_backend_data *data,
			  struct iommu_hwpt_selftest *to)
{
	int rc;

	if (data->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	rc = iommu_backend_copy_data(data, to, sizeof(*to),
				     offsetofend(struct iommu_hwpt_selftest,
						 iotlb));
	if (rc)
		return rc;
	return to->pagetable_type > MOCK_IOMMUPT_HUGE ? -EOPNOTSUPP : 0;
}

static int mock_check_flags(struct device *dev, u32 flags)
{
	u32 known = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID |
		    IOMMU_HWPT_ALLOC_NEST_PARENT;

	if (mock_tracks_dirty(to_mock_device(dev)))
		known |= IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	return flags & ~known ? -EOPNOTSUPP : 0;
}

static struct iommu_domain *mock_alloc(struct device *dev, u32 flags,
				       u32 pagetable_type)
{
	struct mock_domain *mock;

	mock = mock_domain_alloc(to_mock_device(dev)->flags,
				 flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
				 pagetable_type);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->pasid = flags & IOMMU_HWPT_ALLOC_PASID;
	mock->faults = flags & IOMMU_HWPT_FAULT_ID_VALID;
	return &mock->domain;
}

static struct iommu_domain *
mock_backend_domain_alloc(struct device *dev, u32 flags,
			  const struct iommu_backend_data *data)
{
	struct iommu_hwpt_selftest selftest = {};
	int rc = mock_check_flags(dev, flags);

	if (!rc && data)
		rc = mock_copy_data(data, &selftest);
	if (rc)
		return ERR_PTR(rc);
	return mock_alloc(dev, flags, selftest.pagetable_type);
}

static struct iommu_domain *
mock_backend_domain_alloc_like(struct device *dev, u32 flags,
			       struct iommu_domain *like)
{
	int rc = mock_check_flags(dev, flags);

	if (rc)
		return ERR_PTR(rc);
	return mock_alloc(dev, flags, to_mock_domain(like)->pagetable_type);
}

static void mock_backend_domain_free(struct iommu_domain *domain)
{
	mock_domain_free(to_mock_domain(domain));
}

static int mock_finalize(struct iommu_domain *domain, struct device *dev,
			 struct iommu_group *group, bool *coherent)
{
	*coherent = mock_enforces_coherency(dev);
	to_mock_domain(domain)->snoop = *coherent;
	return 0;
}

/* Answers as iommu_get_msi_cookie() does. */
static int mock_map_msi(struct iommu_domain *domain, phys_addr_t iova)
{
	struct mock_domain *mock = to_mock_domain(domain);

	if (mock->msi_window)
		return -EEXIST;
	mock->msi_window = iova;
	return 0;
}

/*
 * Answers as IOMMU drivers of 6.1 do: Intel's when the domain snoops or is too
 * wide, and that of Arm's SMMUv3, which logs a line each time, when the IOMMU is
 * another one.  They do not notice when doorbells would be mapped where the
 * group has not reserved a window, when the IOMMU may read stale page tables,
 * nor when it has no huge pages.
 */
static int mock_check_attach(struct mock_device *mdev, struct mock_domain *mock)
{
	u32 different = mock->device_flags ^ mdev->flags;

	if (mock->snoop && !(mdev->flags & MOCK_FLAGS_DEVICE_SNOOP))
		return -EOPNOTSUPP;
	if (mock->domain.geometry.aperture_end >
	    mock_aperture_last(mdev->flags, mock->pagetable_type))
		return -EFAULT;
	if (different & MOCK_FLAGS_DEVICE_OTHER_IOMMU) {
		dev_err(&mdev->dev, "cannot attach to another IOMMU's domain\n");
		return -ENXIO;
	}
	if (mock->dirty && !mock_tracks_dirty(mdev))
		return -EINVAL;
	WARN_ON(mock->msi_window != mock_msi_window(mdev));
	WARN_ON(different & MOCK_FLAGS_DEVICE_INCOHERENT_WALK);
	WARN_ON(mock->domain.pgsize_bitmap &
		~mock_page_sizes(mdev->flags, mock->pagetable_type));
	return 0;
}

/* The page table that IOVA end in: that of the domain, or of its parent */
static struct mock_domain *mock_paging(struct iommu_domain *domain)
{
	struct mock_nested *nested = to_mock_nested(domain);

	return nested ? nested->parent : to_mock_domain(domain);
}

static bool mock_is_attached(struct mock_device *mdev,
			     struct iommu_domain *domain)
{
	return mdev->domain == mock_paging(domain) &&
	       mdev->nested == to_mock_nested(domain);
}

/* Returns 0, or -ENOENT when a virtual IOMMU does not know the device. */
static int mock_check_vdevice(struct mock_device *mdev,
			      struct iommu_domain *domain, u64 *virt_id)
{
	struct mock_nested *nested = to_mock_nested(domain);

	*virt_id = 0;
	if (!nested || !nested->viommu)
		return 0;
	return iommu_backend_find_virt_id(&nested->viommu->viommu, &mdev->dev,
					  virt_id);
}

static bool mock_is_for_pasids(struct iommu_domain *domain)
{
	struct mock_nested *nested = to_mock_nested(domain);

	return nested ? nested->pasid : to_mock_domain(domain)->pasid;
}

static bool mock_has_faults(struct iommu_domain *domain)
{
	struct mock_nested *nested = to_mock_nested(domain);

	return nested ? nested->faults : to_mock_domain(domain)->faults;
}

/* Count devices and PASIDs that are attached to a domain, or to none. */
static void mock_count(struct iommu_domain *domain, int n)
{
	struct mock_nested *nested;

	if (!domain)
		return;
	nested = to_mock_nested(domain);
	mock_paging(domain)->ndevices += n;
	if (nested)
		nested->ndevices += n;
}

/* The domain that a group is attached to, or NULL */
static struct iommu_domain *mock_domain_of(struct mock_device *mdev)
{
	if (mdev->nested)
		return &mdev->nested->domain;
	return mdev->domain ? &mdev->domain->domain : NULL;
}

/* Attach the device to a domain, or to none if @domain is NULL. */
static void mock_set_domain(struct mock_device *mdev,
			    struct iommu_domain *domain, u64 virt_id)
{
	WARN_ON(domain && mock_has_pasids(mdev) &&
		!mock_is_for_pasids(domain));
	mock_count(mock_domain_of(mdev), -1);
	mdev->domain = domain ? mock_paging(domain) : NULL;
	WRITE_ONCE(mdev->nested, domain ? to_mock_nested(domain) : NULL);
	mdev->virt_id = virt_id;
	mock_faults_expect(&mdev->faults, domain && mock_has_faults(domain));
	mock_count(domain, 1);
}

/* Let a test raise page faults before an attach is over. */
static void mock_attach_slowly(void)
{
	uint ms = READ_ONCE(attach_ms);

	if (!ms)
		return;
	WRITE_ONCE(attaching, true);
	msleep(ms);
	WRITE_ONCE(attaching, false);
}

static int mock_attach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct mock_device *mdev = mock_group_to_device(group);
	u64 virt_id = 0;
	int rc = mock_check_attach(mdev, mock_paging(domain)) ?:
		 mock_check_vdevice(mdev, domain, &virt_id);

	WARN_ON(!mdev->owner || mdev->domain);
	if (READ_ONCE(fail_attach)) {
		fail_attach--;
		rc = -(int)READ_ONCE(fail_errno);
	}
	if (rc)
		return rc;
	mock_set_domain(mdev, domain, virt_id);
	mock_attach_slowly();
	return 0;
}

static void mock_block(struct mock_device *mdev)
{
	mock_set_domain(mdev, NULL, 0);
	WRITE_ONCE(mdev->blocked, mdev->blocked + 1);
}

static void mock_detach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct mock_device *mdev = mock_group_to_device(group);

	if (!WARN_ON(!mock_is_attached(mdev, domain)))
		mock_block(mdev);
}

static int mock_replace(struct iommu_domain *old, struct iommu_domain *domain,
			struct iommu_group *group)
{
	struct mock_device *mdev = mock_group_to_device(group);
	u64 virt_id = 0;
	int rc = mock_check_attach(mdev, mock_paging(domain)) ?:
		 mock_check_vdevice(mdev, domain, &virt_id);

	WARN_ON(!mdev->owner ||
		(mdev->domain && !mock_is_attached(mdev, old)));
	if (!rc && READ_ONCE(fail_replace)) {
		fail_replace--;
		mock_block(mdev);
		rc = -(int)READ_ONCE(fail_errno);
	}
	if (rc)
		return rc;
	mock_set_domain(mdev, domain, virt_id);
	mock_attach_slowly();
	return 0;
}

static bool mock_is_still_attached(struct iommu_domain *domain,
				   struct iommu_group *group)
{
	return mock_is_attached(mock_group_to_device(group), domain);
}

static int mock_set_pasid(struct device *dev, u32 pasid,
			  struct iommu_domain *old, struct iommu_domain *domain)
{
	struct mock_device *mdev = to_mock_device(dev);
	struct iommu_domain *was = xa_load(&mdev->pasids, pasid);
	struct mock_device *group = mock_group_to_device(dev->iommu_group);
	struct iommu_domain *rid = mock_domain_of(group);
	u64 virt_id;
	int rc = mock_check_attach(mdev, mock_paging(domain)) ?:
		 mock_check_vdevice(mdev, domain, &virt_id);

	WARN_ON(!group->owner || was != old);
	WARN_ON(!pasid || pasid >> mock_pasid_bits(dev));
	WARN_ON(!mock_is_for_pasids(domain));
	WARN_ON(rid && !mock_is_for_pasids(rid));
	if (READ_ONCE(fail_attach)) {
		fail_attach--;
		rc = -(int)READ_ONCE(fail_errno);
	}
	if (!rc && pasid == IOMMU_TEST_PASID_RESERVED && mdev->set_fails) {
		mdev->set_fails = false;
		rc = -ENOMEM;
	}
	if (!rc)
		rc = mock_faults_add_pasid(&mdev->faults, pasid);
	if (rc)
		return rc;
	rc = xa_err(xa_store(&mdev->pasids, pasid, domain, GFP_KERNEL_ACCOUNT));
	if (rc) {
		mock_faults_remove_pasid(&mdev->faults, pasid);
		return rc;
	}
	mock_faults_expect_pasid(&mdev->faults, pasid, mock_has_faults(domain));
	mock_count(domain, 1);
	mock_count(was, -1);
	if (pasid == IOMMU_TEST_PASID_RESERVED)
		mdev->set_fails = true;
	mock_attach_slowly();
	return 0;
}

static void mock_clear_pasid(struct device *dev, u32 pasid,
			     struct iommu_domain *domain)
{
	struct mock_device *mdev = to_mock_device(dev);

	if (WARN_ON(xa_erase(&mdev->pasids, pasid) != domain))
		return;
	mock_faults_remove_pasid(&mdev->faults, pasid);
	mock_count(domain, -1);
	if (pasid == IOMMU_TEST_PASID_RESERVED)
		mdev->set_fails = false;
}

static int mock_set_dirty_tracking(struct iommu_domain *domain, bool enable)
{
	struct mock_domain *mock = to_mock_domain(domain);

	WARN_ON(!mock->dirty || mock->tracking == enable);
	WRITE_ONCE(mock->tracking, enable);
	return 0;
}

static int mock_read_dirty(struct iommu_domain *domain, unsigned long iova,
			   size_t length, bool clear,
			   struct iommu_backend_dirty *dirty)
{
	struct mock_domain *mock = to_mock_domain(domain);

	WARN_ON(!mock->dirty || (!mock->tracking && dirty));
	return mock_domain_read_dirty(mock, iova, length, clear, dirty);
}

/* What a device has for its PASIDs, or its group for faults without one */
static struct mock_faults *mock_faults_of(struct device *dev, u32 pasid)
{
	struct mock_device *mdev = pasid == IOMMU_NO_PASID ?
					   mock_group_to_device(dev->iommu_group) :
					   to_mock_device(dev);

	return &mdev->faults;
}

static void mock_set_fault_handle(struct device *dev, u32 pasid,
				  struct iommu_backend_fault_handle *handle)
{
	mock_faults_set_handle(mock_faults_of(dev, pasid), pasid, handle);
}

struct iommu_backend_ops mock_backend __ro_after_init = {
	.owner = THIS_MODULE,
	.bus = &mock_bus,
	.is_coherent = mock_is_coherent,
	.enforces_coherency = mock_enforces_coherency,
	.sharing = mock_sharing,
	.msi_isolated = mock_msi_isolated,
	.walk_reserved = mock_walk_reserved,
	.check_isolation = mock_check_isolation,
	.claim = mock_claim,
	.release = mock_release,
	.hw_info = mock_hw_info,
	.capabilities = mock_capabilities,
	.pasid_bits = mock_pasid_bits,
	.domain_alloc = mock_backend_domain_alloc,
	.domain_alloc_like = mock_backend_domain_alloc_like,
	.finalize = mock_finalize,
	.nested_alloc = mock_nested_alloc,
	.nested_free = mock_nested_free,
	.nested_invalidate = mock_nested_invalidate,
	.instance = mock_instance,
	.has_viommu = mock_has_viommu,
	.viommu_alloc = mock_viommu_alloc,
	.domain_free = mock_backend_domain_free,
	.map_msi = mock_map_msi,
	.attach = mock_attach,
	.detach = mock_detach,
	.replace = mock_replace,
	.is_attached = mock_is_still_attached,
	.set_pasid = mock_set_pasid,
	.clear_pasid = mock_clear_pasid,
	.set_dirty_tracking = mock_set_dirty_tracking,
	.read_dirty = mock_read_dirty,
	.set_fault_handle = mock_set_fault_handle,
	.respond_fault = mock_respond_fault,
};

static void mock_device_release(struct device *dev)
{
	struct mock_device *mdev = to_mock_device(dev);

	WARN_ON(mdev->owner);
	ida_free(&mock_ids, mdev->id);
	mock_faults_destroy(&mdev->faults);
	xa_destroy(&mdev->pasids);
	kfree(mdev);
}

static void mock_put_first(void *data)
{
	struct mock_device *mdev = data;

	put_device(&mdev->dev);
}

/* Make a group, which keeps the memory of its first device, @mdev. */
static struct iommu_group *mock_group_alloc(struct mock_device *mdev)
{
	struct iommu_group *group = iommu_group_alloc();

	if (IS_ERR(group))
		return group;
	get_device(&mdev->dev);
	iommu_group_set_iommudata(group, mdev, mock_put_first);
	return group;
}

static int mock_device_add_group(struct mock_device *mdev,
				 struct mock_device *mate)
{
	struct iommu_group *group;
	int rc;

	group = mate ? iommu_group_get(&mate->dev) : mock_group_alloc(mdev);
	if (IS_ERR(group))
		return PTR_ERR(group);
	rc = iommu_group_add_device(group, &mdev->dev);
	/* The device holds the group now. */
	iommu_group_put(group);
	return rc;
}

/**
 * mock_device_has_pasid() - Tell whether a page table is attached to a PASID
 * @mdev: The device.
 * @pasid: The PASID.
 * @domain: The page table, NULL for none.
 *
 * Context: Process context.
 *
 * Return: whether DMA with the PASID goes through @domain, or, if that is NULL,
 * nowhere.
 */
bool mock_device_has_pasid(struct mock_device *mdev, u32 pasid,
			   struct iommu_domain *domain)
{
	return xa_load(&mdev->pasids, pasid) == domain;
}

/**
 * mock_device_raise() - Raise a group of page faults
 * @dev: The mock device.
 * @first: As for mock_faults_raise().
 * @n: As for mock_faults_raise().
 *
 * A nested page table of a device is for all PASIDs that are not attached.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, also if nobody gets the faults, or -ENOMEM.
 */
int mock_device_raise(struct device *dev,
		      const struct iommu_backend_fault *first, unsigned int n)
{
	struct mock_device *group = mock_group_to_device(dev->iommu_group);
	u32 pasid = first->pasid;

	if (!xa_load(&to_mock_device(dev)->pasids, pasid) &&
	    READ_ONCE(group->nested))
		pasid = IOMMU_NO_PASID;
	return mock_faults_raise(mock_faults_of(dev, pasid), pasid, first, n);
}

/**
 * mock_device_create() - Make a mock device
 * @flags: MOCK_FLAGS_DEVICE_*.
 * @mate: Another device, which has the same flags and in whose group the new
 *	one is to be; NULL for a group of its own.
 *
 * Pairs with mock_device_destroy().
 *
 * Context: Process context; sleeps.
 *
 * Return: The device, ERR_PTR(-ENOMEM), or another errno of the driver model.
 */
struct mock_device *mock_device_create(u32 flags, struct mock_device *mate)
{
	struct mock_device *mdev;
	unsigned int i;
	int rc;

	mdev = kzalloc(sizeof(*mdev), GFP_KERNEL_ACCOUNT);
	if (!mdev)
		return ERR_PTR(-ENOMEM);
	mdev->flags = flags;
	mock_faults_init(&mdev->faults);
	xa_init_flags(&mdev->pasids, XA_FLAGS_ACCOUNT);
	for (i = 0; i < ARRAY_SIZE(mdev->cache); i++)
		mdev->cache[i] = IOMMU_TEST_DEV_CACHE_DEFAULT;
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
	rc = mock_device_add_group(mdev, mate);
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
 * @mdev: The device, not bound to a context.
 *
 * Context: Process context; sleeps.
 */
void mock_device_destroy(struct mock_device *mdev)
{
	iommu_group_remove_device(&mdev->dev);
	device_unregister(&mdev->dev);
}

/**
 * mock_bus_init() - Register the bus of mock devices, and the mock IOMMU
 *
 * Pairs with mock_bus_exit().
 *
 * Context: Module init.
 *
 * Return: 0 or an errno.
 */
int mock_bus_init(void)
{
	int rc = bus_register(&mock_bus);

	if (rc)
		return rc;
	if (!replaces) {
		mock_backend.replace = NULL;
		mock_backend.has_viommu = NULL;
	}
	rc = iommu_backend_register(&mock_backend);
	if (rc)
		bus_unregister(&mock_bus);
	else if (mock_aligned_flush)
		iommu_backend_flush_aligned(true);
	return rc;
}

/**
 * mock_bus_exit() - Undo mock_bus_init()
 *
 * Context: Module exit; there are no mock devices.
 */
void mock_bus_exit(void)
{
	iommu_backend_unregister(&mock_backend);
	if (mock_aligned_flush)
		iommu_backend_flush_aligned(false);
	bus_unregister(&mock_bus);
	ida_destroy(&mock_ids);
}

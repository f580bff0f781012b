// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attaching devices to page tables
 *
 * A group as a whole is attached to a page table, so all attached devices of a
 * group have the same one.  The first device that is attached attaches its
 * group, and the last one that is detached detaches it.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/ioport.h>
#include <linux/mutex.h>
#include <linux/xarray.h>
#include <uapi/linux/iommufd.h>

#include "attach.h"
#include "backend/backend.h"
#include "device.h"
#include "fault.h"
#include "hw_pagetable.h"
#include "ioas.h"
#include "iopt/domains.h"
#include "iopt/iova.h"
#include "nested.h"

/**
 * struct group_reserve_arg - Argument of group_reserve_region()
 * @iopt: The I/O page table that the regions are reserved in.
 * @idev: The device that is attached; its group becomes the regions' owner.
 */
struct group_reserve_arg {
	struct io_pagetable *iopt;
	struct iommufd_device *idev;
};

static int group_reserve_region(const struct iommu_resv_region *region,
				void *arg)
{
	struct resource mem = DEFINE_RES_MEM(region->start, region->length);
	struct group_reserve_arg *reserve = arg;
	struct iommufd_device *idev = reserve->idev;
	int rc;

	/* A relaxable identity mapping is one that only the host needs. */
	if (region->type == IOMMU_RESV_DIRECT_RELAXABLE || !region->length)
		return 0;
	rc = iopt_reserve(reserve->iopt, mem.start, mem.end, idev->igroup);
	if (rc == -EADDRINUSE)
		dev_info_ratelimited(idev->dev, "cannot be attached: %pR is reserved for its IOMMU group, and in use\n",
				     &mem);
	return rc;
}

static int group_reserve(struct iommufd_device *idev, struct io_pagetable *iopt)
{
	struct group_reserve_arg arg = { .iopt = iopt, .idev = idev };
	struct iommufd_group *igroup = idev->igroup;
	int rc;

	rc = igroup->backend->walk_reserved(igroup->group, group_reserve_region,
					    &arg);
	if (rc)
		iopt_unreserve(iopt, igroup);
	return rc;
}

/* Returns 0, or, if @killable, -EINTR when killed, with nothing changed. */
static int group_detach_hwpt(struct iommufd_group *igroup,
			     struct iommufd_hwpt *hwpt, bool killable)
{
	int rc = 0;

	if (!igroup->blocked)
		rc = iopt_domain_detach(&hwpt->ioas->iopt, igroup->backend,
					hwpt->domain, igroup->group, killable);
	if (!rc)
		igroup->blocked = false;
	return rc;
}

/* Attach a group that was detached, or blocked, by a replace that has failed. */
static void group_reattach_hwpt(struct iommufd_device *idev,
				struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *igroup = idev->igroup;

	igroup->blocked = iopt_domain_attach(&hwpt->ioas->iopt,
					     igroup->backend, hwpt->domain,
					     igroup->group, false);
	if (igroup->blocked)
		dev_err_ratelimited(idev->dev, "blocked: the IOMMU cannot attach it again\n");
}

/*
 * Could a page table, filled or not, be one of a group?  The kernel maps the
 * MSI doorbells of all groups in one window of the page table, which each of
 * the groups has to reserve in the IOAS.
 */
static bool hwpt_is_for_group(struct iommufd_hwpt *hwpt,
			      struct iommufd_group *igroup)
{
	return hwpt->backend == igroup->backend &&
	       hwpt->msi_window == igroup->msi_window;
}

static bool enforces_coherency(struct iommufd_device *idev)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;

	return backend->enforces_coherency &&
	       backend->enforces_coherency(idev->dev);
}

/*
 * Could a page table that is filled serve a device whose IOMMU has @limits?
 * Where that IOMMU can make all DMA of the device coherent, KVM takes for
 * granted that it does, so the page table must have been made to snoop.  Where
 * it cannot, it cannot walk such a page table.  An IOMMU driver that is asked
 * to attach the group nonetheless may log a line for each time.
 *
 * A device without an IOMMU needs no more than that memory is pinned, as it is
 * for any page table.
 */
static bool hwpt_suits(struct iommufd_hwpt *hwpt, struct iommufd_device *idev,
		       const struct iommu_backend_limits *limits)
{
	if (iommufd_group_is_noiommu(idev->igroup))
		return true;
	return hwpt_is_for_group(hwpt, idev->igroup) &&
	       iommu_backend_within(hwpt->domain, limits) &&
	       iommu_backend_can_share(&hwpt->sharing,
				       &idev->igroup->sharing) &&
	       hwpt->coherent == enforces_coherency(idev);
}

/*
 * Returns false for a page table that is still listed, but is being destroyed.
 */
static bool hold_hwpt(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	bool held;

	xa_lock(&ictx->objects);
	held = __iommufd_object_hold(ictx, &hwpt->obj);
	xa_unlock(&ictx->objects);
	return held;
}

static bool has_automatic(struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt *hwpt;

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item)
		if (hwpt->obj.automatic)
			return true;
	return false;
}

/* Returns NULL for a group that has a domain attached: see group_move(). */
static struct iommu_group *blocked_group(struct iommufd_device *idev,
					 struct iommufd_hwpt *old)
{
	return old ? NULL : idev->igroup->group;
}

/*
 * The flags of a page table that its limits may depend on.  A page table for
 * devices that use PASIDs has to serve others, too.
 */
#define FORMAT_FLAGS	(IOMMU_HWPT_ALLOC_NEST_PARENT | \
			 IOMMU_HWPT_ALLOC_DIRTY_TRACKING)

static int probe_limits(struct iommufd_device *idev, u32 flags,
			struct iommu_domain *like, struct iommu_group *group,
			struct iommu_backend_limits *limits)
{
	return iommu_backend_probe(idev->igroup->backend, idev->dev,
				   flags & FORMAT_FLAGS, like, group, limits);
}

/*
 * Attach to one of the page tables that the IOAS has.  Those that the user has
 * made are only attached to by name.  Returns NULL when none will do.
 */
static struct iommufd_hwpt *attach_to_existing(struct iommufd_device *idev,
					       struct iommufd_ioas *ioas,
					       bool faults,
					       struct iommufd_hwpt *old)
{
	struct iommu_backend_limits limits;
	struct iommufd_hwpt *hwpt;
	int rc;

	if (!has_automatic(ioas))
		return NULL;
	rc = probe_limits(idev, 0, NULL, blocked_group(idev, old), &limits);
	if (rc)
		return ERR_PTR(rc);

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item) {
		if (!hwpt->obj.automatic ||
		    iommufd_hwpt_has_faults(hwpt) != faults ||
		    !hold_hwpt(idev->ictx, hwpt))
			continue;
		rc = -EINVAL;
		if (hwpt_suits(hwpt, idev, &limits))
			rc = iommufd_hwpt_attach_group(hwpt, old, idev);
		if (!rc)
			refcount_inc(&hwpt->obj.users);
		iommufd_object_put(&hwpt->obj);
		if (!rc)
			return hwpt;
		if (rc == -EINTR)
			return ERR_PTR(rc);
		/* The next one may do, whatever the driver has against this. */
	}
	return NULL;
}

static struct iommufd_hwpt *attach_to_new(struct iommufd_device *idev,
					  struct iommufd_ioas *ioas,
					  bool faults,
					  struct iommufd_hwpt *old)
{
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = iommufd_hwpt_alloc(idev, ioas,
				  faults ? IOMMU_HWPT_FAULT_ID_VALID : 0, NULL);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->obj.automatic = true;
	rc = iommufd_hwpt_attach_group(hwpt, old, idev);
	if (rc) {
		iommufd_hwpt_abort(idev->ictx, hwpt);
		return ERR_PTR(rc);
	}
	refcount_inc(&hwpt->obj.users);
	iommufd_hwpt_publish(idev->ictx, hwpt);
	return hwpt;
}

/**
 * iommufd_hwpt_check_suits() - Check that a page table can serve a device
 * @hwpt: The page table, filled or not.
 * @idev: The device.
 * @group: Its group, without a domain attached; NULL while it has one.
 *
 * Context: Process context, under iommufd_ioas::hwpts_lock.
 *
 * Return: 0, -EINVAL when it cannot, -ENOMEM, or what the IOMMU driver says.
 */
int iommufd_hwpt_check_suits(struct iommufd_hwpt *hwpt,
			     struct iommufd_device *idev,
			     struct iommu_group *group)
{
	struct iommufd_hwpt *paging = iommufd_hwpt_paging(hwpt);
	struct iommu_backend_limits limits;
	int rc;

	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	if (!hwpt_is_for_group(paging, idev->igroup))
		return -EINVAL;
	if (!iommufd_hwpt_filled(paging))
		return 0;
	rc = probe_limits(idev, paging->flags, paging->domain, group, &limits);
	if (rc)
		return rc;
	return hwpt_suits(paging, idev, &limits) ? 0 : -EINVAL;
}

static struct iommufd_hwpt *attach_to_named(struct iommufd_device *idev,
					    struct iommufd_hwpt *hwpt,
					    struct iommufd_hwpt *old)
{
	int rc;

	rc = iommufd_hwpt_check_suits(hwpt, idev, blocked_group(idev, old));
	if (rc)
		return ERR_PTR(rc);
	rc = iommufd_hwpt_attach_group(hwpt, old, idev);
	if (rc)
		return ERR_PTR(rc);
	refcount_inc(&hwpt->obj.users);
	return hwpt;
}

/**
 * struct attach_target - What user space wants a device to be attached to
 * @ioas: The IOAS to be reached.
 * @hwpt: The page table, which maps @ioas or is nested in one that does; NULL
 *	for any that does.
 * @faults: Page faults are handled: the page table has them.
 */
struct attach_target {
	struct iommufd_ioas *ioas;
	struct iommufd_hwpt *hwpt;
	bool faults;
};

/*
 * Attach a group, whose reserved regions the IOAS has, and move it from @old if
 * that is not NULL: at once, or by a detach.  The group is one more user of the
 * page table that is returned.  On error it is as for group_move().
 *
 * As attaching it to @old again waits whatever becomes of the process, the lock
 * comes before the detach.
 */
static struct iommufd_hwpt *attach_to_target(struct iommufd_device *idev,
					     struct attach_target *target,
					     struct iommufd_hwpt *old,
					     bool at_once)
{
	struct iommufd_hwpt *from = at_once ? old : NULL;
	struct iommufd_ioas *ioas = target->ioas;
	struct iommufd_hwpt *hwpt;
	int rc;

	if (mutex_lock_killable(&ioas->hwpts_lock))
		return ERR_PTR(-EINTR);
	if (old && !at_once) {
		rc = group_detach_hwpt(idev->igroup, old, true);
		if (rc) {
			mutex_unlock(&ioas->hwpts_lock);
			return ERR_PTR(rc);
		}
	}
	if (target->hwpt) {
		hwpt = attach_to_named(idev, target->hwpt, from);
	} else {
		hwpt = attach_to_existing(idev, ioas, target->faults, from);
		if (!hwpt)
			hwpt = attach_to_new(idev, ioas, target->faults, from);
	}
	mutex_unlock(&ioas->hwpts_lock);
	if (IS_ERR(hwpt) && old &&
	    !(at_once && iommu_backend_is_attached(idev->igroup->backend,
						   old->domain,
						   idev->igroup->group)))
		group_reattach_hwpt(idev, old);
	return hwpt;
}

/* Returns the handle for page faults through the target, NULL for none. */
static struct iommufd_fault_handle *
target_fault_handle(struct iommufd_device *idev, struct attach_target *target)
{
	return iommufd_fault_handle_alloc(target->hwpt ?
						target->hwpt->fault_queue :
						NULL,
					  target->faults ?
						&target->ioas->iopt : NULL,
					  idev->igroup->backend, idev->obj.id);
}

static void group_set_fault_handle(struct iommufd_device *idev,
				   struct iommufd_fault_handle *handle)
{
	iommufd_fault_handle_switch(&idev->igroup->fault_handle, handle,
				    idev->dev, IOMMU_NO_PASID);
}

/*
 * Move a group from what it is attached to, if anything, to the target.  In
 * between it is blocked, unless the IOMMU can replace domains.  On error it is
 * back where it was, or blocked if it cannot be attached there again.  The
 * caller drops the use that the group made of *@unused, if set, once it holds
 * no lock.
 */
static int group_move(struct iommufd_device *idev, struct attach_target *target,
		      struct iommufd_hwpt **unused)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *old = igroup->hwpt, *hwpt;
	bool reserve = !old || old->ioas != target->ioas;
	bool at_once = old && !igroup->blocked && igroup->backend->replace;
	struct iommufd_fault_handle *fault_handle;
	int rc;

	fault_handle = target_fault_handle(idev, target);
	if (IS_ERR(fault_handle))
		return PTR_ERR(fault_handle);
	if (reserve) {
		rc = group_reserve(idev, &target->ioas->iopt);
		if (rc)
			goto err_free_handle;
	}

	iommufd_fault_handle_set_moves(igroup->fault_handle, true);
	hwpt = attach_to_target(idev, target, old, at_once);
	if (IS_ERR(hwpt)) {
		iommufd_fault_handle_set_moves(igroup->fault_handle, false);
		rc = PTR_ERR(hwpt);
		goto err_unreserve;
	}

	if (old && reserve)
		iopt_unreserve(&old->ioas->iopt, igroup);
	igroup->hwpt = hwpt;
	group_set_fault_handle(idev, fault_handle);
	*unused = old;
	return 0;

err_unreserve:
	if (reserve)
		iopt_unreserve(&target->ioas->iopt, igroup);
err_free_handle:
	iommufd_fault_handle_free(fault_handle);
	return rc;
}

/*
 * Devices without page faults reach nothing in an IOAS on demand.  Those
 * without an IOMMU might even share a page table that others have: see
 * hwpt_suits().
 */
static int target_check_faults(struct attach_target *target,
			       struct iommufd_group *igroup)
{
	return !target->hwpt && target->faults &&
	       !igroup->backend->set_fault_handle ? -EOPNOTSUPP : 0;
}

static bool target_is(struct attach_target *target, struct iommufd_hwpt *hwpt)
{
	if (target->hwpt)
		return target->hwpt == hwpt;
	return target->ioas == hwpt->ioas && hwpt->obj.automatic;
}

/* See iommufd_device_attach() and iommufd_device_replace(). */
static int idev_attach_locked(struct iommufd_device *idev,
			      struct attach_target *target, bool replace,
			      struct iommufd_hwpt **unused)
{
	struct iommufd_group *igroup = idev->igroup;
	int rc;

	lockdep_assert_held(&igroup->lock);

	if (idev->attached != replace)
		return -EINVAL;
	if (!igroup->hwpt || igroup->blocked ||
	    !target_is(target, igroup->hwpt)) {
		/* Other devices of the group stay where they are. */
		if (igroup->nattached > idev->attached)
			return -EINVAL;
		if (igroup->npasids &&
		    !iommufd_hwpt_is_for_pasids(target->hwpt))
			return -EINVAL;
		rc = target_check_faults(target, igroup) ?:
		     group_move(idev, target, unused);
		if (rc)
			return rc;
	}
	if (!idev->attached) {
		idev->attached = true;
		igroup->nattached++;
	}
	return 0;
}

static int target_init(struct attach_target *target, struct iommufd_object *obj)
{
	if (obj->type == &iommufd_ioas_type) {
		target->hwpt = NULL;
		target->ioas = container_of(obj, struct iommufd_ioas, obj);
		/* This may change until the first page table is filled. */
		target->faults = READ_ONCE(target->ioas->iopt.on_demand);
		return 0;
	}
	if (obj->type == &iommufd_hwpt_type ||
	    obj->type == &iommufd_nested_type) {
		target->hwpt = container_of(obj, struct iommufd_hwpt, obj);
		target->ioas = target->hwpt->ioas;
		target->faults = iommufd_hwpt_has_faults(target->hwpt);
		return 0;
	}
	return -ENOENT;
}

static int idev_attach(struct iommufd_device *idev, u32 *pt_id, bool replace)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *unused = NULL;
	struct attach_target target;
	struct iommufd_object *obj;
	int rc;

	obj = iommufd_object_get(idev->ictx, *pt_id, NULL);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	rc = target_init(&target, obj);
	if (rc)
		goto out_put;

	if (mutex_lock_killable(&igroup->lock)) {
		rc = -EINTR;
		goto out_put;
	}
	rc = idev_attach_locked(idev, &target, replace, &unused);
	if (!rc)
		*pt_id = igroup->hwpt->obj.id;
	mutex_unlock(&igroup->lock);
out_put:
	iommufd_object_put(obj);
	if (unused)
		iommufd_object_drop_user(idev->ictx, &unused->obj);
	return rc;
}

/**
 * iommufd_device_attach() - Let a device do DMA
 * @idev: The binding, detached.
 * @pt_id: ID of an IOAS, for which a page table is found or made, or of a page
 *	table (HWPT).  Set to the ID of the page table.
 *
 * Context: Process context; may fault in memory that is mapped.  Pairs with
 * iommufd_device_detach().
 *
 * Return: 0, or, with nothing changed: -EINVAL when attached already, when
 * another device of the group is attached elsewhere, when a PASID is attached
 * and @pt_id is no page table for devices that use PASIDs, or when the IOMMU
 * cannot, -ENOENT without such an object, -EOPNOTSUPP when the IOAS is on
 * demand and the device has no page faults, -EADDRINUSE when something is
 * mapped, or to be kept usable, where the device or its IOMMU has a reserved
 * region, -EFAULT when memory that is mapped is gone, -EINTR when killed,
 * -ENOMEM.
 */
int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id)
{
	return idev_attach(idev, pt_id, false);
}
EXPORT_SYMBOL_GPL(iommufd_device_attach);

/**
 * iommufd_device_replace() - Move an attached device to another page table
 * @idev: The binding, attached.
 * @pt_id: As for iommufd_device_attach().
 *
 * In between, the device is blocked from DMA unless its backend can replace
 * domains; on 6.1 it cannot.  A replace that fails attaches it to the old page table
 * again where it was blocked.  If it cannot be attached to the old page table
 * again either, it stays blocked, and the log says so; the next replace, by
 * whatever page table, attaches it anew.
 *
 * Context: Process context; may fault in memory that is mapped.
 *
 * Return: as iommufd_device_attach(), but -EINVAL when not attached.
 */
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id)
{
	return idev_attach(idev, pt_id, true);
}
EXPORT_SYMBOL_GPL(iommufd_device_replace);

/**
 * iommufd_device_detach() - Undo iommufd_device_attach()
 * @idev: The binding; nothing happens when it is not attached.
 *
 * When no device of its group is attached any more, the group is blocked from
 * DMA.
 *
 * Context: Process context.
 */
void iommufd_device_detach(struct iommufd_device *idev)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *unused = NULL;

	mutex_lock(&igroup->lock);
	if (idev->attached) {
		idev->attached = false;
		if (!--igroup->nattached) {
			unused = igroup->hwpt;
			igroup->hwpt = NULL;
			group_detach_hwpt(igroup, unused, false);
			group_set_fault_handle(idev, NULL);
			iopt_unreserve(&unused->ioas->iopt, igroup);
		}
	}
	mutex_unlock(&igroup->lock);
	if (unused)
		iommufd_object_drop_user(idev->ictx, &unused->obj);
}
EXPORT_SYMBOL_GPL(iommufd_device_detach);

/**
 * iommufd_device_hold_attach() - Keep a device attached to what it is
 * @idev: The binding, attached or not.
 *
 * Until iommufd_device_release_attach(), no page table of the device's group comes or
 * goes, for another device of the group neither.  For a driver that sets up interrupts:
 * behind Arm's SMMU the kernel then maps a page of the interrupt controller in the
 * group's page table, which before 7.x it finds, and uses, without a lock.
 *
 * Context: Process context.  Takes the lock of the group, which attach and detach take.
 *
 * Return: 0, or -EINTR when killed.
 */
int iommufd_device_hold_attach(struct iommufd_device *idev)
{
	return mutex_lock_killable(&idev->igroup->lock) ? -EINTR : 0;
}
EXPORT_SYMBOL_GPL(iommufd_device_hold_attach);

/**
 * iommufd_device_release_attach() - Undo iommufd_device_hold_attach()
 * @idev: The binding.
 *
 * Context: Process context.
 */
void iommufd_device_release_attach(struct iommufd_device *idev)
{
	mutex_unlock(&idev->igroup->lock);
}
EXPORT_SYMBOL_GPL(iommufd_device_release_attach);

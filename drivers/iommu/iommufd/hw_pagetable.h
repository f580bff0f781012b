/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HW_PAGETABLE_H
#define __IOMMUFD_HW_PAGETABLE_H

#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "iopt/io_pagetable.h"
#include "object.h"

struct iommufd_device;
struct iommufd_fault_queue;
struct iommufd_ioas;
struct iommufd_ucmd;
struct iommufd_viommu;

/**
 * struct iommufd_hwpt - A page table that the hardware walks (HWPT)
 * @obj: The object.  Each group, and each PASID, that is attached is one of its
 *	users.  A page table that was made for an attach is automatic: it is
 *	destroyed when the last group is detached.
 * @parent: For a nested page table, the one that its addresses are translated
 *	by in turn, of which this is a user; else NULL.  See nested.c.
 * @viommu: For a nested page table that was made of a vIOMMU, that one, of which
 *	this is a user instead of @parent; else NULL.
 * @ioas: The IOAS that it maps, of which this is a user.  That of a nested page
 *	table is its parent's, which is the user.
 * @ioas_item: In iommufd_ioas::hwpts, once it is published.
 * @backend: The backend that has allocated @domain; this holds a reference.
 * @domain: The kernel's domain.
 * @msi_window: First IOVA of the window where the kernel maps MSI doorbells in
 *	@domain, see iommufd_group::msi_window.
 * @flags: The flags of enum iommufd_hwpt_alloc_flags that @domain was allocated
 *	with.
 * @fault_queue: Where page faults go, of which this is a user; NULL without
 *	IOMMU_HWPT_FAULT_ID_VALID, and for an IOAS on demand whose faults the
 *	driver serves.  Set before it is published.
 * @iopt_domain: The entry of @domain in the I/O page table of the IOAS, see
 *	iommufd_hwpt_filled().
 * @sharing: Whose page tables an IOMMU can walk that can walk this one.  Does
 *	not change once the page table is filled.
 * @coherent: DMA is coherent even if the device asks for it not to be.  Does
 *	not change once the page table is filled.
 * @dirty_tracking: What devices write is tracked.  Guarded by
 *	io_pagetable::domains_lock.
 */
struct iommufd_hwpt {
	struct iommufd_object obj;
	struct iommufd_hwpt *parent;
	struct iommufd_viommu *viommu;
	struct iommufd_ioas *ioas;
	struct list_head ioas_item;
	const struct iommu_backend_ops *backend;
	struct iommu_domain *domain;
	phys_addr_t msi_window;
	u32 flags;
	struct iommufd_fault_queue *fault_queue;
	struct iopt_domain iopt_domain;
	struct iommu_backend_sharing sharing;
	bool coherent;
	bool dirty_tracking;
};

/* The page table that holds what the IOAS maps: @hwpt, or what it is nested in */
static inline struct iommufd_hwpt *
iommufd_hwpt_paging(struct iommufd_hwpt *hwpt)
{
	return hwpt->parent ?: hwpt;
}

/*
 * Does the domain hold what the IOAS maps?  It does not, and is empty and
 * without devices, until its backend has made final what it can map: see
 * iommufd_hwpt_attach_group().  Guarded by iommufd_ioas::hwpts_lock, and by
 * io_pagetable::domains_lock.  What others are nested in always is.
 */
static inline bool iommufd_hwpt_filled(struct iommufd_hwpt *hwpt)
{
	return iommufd_hwpt_paging(hwpt)->iopt_domain.domain;
}

/*
 * Can devices use the page table while they use PASIDs?  @hwpt may be NULL,
 * which stands for one that an attach finds or makes.
 */
static inline bool iommufd_hwpt_is_for_pasids(const struct iommufd_hwpt *hwpt)
{
	return hwpt && hwpt->flags & IOMMU_HWPT_ALLOC_PASID;
}

/* Are page faults of devices that use the page table handled? */
static inline bool iommufd_hwpt_has_faults(const struct iommufd_hwpt *hwpt)
{
	return hwpt->flags & IOMMU_HWPT_FAULT_ID_VALID;
}

extern const struct iommufd_object_type iommufd_hwpt_type;

static inline struct iommufd_hwpt *
iommufd_hwpt_get(struct iommufd_ctx *ictx, u32 id)
{
	return container_of(iommufd_object_get(ictx, id, &iommufd_hwpt_type),
			    struct iommufd_hwpt, obj);
}

struct iommufd_hwpt *
iommufd_hwpt_alloc_object(struct iommufd_ctx *ictx,
			  const struct iommufd_object_type *type);
struct iommufd_hwpt *
iommufd_hwpt_alloc(struct iommufd_device *idev, struct iommufd_ioas *ioas,
		   u32 flags, const struct iommu_backend_data *data);
int iommufd_hwpt_attach_group(struct iommufd_hwpt *hwpt,
			      struct iommufd_hwpt *old,
			      struct iommufd_device *idev);
void iommufd_hwpt_publish(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt);
void iommufd_hwpt_abort(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt);
int iommufd_hwpt_alloc_of_ioas(struct iommufd_ucmd *ucmd,
			       struct iommufd_device *idev,
			       struct iommufd_ioas *ioas,
			       const struct iommu_backend_data *data);
int iommufd_hwpt_set_fault_queue(struct iommufd_ucmd *ucmd,
				 struct iommufd_hwpt *hwpt);
void iommufd_hwpt_put_fault_queue(struct iommufd_hwpt *hwpt);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_OBJECT_H
#define __IOMMUFD_OBJECT_H

#include <linux/atomic.h>
#include <linux/errno.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct file;
struct iommufd_ctx;
struct iommufd_object;

/**
 * struct iommufd_object_type - A kind of object
 * @destroy: Releases what an object of this kind holds; its memory is freed
 *	after that.  Nothing uses the object, and lookups no longer find it.
 *	May sleep, cannot fail and needs no memory.
 *
 * Each kind has one, by whose address it is known.
 */
struct iommufd_object_type {
	void (*destroy)(struct iommufd_ctx *ictx, struct iommufd_object *obj);
};

/**
 * struct iommufd_ctx - The context of one open file of /dev/iommu
 * @file: The open file; for a container of the VFIO core one that no process has
 *	open, see iommufd_vfio_ctx_create().  A reference to the context is a
 *	reference to the file, so that each of them holds off
 *	iommufd_ctx_destroy().
 * @objects: Objects by ID.  Its xa_lock guards the step from visible to
 *	hidden to gone, see iommufd_object_destroy().
 * @vfio_ioas: The IOAS that VFIO container calls act on, NULL for none.
 *	Guarded by the xa_lock of @objects, see iommufd_vfio_ioas_get().
 * @groups: struct iommufd_group by IOMMU group ID.
 * @groups_lock: Guards @groups and the device count of each group in it.
 * @change_lock: Held by IOMMU_IOAS_CHANGE_PROCESS, which locks all pages
 *	objects of the context: only one call at a time does so.
 * @nmappings: Number of mappings in all IOAS.
 * @nhwpts: Number of page tables (HWPTs), those being made included.
 * @nfaults: Number of page faults in all fault queues, delivered or not.
 * @npasids: Number of PASIDs that are attached, those being attached included.
 * @nviommus: Number of vIOMMUs, those being made included.
 * @nvdevices: Number of vDEVICEs, likewise, those that have ended included.
 * @nveventqs: Number of event queues of vIOMMUs, likewise.
 * @nvevents: Number of events that they are for.
 * @mmaps: IDs of vIOMMUs, as values, by the page offset in the file of what can be
 *	mapped of them.
 * @mmap_npages: Number of pages that there have been in @mmaps so far.
 * @account_mode: enum iopt_account_mode for memory mapped from now on.
 *	Guarded by the xa_lock of @objects, since it is fixed once there are
 *	objects.
 * @dma_claimed: Who binds a device has claimed the DMA ownership of its group,
 *	so the context does not.  Does not change.
 */
struct iommufd_ctx {
	struct file *file;
	struct xarray objects;
	struct iommufd_ioas *vfio_ioas;
	struct xarray groups;
	struct mutex groups_lock;	/* of @groups */
	struct mutex change_lock;
	atomic_long_t nmappings;
	atomic_t nhwpts;
	atomic_t nfaults;
	atomic_t npasids;
	atomic_t nviommus;
	atomic_t nvdevices;
	atomic_t nveventqs;
	atomic_t nvevents;
	struct xarray mmaps;
	atomic64_t mmap_npages;
	u8 account_mode;
	bool dma_claimed;
};

/**
 * struct iommufd_object - The beginning of each object, of whatever kind
 * @type: The kind; never changes.
 * @id: The number by which user space knows the object; never changes.
 * @users: 1 for the ID, and 1 for each lasting user: an object that points
 *	here, or a driver.  An object with more than 1 cannot be destroyed.
 * @automatic: The object is destroyed with its last user, and user space cannot
 *	destroy it.  Set before the object is published.
 * @calls: 1 for the ID unless it is hidden, and 1 for each call that found the
 *	object by ID and is still at work.  Destruction waits until it is 0.
 * @ended: What it stood for is gone: lookups do not find it, and user space
 *	cannot destroy it.  Guarded by the xa_lock of iommufd_ctx::objects.
 */
struct iommufd_object {
	const struct iommufd_object_type *type;
	u32 id;
	refcount_t users;
	atomic_t calls;
	bool automatic;
	bool ended;
};

struct iommufd_object *
iommufd_object_alloc_size(struct iommufd_ctx *ictx, size_t size,
			  const struct iommufd_object_type *type);
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj);
void iommufd_object_publish(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);
struct iommufd_object *
iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
		   const struct iommufd_object_type *type);
bool __iommufd_object_hold(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj);
void iommufd_object_put(struct iommufd_object *obj);
bool iommufd_object_try_use(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);
void iommufd_object_end(struct iommufd_ctx *ictx, struct iommufd_object *obj);
int iommufd_object_destroy(struct iommufd_ctx *ictx, u32 id);
void iommufd_object_drop_user(struct iommufd_ctx *ictx,
			      struct iommufd_object *obj);
void iommufd_object_destroy_last(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj);
void iommufd_object_destroy_all(struct iommufd_ctx *ictx);

/*
 * Count @n more things of which a context may have so many.  Pairs with
 * atomic_sub().  Returns 0 or -ENOSPC.
 */
static inline int iommufd_charge(atomic_t *count, unsigned int n,
				 unsigned int max)
{
	if ((unsigned int)atomic_add_return(n, count) <= max)
		return 0;
	atomic_sub(n, count);
	return -ENOSPC;
}

/*
 * A new object of kind @kind, a @type whose first member is its struct
 * iommufd_object, obj.  It has an ID, but cannot be found before
 * iommufd_object_publish().
 */
#define iommufd_object_alloc(ictx, type, kind)				\
	((type *)iommufd_object_alloc_size(				\
		ictx,							\
		sizeof(type) + BUILD_BUG_ON_ZERO(offsetof(type, obj)),	\
		kind))

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_IOAS_H
#define __IOMMUFD_IOAS_H

#include <linux/list.h>
#include <linux/mutex.h>

#include "iopt/io_pagetable.h"
#include "object.h"

struct iommufd_ucmd;

/**
 * struct iommufd_ioas - I/O address space
 * @obj: The object.
 * @iopt: Its I/O page table.
 * @hwpts_lock: Guards @hwpts.  Outside the locks of @iopt, inside
 *	iommufd_group::lock.
 * @hwpts: Page tables made for this IOAS, struct iommufd_hwpt::ioas_item.
 * @vfio_lock: VFIO container calls that map take it for reading, calls that
 *	unmap for writing, so that an unmap never finds a mapping that is being
 *	made.  Calls that change user addresses take it for writing, too.
 *	Guards the fields after it.  Outside the locks of @iopt.
 * @vfio_type: The type that VFIO_SET_IOMMU has set, 0 before.
 * @vfio_dirty_tracking: VFIO_IOMMU_DIRTY_PAGES has started to track.
 */
struct iommufd_ioas {
	struct iommufd_object obj;
	struct io_pagetable iopt;
	struct mutex hwpts_lock;	/* of the following */
	struct list_head hwpts;

	struct rw_semaphore vfio_lock;	/* of the following */
	unsigned int vfio_type;
	bool vfio_dirty_tracking;
};

extern const struct iommufd_object_type iommufd_ioas_type;

static inline struct iommufd_ioas *
iommufd_ioas_get(struct iommufd_ctx *ictx, u32 id)
{
	return container_of(iommufd_object_get(ictx, id, &iommufd_ioas_type),
			    struct iommufd_ioas, obj);
}

int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd);
int iommufd_ioas_allow_iovas(struct iommufd_ucmd *ucmd);
int iommufd_ioas_iova_ranges(struct iommufd_ucmd *ucmd);
int iommufd_ioas_option(struct iommufd_ucmd *ucmd);
int iommufd_vfio_ioas(struct iommufd_ucmd *ucmd);
int iommufd_vfio_ioas_create(struct iommufd_ctx *ictx, u32 *ioas_id);
struct iommufd_ioas *iommufd_vfio_ioas_get(struct iommufd_ctx *ictx);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_FAULT_H
#define __IOMMUFD_FAULT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include "backend/backend.h"
#include "object.h"

struct device;
struct io_pagetable;
struct iommufd_ucmd;

/**
 * struct iommufd_fault_queue - Page faults that user space is to handle
 * @obj: The object.  Its open file is one of its users, and so is each page
 *	table whose faults go here.
 * @ictx: The context.  The open file holds a reference to it.
 * @wait: Who polls the file.
 * @lock: Guards what follows, and the faults of each
 *	iommufd_fault_handle::groups.  Not held while user memory is touched.
 * @undelivered: struct fault_group, the oldest first.
 * @cookies: struct fault_group by cookie, from the read() that delivers a group
 *	until its answer.  While the group is being copied to user space its
 *	cookie is reserved, and write() does not find it.
 */
struct iommufd_fault_queue {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct wait_queue_head wait;

	struct mutex lock;	/* of the following */
	struct list_head undelivered;
	struct xarray cookies;
};

/**
 * struct iommufd_fault_handle - Where the faults of one attachment go
 * @base: What the backend knows.
 * @queue: The queue, held by the page table that is attached; NULL where the
 *	driver itself populates the memory.
 * @iopt: The I/O page table, on demand, that it is populated in, held by the
 *	page table that is attached; not looked at with @queue.
 * @backend: The backend that reports faults, and is told the answers.
 * @dev_id: ID of the device that made the attachment.
 * @moves: Another page table is taking the place of that of the attachment.
 * @groups: Every struct fault_group of the attachment that has no answer yet.
 *	Guarded by iommufd_fault_queue::lock.
 */
struct iommufd_fault_handle {
	struct iommu_backend_fault_handle base;
	struct iommufd_fault_queue *queue;
	struct io_pagetable *iopt;
	const struct iommu_backend_ops *backend;
	u32 dev_id;
	bool moves;
	struct list_head groups;
};

extern const struct iommufd_object_type iommufd_fault_queue_type;

static inline struct iommufd_fault_queue *
iommufd_fault_queue_get(struct iommufd_ctx *ictx, u32 id)
{
	return container_of(iommufd_object_get(ictx, id,
					       &iommufd_fault_queue_type),
			    struct iommufd_fault_queue, obj);
}

int iommufd_fault_queue_alloc(struct iommufd_ucmd *ucmd);

struct iommufd_fault_handle *
iommufd_fault_handle_alloc(struct iommufd_fault_queue *queue,
			   struct io_pagetable *iopt,
			   const struct iommu_backend_ops *backend, u32 dev_id);
void iommufd_fault_handle_free(struct iommufd_fault_handle *handle);
void iommufd_fault_handle_set_moves(struct iommufd_fault_handle *handle,
				    bool moves);
void iommufd_fault_handle_switch(struct iommufd_fault_handle **slot,
				 struct iommufd_fault_handle *handle,
				 struct device *dev, u32 pasid);

#endif

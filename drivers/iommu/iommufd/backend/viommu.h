/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_VIOMMU_H
#define __IOMMU_BACKEND_VIOMMU_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct device;
struct iommu_backend_array;
struct iommu_backend_data;
struct iommu_backend_hw_queue;
struct iommu_backend_viommu;
struct iommu_domain;

/**
 * struct iommu_backend_viommu_ops - The functions of a virtual IOMMU
 * @free: Free it.  It has no vDEVICEs and no nested domains.
 * @nested_alloc: As iommu_backend_ops::nested_alloc(), with the parent of the
 *	virtual IOMMU, which stays until the domain is freed by
 *	iommu_backend_ops::nested_free().  An attach may need a vDEVICE of the
 *	device, and fails with -ENOENT without.  NULL where nothing is nested by
 *	way of a virtual IOMMU.
 * @invalidate: As iommu_backend_ops::nested_invalidate(), of anything that
 *	belongs to the virtual IOMMU.  NULL where there is no such order.
 * @vevent_size: Tell how many bytes of data the events of a type have, of enum
 *	iommu_veventq_type, a multiple of 4 and at most MAX_VEVENT_DATA; 0 if
 *	the virtual IOMMU reports none.  NULL where it never reports any.  See
 *	iommu_backend_report_vevent().
 * @report: Write what user space is told of the virtual IOMMU to the data that
 *	iommu_backend_ops::viommu_alloc() was given, of which @mmap_offset is
 *	where mmap() of the file of /dev/iommu finds iommu_backend_viommu::mmio,
 *	0 without.  Returns 0 or -EFAULT.  NULL where there is nothing to tell.
 * @has_hw_queue: Tell whether the virtual IOMMU has queues of a type, of enum
 *	iommu_hw_queue_type.  NULL where it has none.
 * @hw_queue_start: Have the hardware read a queue.  Returns 0 or what the
 *	backend says of the index, the address and the length.
 * @hw_queue_stop: Undo @hw_queue_start.
 *
 * All of them may sleep.
 */
struct iommu_backend_viommu_ops {
	void (*free)(struct iommu_backend_viommu *viommu);
	struct iommu_domain *(*nested_alloc)(struct iommu_backend_viommu *viommu,
					     struct device *dev, u32 flags,
					     const struct iommu_backend_data *data);
	int (*invalidate)(struct iommu_backend_viommu *viommu,
			  struct iommu_backend_array *array);
	u32 (*vevent_size)(struct iommu_backend_viommu *viommu, u32 type);
	int (*report)(struct iommu_backend_viommu *viommu,
		      const struct iommu_backend_data *data, u64 mmap_offset);
	bool (*has_hw_queue)(struct iommu_backend_viommu *viommu, u32 type);
	int (*hw_queue_start)(struct iommu_backend_hw_queue *queue);
	void (*hw_queue_stop)(struct iommu_backend_hw_queue *queue);
};

/**
 * struct iommu_backend_viommu - A part of an IOMMU that a guest is given
 * @ops: The functions of the backend.
 * @vdevices: struct iommu_backend_vdevice by virtual ID.  Its xa_lock guards the
 *	entries: under it, the device of each is bound.
 * @vevents_lock: Guards @vevents, and what is queued in each.  Taken in
 *	interrupts.
 * @vevents: struct iommu_backend_vevents, at most one of each type.
 * @mmio: Registers that user space may map: the physical address, of whole
 *	pages.
 * @mmio_length: Bytes of them, 0 for none.  Set by the backend before
 *	iommu_backend_ops::viommu_alloc() returns.
 *
 * The backend allocates it as part of a struct of its own, and initializes it by
 * iommu_backend_viommu_init().
 */
struct iommu_backend_viommu {
	const struct iommu_backend_viommu_ops *ops;
	struct xarray vdevices;
	spinlock_t vevents_lock;	/* of the following */
	struct list_head vevents;
	phys_addr_t mmio;
	size_t mmio_length;
};

/**
 * struct iommu_backend_hw_queue - A queue of a guest that hardware reads
 * @viommu: The virtual IOMMU that it is of.
 * @type: Of enum iommu_hw_queue_type.
 * @index: Which of its queues, as the backend numbers them.
 * @phys: Physical address of the first byte.  The memory stays pinned.
 * @length: Number of bytes, contiguous.
 * @try_use: Become a user of the queue, so that user space cannot destroy it.
 *	Returns false when it is not complete yet, or is being destroyed.
 * @needs: The queue that this one depends on, and is a user of, or NULL.  See
 *	iommu_backend_hw_queue_depend().
 */
struct iommu_backend_hw_queue {
	struct iommu_backend_viommu *viommu;
	u32 type;
	u32 index;
	phys_addr_t phys;
	u64 length;
	bool (*try_use)(struct iommu_backend_hw_queue *queue);
	struct iommu_backend_hw_queue *needs;
};

/**
 * struct iommu_backend_vdevice - What a device is called by a guest
 * @dev: The device.
 * @virt_id: Its ID on the virtual IOMMU, such as a stream ID.
 */
struct iommu_backend_vdevice {
	struct device *dev;
	u64 virt_id;
};

/* Functions for backends */
void iommu_backend_viommu_init(struct iommu_backend_viommu *viommu,
			       const struct iommu_backend_viommu_ops *ops);
int iommu_backend_with_vdevice(struct iommu_backend_viommu *viommu, u64 virt_id,
			       void (*fn)(struct device *dev, void *arg),
			       void *arg);
int iommu_backend_find_virt_id(struct iommu_backend_viommu *viommu,
			       struct device *dev, u64 *virt_id);
bool iommu_backend_hw_queue_depend(struct iommu_backend_hw_queue *queue,
				   struct iommu_backend_hw_queue *needs);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of virtual IOMMUs
 *
 * An IOMMU driver reports them from interrupts.  Room for them is allocated when
 * user space asks for them, and charged to it: no event is lost for want of
 * memory, and no more memory is taken than was agreed on.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <uapi/linux/iommufd.h>

#include "vevents.h"
#include "viommu.h"

static struct iommu_backend_vevents *
find_type(struct iommu_backend_viommu *viommu, u32 type)
{
	struct iommu_backend_vevents *vevents;

	lockdep_assert_held(&viommu->vevents_lock);

	list_for_each_entry(vevents, &viommu->vevents, item)
		if (vevents->type == type)
			return vevents;
	return NULL;
}

static void *record(struct iommu_backend_vevents *vevents, u32 index)
{
	return vevents->ring +
	       (size_t)index * (sizeof(u32) + vevents->data_size);
}

/**
 * iommu_backend_vevents_init() - Take a type of events
 * @viommu: The virtual IOMMU.
 * @vevents: The events, zeroed.
 * @type: The type.
 * @depth: Number of events to have room for, not 0.
 *
 * Context: Process context.  Pairs with iommu_backend_vevents_free().
 *
 * Return: 0, -EEXIST when somebody has the type, or -ENOMEM.
 */
int iommu_backend_vevents_init(struct iommu_backend_viommu *viommu,
			       struct iommu_backend_vevents *vevents, u32 type,
			       u32 depth)
{
	unsigned long flags;
	int rc = 0;

	vevents->type = type;
	vevents->depth = depth;
	if (viommu->ops->vevent_size)
		vevents->data_size = viommu->ops->vevent_size(viommu, type);
	if (WARN_ON(vevents->data_size > MAX_VEVENT_DATA))
		return -EINVAL;
	init_waitqueue_head(&vevents->wait);

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	if (find_type(viommu, type))
		rc = -EEXIST;
	else
		list_add_tail(&vevents->item, &viommu->vevents);
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
	if (rc || !vevents->data_size)
		return rc;

	vevents->ring = kvmalloc_array(depth, sizeof(u32) + vevents->data_size,
				       GFP_KERNEL_ACCOUNT);
	if (vevents->ring)
		return 0;
	iommu_backend_vevents_free(viommu, vevents);
	return -ENOMEM;
}

/**
 * iommu_backend_vevents_start() - Queue events from now on
 * @viommu: The virtual IOMMU.
 * @vevents: The events.
 *
 * Context: Process context.  Cannot fail.
 */
void iommu_backend_vevents_start(struct iommu_backend_viommu *viommu,
				 struct iommu_backend_vevents *vevents)
{
	unsigned long flags;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	vevents->live = vevents->ring;
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
}

/**
 * iommu_backend_vevents_free() - Undo iommu_backend_vevents_init()
 * @viommu: The virtual IOMMU.
 * @vevents: The events, which nobody reads.
 *
 * Context: Process context.  Cannot fail.
 */
void iommu_backend_vevents_free(struct iommu_backend_viommu *viommu,
				struct iommu_backend_vevents *vevents)
{
	unsigned long flags;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	list_del(&vevents->item);
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
	kvfree(vevents->ring);
}

/**
 * iommu_backend_report_vevent() - Report an event of a virtual IOMMU
 * @viommu: The virtual IOMMU.
 * @type: The type of the event, of enum iommu_veventq_type.
 * @data: Its data, of which that type says what it is.
 * @size: Bytes of @data, as iommu_backend_viommu_ops::vevent_size() has told.
 *
 * An event for which there is no room is lost, which user space can tell from
 * the sequence numbers.
 *
 * Context: Any, also interrupts.
 *
 * Return: 0, also when the event is lost, or -EOPNOTSUPP when nobody wants
 * events of this type.
 */
int iommu_backend_report_vevent(struct iommu_backend_viommu *viommu, u32 type,
				const void *data, size_t size)
{
	struct iommu_backend_vevents *vevents;
	unsigned long flags;
	int rc = 0;
	u32 *to;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	vevents = find_type(viommu, type);
	if (!vevents || !vevents->live || WARN_ON(size != vevents->data_size)) {
		rc = -EOPNOTSUPP;
		goto out_unlock;
	}
	vevents->lost = vevents->count == vevents->depth;
	if (vevents->lost) {
		vevents->lost_sequence = vevents->sequence;
	} else {
		to = record(vevents, (vevents->first + vevents->count) %
				     vevents->depth);
		*to = vevents->sequence;
		memcpy(to + 1, data, size);
		vevents->count++;
	}
	vevents->sequence = (vevents->sequence + 1) & INT_MAX;
	wake_up_interruptible_poll(&vevents->wait, EPOLLIN | EPOLLRDNORM);
out_unlock:
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_report_vevent, "IOMMUFD_TEST");

/**
 * iommu_backend_vevents_pending() - Tell whether there is something to read
 * @viommu: The virtual IOMMU.
 * @vevents: The events.
 *
 * Context: Process context.
 *
 * Return: whether there is an event, or one was lost.
 */
bool iommu_backend_vevents_pending(struct iommu_backend_viommu *viommu,
				   struct iommu_backend_vevents *vevents)
{
	unsigned long flags;
	bool pending;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	pending = vevents->count || vevents->lost;
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
	return pending;
}

/**
 * iommu_backend_vevents_peek() - Look at what is to be read next
 * @viommu: The virtual IOMMU.
 * @vevents: The events.
 * @header: Filled in.
 * @data: Filled with the data of the event, at most MAX_VEVENT_DATA bytes.
 *
 * Behind the last event, that events were lost is something to be read as well.
 *
 * Context: Process context.
 *
 * Return: the number of bytes of @data, 0 for events that were lost, or -ENOENT
 * when there is nothing.
 */
int iommu_backend_vevents_peek(struct iommu_backend_viommu *viommu,
			       struct iommu_backend_vevents *vevents,
			       struct iommufd_vevent_header *header, void *data)
{
	unsigned long flags;
	int rc = -ENOENT;
	u32 *from;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	if (vevents->count) {
		from = record(vevents, vevents->first);
		header->flags = 0;
		header->sequence = *from;
		memcpy(data, from + 1, vevents->data_size);
		rc = vevents->data_size;
	} else if (vevents->lost) {
		header->flags = IOMMU_VEVENTQ_FLAG_LOST_EVENTS;
		header->sequence = vevents->lost_sequence;
		rc = 0;
	}
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
	return rc;
}

/**
 * iommu_backend_vevents_drop() - Take out what has been read
 * @viommu: The virtual IOMMU.
 * @vevents: The events.
 * @header: As iommu_backend_vevents_peek() has filled it in.
 *
 * Context: Process context.
 */
void iommu_backend_vevents_drop(struct iommu_backend_viommu *viommu,
				struct iommu_backend_vevents *vevents,
				const struct iommufd_vevent_header *header)
{
	unsigned long flags;

	spin_lock_irqsave(&viommu->vevents_lock, flags);
	if (!header->flags) {
		vevents->first = (vevents->first + 1) % vevents->depth;
		vevents->count--;
	} else if (!vevents->count &&
		   vevents->lost_sequence == header->sequence) {
		/* Otherwise there is something new to be read. */
		vevents->lost = false;
	}
	spin_unlock_irqrestore(&viommu->vevents_lock, flags);
}

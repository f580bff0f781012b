/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_VEVENTS_H
#define __IOMMU_BACKEND_VEVENTS_H

#include <linux/list.h>
#include <linux/types.h>
#include <linux/wait.h>

struct iommu_backend_viommu;
struct iommufd_vevent_header;
struct iommufd_vevent_header;

/* Most bytes of data of an event */
#define MAX_VEVENT_DATA		32

/**
 * struct iommu_backend_vevents - Events of one type that a virtual IOMMU reports
 * @item: In iommu_backend_viommu::vevents.
 * @type: The type, of enum iommu_veventq_type.
 * @depth: Number of events that there is room for.
 * @data_size: Bytes of data of each; 0 if the virtual IOMMU never reports any,
 *	and then there is no room.
 * @live: Events are queued.  Without that the type is only taken.
 * @ring: The events: a sequence number and the data of each.
 * @first: Index of the oldest event.
 * @count: Number of events.
 * @sequence: Sequence number of the next event, whether there is room for it or
 *	not.
 * @lost: The last event was lost for want of room.
 * @lost_sequence: The sequence number of that one.
 * @wait: Who waits for events.
 *
 * iommu_backend_viommu::vevents_lock guards @item, @live and all from @first to
 * @lost_sequence.  What is queued is taken by one reader at a time.
 */
struct iommu_backend_vevents {
	struct list_head item;
	u32 type;
	u32 depth;
	u32 data_size;
	bool live;
	void *ring;
	u32 first;
	u32 count;
	u32 sequence;
	bool lost;
	u32 lost_sequence;
	wait_queue_head_t wait;
};

int iommu_backend_vevents_init(struct iommu_backend_viommu *viommu,
			       struct iommu_backend_vevents *vevents, u32 type,
			       u32 depth);
void iommu_backend_vevents_start(struct iommu_backend_viommu *viommu,
				 struct iommu_backend_vevents *vevents);
void iommu_backend_vevents_free(struct iommu_backend_viommu *viommu,
				struct iommu_backend_vevents *vevents);
bool iommu_backend_vevents_pending(struct iommu_backend_viommu *viommu,
				   struct iommu_backend_vevents *vevents);
int iommu_backend_vevents_peek(struct iommu_backend_viommu *viommu,
			       struct iommu_backend_vevents *vevents,
			       struct iommufd_vevent_header *header, void *data);
void iommu_backend_vevents_drop(struct iommu_backend_viommu *viommu,
				struct iommu_backend_vevents *vevents,
				const struct iommufd_vevent_header *header);

/* Functions for backends */
int iommu_backend_report_vevent(struct iommu_backend_viommu *viommu, u32 type,
				const void *data, size_t size);

#endif

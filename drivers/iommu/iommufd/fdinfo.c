// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo of an open file of /dev/iommu: what its context maps and
 * pins
 *
 * Each line is a key, a colon, a tab and a value, as DRM has it.  User space
 * relies on the keys: see Documentation/userspace-api.md.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/seq_file.h>

#include "device.h"
#include "fdinfo.h"
#include "ioas.h"
#include "object.h"

/**
 * struct fdinfo_sum - Figures of a context
 * @objects: Number of objects.
 * @bytes: Bytes mapped in all IOAS.
 * @pinned: Pages pinned for all IOAS.
 * @maps: Number of mappings made in the IOAS that there are.
 * @unmaps: Number of mappings unmapped in the IOAS that there are.
 */
struct fdinfo_sum {
	unsigned long objects;
	unsigned long bytes;
	unsigned long pinned;
	unsigned long maps;
	unsigned long unmaps;
};

static void fdinfo_kib(struct seq_file *seq, const char *key, u32 id,
		       unsigned long bytes)
{
	seq_printf(seq, "iommufd-ioas-%u-%s:\t%lu KiB\n", id, key, bytes >> 10);
}

static void fdinfo_show_faults(struct seq_file *seq, u32 id,
			       struct iopt_demand *demand)
{
	seq_printf(seq, "iommufd-ioas-%u-faults:\t%lu\n", id,
		   atomic_long_read(&demand->served));
	seq_printf(seq, "iommufd-ioas-%u-faults-failed:\t%lu\n", id,
		   atomic_long_read(&demand->failed));
}

static void fdinfo_show_ioas(struct seq_file *seq, struct iommufd_ioas *ioas,
			     struct fdinfo_sum *sum)
{
	struct iopt_stats *stats = &ioas->iopt.stats;
	unsigned long bytes = READ_ONCE(stats->bytes);
	unsigned long pinned = atomic_long_read(&stats->pinned);
	u32 id = ioas->obj.id;

	fdinfo_kib(seq, "mapped", id, bytes);
	fdinfo_kib(seq, "pinned", id, pinned << PAGE_SHIFT);
	seq_printf(seq, "iommufd-ioas-%u-mappings:\t%lu\n", id,
		   READ_ONCE(stats->mappings));
	if (READ_ONCE(ioas->iopt.on_demand))
		fdinfo_show_faults(seq, id, &ioas->iopt.demand);
	sum->bytes += bytes;
	sum->pinned += pinned;
	sum->maps += READ_ONCE(stats->maps);
	sum->unmaps += atomic_long_read(&stats->unmaps);
}

static void fdinfo_show_object(struct seq_file *seq, struct iommufd_object *obj,
			       struct fdinfo_sum *sum)
{
	sum->objects++;
	if (obj->type == &iommufd_ioas_type)
		fdinfo_show_ioas(seq,
				 container_of(obj, struct iommufd_ioas, obj),
				 sum);
	else if (obj->type == &iommufd_device_type)
		seq_printf(seq, "iommufd-device-%u:\t%s\n", obj->id,
			   dev_name(container_of(obj, struct iommufd_device,
						 obj)->dev));
}

/**
 * iommufd_fdinfo_show() - Show the objects of a context and what they map
 * @seq: The file in /proc.
 * @ictx: The context.
 *
 * Holds one object at a time, and no lock: the figures are of one moment each.
 *
 * Context: Process context.
 */
void iommufd_fdinfo_show(struct seq_file *seq, struct iommufd_ctx *ictx)
{
	struct fdinfo_sum sum = {};
	struct iommufd_object *obj;
	unsigned long id;

	xa_for_each(&ictx->objects, id, obj) {
		obj = iommufd_object_get(ictx, id, NULL);
		if (IS_ERR(obj))
			continue;
		fdinfo_show_object(seq, obj, &sum);
		iommufd_object_put(obj);
		cond_resched();
	}
	seq_printf(seq, "iommufd-objects:\t%lu\n", sum.objects);
	seq_printf(seq, "iommufd-mapped:\t%lu KiB\n", sum.bytes >> 10);
	seq_printf(seq, "iommufd-pinned:\t%lu KiB\n",
		   sum.pinned << (PAGE_SHIFT - 10));
	seq_printf(seq, "iommufd-maps:\t%lu\n", sum.maps);
	seq_printf(seq, "iommufd-unmaps:\t%lu\n", sum.unmaps);
}

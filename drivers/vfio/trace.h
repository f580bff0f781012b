/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints of the VFIO driver.  Their names and fields are an interface
 * to user space: see Documentation/userspace-api.md.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio

#if !defined(__VFIO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __VFIO_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

/*
 * The size of the name of a device.  A name is an array, because __assign_str()
 * does not have the same arguments in all kernels.
 */
#define VFIO_TRACE_NAME 32

/* VFIO_DEVICE_BIND_IOMMUFD is over; @id is that of the device, 0 on error. */
TRACE_EVENT(vfio_cdev_bind,
	    TP_PROTO(const char *device, u32 id, int rc),
	    TP_ARGS(device, id, rc),
	    TP_STRUCT__entry(__array(char, device, VFIO_TRACE_NAME)
			     __field(u32, id)
			     __field(int, rc)),
	    TP_fast_assign(strscpy(__entry->device, device, VFIO_TRACE_NAME);
			   __entry->id = id;
			   __entry->rc = rc;),
	    TP_printk("device=%s id=%u rc=%d",
		      __entry->device, __entry->id, __entry->rc)
);

/*
 * VFIO_DEVICE_ATTACH_IOMMUFD_PT, without a PASID, is over; @pt_id is the page
 * table if @rc is 0, else the ID that the user gave.
 */
TRACE_EVENT(vfio_cdev_attach,
	    TP_PROTO(const char *device, u32 pt_id, int rc),
	    TP_ARGS(device, pt_id, rc),
	    TP_STRUCT__entry(__array(char, device, VFIO_TRACE_NAME)
			     __field(u32, pt_id)
			     __field(int, rc)),
	    TP_fast_assign(strscpy(__entry->device, device, VFIO_TRACE_NAME);
			   __entry->pt_id = pt_id;
			   __entry->rc = rc;),
	    TP_printk("device=%s pt_id=%u rc=%d",
		      __entry->device, __entry->pt_id, __entry->rc)
);

/* Other devices do not reach the BARs any more. */
TRACE_EVENT(vfio_bar_revoke,
	    TP_PROTO(const char *device),
	    TP_ARGS(device),
	    TP_STRUCT__entry(__array(char, device, VFIO_TRACE_NAME)),
	    TP_fast_assign(strscpy(__entry->device, device, VFIO_TRACE_NAME);),
	    TP_printk("device=%s", __entry->device)
);

/* Other devices reach the BARs again, but not all mappings if @rc is not 0. */
TRACE_EVENT(vfio_bar_restore,
	    TP_PROTO(const char *device, int rc),
	    TP_ARGS(device, rc),
	    TP_STRUCT__entry(__array(char, device, VFIO_TRACE_NAME)
			     __field(int, rc)),
	    TP_fast_assign(strscpy(__entry->device, device, VFIO_TRACE_NAME);
			   __entry->rc = rc;),
	    TP_printk("device=%s rc=%d", __entry->device, __entry->rc)
);

#endif

/* define_trace.h includes this file again, found by CFLAGS_trace.o. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints of /dev/iommu.  Their names and fields are an interface to
 * user space: see Documentation/userspace-api.md.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd

#if !defined(__IOMMUFD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __IOMMUFD_TRACE_H

#include <linux/tracepoint.h>
#include <linux/types.h>

DECLARE_EVENT_CLASS(iommufd_range,
		    TP_PROTO(u32 ioas, u64 iova, u64 length, int rc),
		    TP_ARGS(ioas, iova, length, rc),
		    TP_STRUCT__entry(__field(u32, ioas)
				     __field(u64, iova)
				     __field(u64, length)
				     __field(int, rc)),
		    TP_fast_assign(__entry->ioas = ioas;
				   __entry->iova = iova;
				   __entry->length = length;
				   __entry->rc = rc;),
		    TP_printk("ioas=%u iova=0x%llx length=0x%llx rc=%d",
			      __entry->ioas, __entry->iova, __entry->length,
			      __entry->rc)
);

/*
 * A call that maps is over.  @iova is that of the mapping, or if @rc is not 0
 * the IOVA that the caller gave.
 */
DEFINE_EVENT(iommufd_range, iommufd_map,
	     TP_PROTO(u32 ioas, u64 iova, u64 length, int rc),
	     TP_ARGS(ioas, iova, length, rc)
);

/* A call that unmaps is over; @length is what was unmapped, 0 on error. */
DEFINE_EVENT(iommufd_range, iommufd_unmap,
	     TP_PROTO(u32 ioas, u64 iova, u64 length, int rc),
	     TP_ARGS(ioas, iova, length, rc)
);

#endif

/* define_trace.h includes this file again, found by CFLAGS_trace.o. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that depends on the kernel version, and nothing else.
 *
 * All other code is written against the interfaces of the newest kernel.
 * Kbuild includes this file in every object.  Each header below is named after
 * the kernel header that it completes, and is removed with the last kernel that
 * needs it.  Kbuild also searches this directory after the kernel's own, for
 * headers that an old kernel lacks.
 *
 * HAVE_NAME is defined if the line for NAME in the file `have` matches the
 * kernel's headers.  The version is compared only where no header shows the
 * difference.
 */
#ifndef __IOMMUFD_COMPAT_H
#define __IOMMUFD_COMPAT_H

#include "linux/device.h"
#include "linux/dma-buf.h"
#include "linux/export.h"
#include "linux/ftrace.h"
#include "linux/hugetlb.h"
#include "linux/iommu.h"
#include "linux/mm.h"
#include "linux/module.h"
#include "linux/pagemap.h"
#include "linux/pci.h"
#include "linux/pci-p2pdma.h"
#include "linux/pgtable.h"
#include "linux/sched/mm.h"
#include "linux/shmem_fs.h"
#include "linux/vfio.h"
#include "linux/vfio_pci_core.h"

#endif

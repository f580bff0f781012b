/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that depends on the kernel version, and nothing else.
 *
 * The code proper is written against the newest kernel's interfaces.  Kbuild
 * forces this file into every object; each header below is named after the
 * kernel header it stands in for, and goes when the last kernel that needs it
 * is dropped.  Kbuild also has this directory searched after the kernel's own,
 * for headers that an old kernel has not got at all.
 *
 * HAVE_NAME is set if the kernel's headers have what the file `have` says of
 * NAME.  The version is asked only for what no header tells.
 */
#ifndef __IOMMUFD_COMPAT_H
#define __IOMMUFD_COMPAT_H

#include "linux/device.h"
#include "linux/export.h"
#include "linux/hugetlb.h"
#include "linux/iommu.h"
#include "linux/mm.h"
#include "linux/module.h"
#include "linux/pagemap.h"
#include "linux/pgtable.h"
#include "linux/sched/mm.h"
#include "linux/shmem_fs.h"
#include "linux/vfio.h"
#include "linux/vfio_pci_core.h"

#endif

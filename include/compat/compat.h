/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that depends on the kernel version, and nothing else.
 *
 * The code proper is written against the newest kernel's interfaces.  Kbuild
 * forces this file into every object; each header below is named after the
 * kernel header it stands in for, and goes when the last kernel that needs it
 * is dropped.
 */
#ifndef __IOMMUFD_COMPAT_H
#define __IOMMUFD_COMPAT_H

#include "linux/device.h"
#include "linux/iommu.h"
#include "linux/mm.h"
#include "linux/vfio_pci_core.h"

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_DEVICE_H
#define __COMPAT_LINUX_DEVICE_H

#include <linux/version.h>

/* 6.2 made the device const that device_type.devnode() gets. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define devnode_const
#else
#define devnode_const const
#endif

#endif

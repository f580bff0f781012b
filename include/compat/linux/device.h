/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_DEVICE_H
#define __COMPAT_LINUX_DEVICE_H

/* 6.2 made the device const that device_type.devnode() gets. */
#ifdef HAVE_DEVNODE_CONST
#define devnode_const const
#else
#define devnode_const
#endif

#endif

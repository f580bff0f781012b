/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_DEVICE_H
#define __COMPAT_LINUX_DEVICE_H

/* Before 6.2 the device that device_type.devnode() gets is not const. */
#ifdef HAVE_DEVNODE_CONST
#define devnode_const const
#else
#define devnode_const
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_H
#define __COMPAT_LINUX_VFIO_H

#include <linux/version.h>

/* Until 6.6 KVM takes files of groups only, and asks for just that. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define vfio_file_is_valid vfio_file_is_group
#endif

#endif

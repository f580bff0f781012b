/* SPDX-License-Identifier: GPL-2.0-only */
/* 6.12 moved it here; found only where the kernel has none. */
#ifndef __COMPAT_LINUX_UNALIGNED_H
#define __COMPAT_LINUX_UNALIGNED_H

#include <asm/unaligned.h>

#endif

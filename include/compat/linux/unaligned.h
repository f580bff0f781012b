/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Before 6.12 the header is in asm/.  This file is found by these kernels only.
 */
#ifndef __COMPAT_LINUX_UNALIGNED_H
#define __COMPAT_LINUX_UNALIGNED_H

#include <asm/unaligned.h>

#endif

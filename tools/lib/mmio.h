/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to device registers, and to memory that a device writes.  A write
 * comes after all earlier writes of the program; later reads of the program
 * come after a read.
 */
#ifndef LIB_MMIO_H
#define LIB_MMIO_H

#include <linux/types.h>

static inline __u32 mmio_read32(const void *addr)
{
	return __atomic_load_n((const __u32 *)addr, __ATOMIC_ACQUIRE);
}

static inline __u64 mmio_read64(const void *addr)
{
	return __atomic_load_n((const __u64 *)addr, __ATOMIC_ACQUIRE);
}

static inline void mmio_write32(void *addr, __u32 val)
{
	__atomic_store_n((__u32 *)addr, val, __ATOMIC_RELEASE);
}

static inline void mmio_write64(void *addr, __u64 val)
{
	__atomic_store_n((__u64 *)addr, val, __ATOMIC_RELEASE);
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_UADDR_H
#define __IOPT_UADDR_H

#include "types.h"

/**
 * iopt_uaddrs_may_change() - Tell whether user addresses may become invalid
 * @iopt: The I/O page table.
 *
 * Context: Any.
 *
 * Return: whether they may.
 */
static inline bool iopt_uaddrs_may_change(struct io_pagetable *iopt)
{
	return !READ_ONCE(iopt->on_demand) && !atomic_read(&iopt->uaddr_holds);
}

/**
 * iopt_release_uaddrs() - Undo iopt_hold_uaddrs()
 * @iopt: The I/O page table.
 *
 * Context: Any.
 */
static inline void iopt_release_uaddrs(struct io_pagetable *iopt)
{
	atomic_dec(&iopt->uaddr_holds);
}

int iopt_hold_uaddrs(struct io_pagetable *iopt);
int iopt_invalidate_uaddrs(struct io_pagetable *iopt, unsigned long start,
			   unsigned long last, bool whole,
			   unsigned long *bytes);
int iopt_set_uaddr(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last, unsigned long uaddr,
		   enum iopt_account_mode account_mode);

#endif

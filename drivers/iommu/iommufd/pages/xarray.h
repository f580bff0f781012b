/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_XARRAY_H
#define __IOPT_XARRAY_H

#include <linux/limits.h>
#include <linux/xarray.h>

/**
 * iopt_xa_none() - Whether an xarray has no entry
 * @xa: The xarray.
 *
 * xa_empty() is no answer: a store that has failed for want of memory may leave
 * nodes without an entry.
 *
 * Context: Any.  The xarray does not change meanwhile.
 *
 * Return: true if it has none.
 */
static inline bool iopt_xa_none(struct xarray *xa)
{
	unsigned long index = 0;

	return !xa_find(xa, &index, ULONG_MAX, XA_PRESENT);
}

/**
 * iopt_xa_end() - Free what an xarray without entries may have
 * @xa: The xarray.
 *
 * Context: Any.
 *
 * Return: true if it had no entry, as it should be.
 */
static inline bool iopt_xa_end(struct xarray *xa)
{
	bool none = iopt_xa_none(xa);

	xa_destroy(xa);
	return none;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PGTABLE_H
#define __COMPAT_LINUX_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

/*
 * Entries whose pages mm does not manage.  Up to 6.12, and not from 7.2 on,
 * entries for device memory with struct pages have a mark of their own, and
 * this is what it is called.
 */
#ifdef HAVE_PMD_DEVMAP
#define pmd_special(pmd)	(pmd_devmap(pmd) != 0)
#define pud_special(pud)	(pud_devmap(pud) != 0)
#endif

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PGTABLE_H
#define __COMPAT_LINUX_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

/*
 * Entries for memory that is no business of mm.  Before 7.x those for memory of
 * devices that has struct pages are among them, and have a mark of their own.
 */
#ifdef HAVE_PMD_DEVMAP
#define pmd_special(pmd)	(pmd_devmap(pmd) != 0)
#define pud_special(pud)	(pud_devmap(pud) != 0)
#endif

#endif

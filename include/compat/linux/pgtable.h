/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PGTABLE_H
#define __COMPAT_LINUX_PGTABLE_H

#include <linux/mm.h>
#include <linux/pgtable.h>

/*
 * Entries whose pages mm does not manage.  Up to 6.12, and not from 7.2 on,
 * entries for device memory with struct pages have a mark of their own.  6.12
 * also has the mark that newer kernels have.
 */
#ifdef HAVE_PMD_DEVMAP
static inline bool compat_pmd_special(pmd_t pmd)
{
#ifdef HAVE_PMD_SPECIAL
	if (pmd_special(pmd))
		return true;
#endif
	return pmd_devmap(pmd) != 0;
}

static inline bool compat_pud_special(pud_t pud)
{
#ifdef HAVE_PMD_SPECIAL
	if (pud_special(pud))
		return true;
#endif
	return pud_devmap(pud) != 0;
}

/* Some architectures have them as macros */
#undef pmd_special
#undef pud_special
#define pmd_special		compat_pmd_special
#define pud_special		compat_pud_special
#endif

#endif

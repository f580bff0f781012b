// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of a process, pinned at once
 *
 * The kernel pins page by page, and lists each page.  When a huge page is
 * mapped by one entry of the page table, it is enough to pin one page of it and
 * to look at the entry once: then all other pages are known, and get their pins
 * in one step.  The pins, and the statistics, are as if the kernel had pinned
 * the pages one by one, so they are undone in the same way.
 * Documentation/memory.md, "Huge pages", tells why this is safe.
 */
#include <linux/export.h>
#include <linux/hugetlb.h>
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched.h>

#include "huge.h"
#include "pfns.h"

bool iopt_always_try_huge;
EXPORT_SYMBOL_NS_GPL(iopt_always_try_huge, "IOMMUFD_TEST");

/*
 * Returns the PFN at @uaddr if one entry of the page table maps all of a huge
 * page there, for reading and writing by the process; else 0.
 *
 * As in the kernel's own lockless walk, page tables are not freed while
 * interrupts are off.
 */
static unsigned long huge_pfn(unsigned long uaddr)
{
	unsigned long flags, pfn = 0;
	pgd_t *pgdp, pgd;
	p4d_t *p4dp, p4d;
	pud_t *pudp, pud;
	pmd_t pmd;

	local_irq_save(flags);
	pgdp = pgd_offset(current->mm, uaddr);
	pgd = READ_ONCE(*pgdp);
	if (pgd_none(pgd) || pgd_bad(pgd))
		goto out_restore;
	p4dp = p4d_offset_lockless(pgdp, pgd, uaddr);
	p4d = READ_ONCE(*p4dp);
	if (p4d_none(p4d) || p4d_bad(p4d))
		goto out_restore;
	pudp = pud_offset_lockless(p4dp, p4d, uaddr);
	pud = READ_ONCE(*pudp);
	if (pud_none(pud) || pud_special(pud))
		goto out_restore;
	if (pud_leaf(pud)) {
		if (pud_access_permitted(pud, true))
			pfn = pud_pfn(pud) +
			      ((uaddr & ~PUD_MASK) >> PAGE_SHIFT);
		goto out_restore;
	}
	if (pud_bad(pud))
		goto out_restore;
	pmd = READ_ONCE(*pmd_offset_lockless(pudp, pud, uaddr));
	if (pmd_leaf(pmd) && !pmd_special(pmd) &&
	    pmd_access_permitted(pmd, true))
		pfn = pmd_pfn(pmd);
out_restore:
	local_irq_restore(flags);
	return pfn;
}

/**
 * iopt_is_huge() - Tell whether iopt_pin_huge() is worth a try
 * @uaddr: User address in the current process, aligned to huge pages.
 *
 * This is a hint, on which iopt_pin_huge() does not rely.
 *
 * Context: Process context.
 *
 * Return: whether a huge page is mapped there just now, for reading and
 * writing.
 */
bool iopt_is_huge(unsigned long uaddr)
{
	return huge_pfn(uaddr) || READ_ONCE(iopt_always_try_huge);
}

/**
 * iopt_pin_huge() - Pin a huge page for reading and writing, or the first page
 * there
 * @uaddr: User address in the current process, aligned to huge pages.
 * @page: Set to the first page.
 *
 * Context: Process context.  May fault in user memory.
 *
 * Return: IOPT_CHUNK_PAGES if that many pages from @page on are mapped from
 * @uaddr on, and each of them got a pin; 1 if only @page did; or as
 * pin_user_pages_fast().
 */
long iopt_pin_huge(unsigned long uaddr, struct page **page)
{
	struct folio *folio;
	unsigned long pfn;
	long n;

	n = pin_user_pages_fast(uaddr, 1, FOLL_WRITE | FOLL_LONGTERM, page);
	if (n != 1)
		return n;

	/* While it is pinned, the folio is neither moved nor split. */
	folio = page_folio(*page);
	pfn = page_to_pfn(*page);
	if (pfn - folio_pfn(folio) + IOPT_CHUNK_PAGES > folio_nr_pages(folio))
		return 1;
	/* A folio of hugetlbfs is only ever mapped as a whole. */
	if (!folio_test_hugetlb(folio) && huge_pfn(uaddr) != pfn)
		return 1;
	if (folio_add_pins(folio, IOPT_CHUNK_PAGES - 1))
		return 1;
	return IOPT_CHUNK_PAGES;
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O page table: IOVA to memory, and into every domain of the address space
 *
 * types.h says what an I/O page table consists of.  map.c and unmap.c change
 * what is mapped, domains.c the domains that it is mapped into; access_pin.c
 * lets accesses use it.  They build on area.c, the life of one mapping, on
 * iova.c, the ranges of IOVA, on mmio_region.c, which revokes and restores the
 * mappings of MMIO in all domains, and on demand.c, which populates mappings
 * when devices fault.
 */
#include "demand.h"
#include "io_pagetable.h"
#include "iova.h"
#include "unmap.h"

/**
 * iopt_init() - Set up an empty I/O page table
 * @iopt: The I/O page table, zeroed.
 * @ctx_mappings: Number of mappings of its context.
 */
void iopt_init(struct io_pagetable *iopt, atomic_long_t *ctx_mappings)
{
	iopt->ctx_mappings = ctx_mappings;
	init_rwsem(&iopt->domains_lock);
	INIT_LIST_HEAD(&iopt->domains);
	init_rwsem(&iopt->accesses_lock);
	INIT_LIST_HEAD(&iopt->accesses);
	mutex_init(&iopt->mmio_lock);
	iopt_iova_init(iopt);
	iopt_demand_init(&iopt->demand);
	iopt->huge_pages = true;
}

/**
 * iopt_destroy() - Tear down an I/O page table
 * @iopt: The I/O page table, without domains and accesses; no other call uses
 *	it.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_destroy(struct io_pagetable *iopt)
{
	unsigned long unmapped;

	WARN_ON(iopt_unmap(iopt, 0, ULONG_MAX, &unmapped));
	iopt_free_allowed(&iopt->allowed);
	WARN_ON(!RB_EMPTY_ROOT(&iopt->reserved.rb_root));
	WARN_ON(!list_empty(&iopt->domains));
	WARN_ON(!list_empty(&iopt->accesses));
	iopt_demand_destroy(&iopt->demand);
	mutex_destroy(&iopt->mmio_lock);
}

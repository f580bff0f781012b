// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process that is not there yet, faulted in by several threads
 *
 * When a large guest starts, most of the time goes into clearing its memory.
 * The caller pins it as ever, from the first page on, and so faults in what is
 * missing.  Meanwhile helpers, kernel threads, fault in from the last page on,
 * until the caller meets them; what is behind that it has only to pin.
 *
 * A helper does nothing else.  What can be pinned, what is charged against the
 * limit of locked memory, and what the call returns is up to the caller alone.
 * It waits for no helper but for its end, and helpers are killed before.
 */
#include <linux/cpumask.h>
#include <linux/cpuset.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/topology.h>
#include <linux/userfaultfd_k.h>

#include "pages.h"
#include "populate.h"

/* So many places tell how much of the memory is missing. */
#define POPULATE_LOOKS	32

/*
 * With less available helpers leave: for want of memory a kernel thread waits
 * even if it is killed.
 */
#define POPULATE_MARGIN	(SZ_64M >> PAGE_SHIFT)

/* How much nicer than the caller a helper is: a third of its share of a CPU */
#define POPULATE_NICER	5

static unsigned int populate_threads = 4;
module_param(populate_threads, uint, 0644);
MODULE_PARM_DESC(populate_threads,
		 "Most threads, the caller's among them, that fault in memory while it is mapped (default: 4; 1: only the caller's)");

static unsigned int populate_mib = 1024;
module_param(populate_mib, uint, 0644);
MODULE_PARM_DESC(populate_mib,
		 "Least memory to be mapped at once, in MiB, that is faulted in by more than one thread (default: 1024)");

/**
 * struct iopt_populate - Helpers that fault in memory for a caller
 * @mm: The caller's, who does not return before the helpers have ended.
 * @memcg: What its memory is charged to; page tables, too.
 * @mems: The memory nodes that it may use.
 * @cpus: The CPUs for helpers.
 * @base: Address of page index 0.
 * @index: First index that the caller has not pinned yet.
 * @last: Last index.
 * @chunk: What is behind that chunk of indexes, inclusive, has been taken by
 *	helpers.
 * @stop: Helpers end.
 * @nhelpers: Number of @helpers.
 * @helpers: The threads; a reference to each.
 */
struct iopt_populate {
	struct mm_struct *mm;
	struct mem_cgroup *memcg;
	nodemask_t mems;
	struct cpumask cpus;
	unsigned long base;
	const unsigned long *index;
	unsigned long last;
	atomic_long_t chunk;
	bool stop;
	unsigned int nhelpers;
	struct task_struct *helpers[];
};

/*
 * Can a helper stand in for the owner?  Huge pages of hugetlbfs are charged to
 * the cgroup of the thread that faults, files of file systems must not be
 * touched before it is known whether they can be pinned, and with userfaultfd
 * it is user space that sees who faults.
 */
static bool can_help(struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_WRITE) || userfaultfd_armed(vma))
		return false;
	return vma_is_anonymous(vma) ||
	       (vma->vm_file && shmem_mapping(vma->vm_file->f_mapping));
}

/* Fault in from @uaddr on, up to @end or the end of the VMA. */
static long fault_in_vma(struct iopt_populate *populate, unsigned long uaddr,
			 unsigned long end)
{
	struct vm_area_struct *vma;
	int locked = 1;
	long n = 0;

	if (mmap_read_lock_killable(populate->mm))
		return -EINTR;
	vma = vma_lookup(populate->mm, uaddr);
	if (vma && can_help(vma))
		n = get_user_pages_remote(populate->mm, uaddr,
					  (min(end, vma->vm_end) - uaddr) >>
						  PAGE_SHIFT,
					  FOLL_WRITE, NULL, &locked);
	if (locked)
		mmap_read_unlock(populate->mm);
	return n;
}

/*
 * Fault in the last chunk that is left.  Returns false when none is, when memory
 * gets scarce, or when it cannot be faulted in: the caller will see why.
 */
static bool fault_in_chunk(struct iopt_populate *populate)
{
	long chunk = atomic_long_dec_return(&populate->chunk);
	unsigned long first, end, uaddr;
	long n = 1;

	/* In the chunk where the caller is, helpers would be in its way. */
	if (chunk <= (long)(READ_ONCE(*populate->index) >> IOPT_CHUNK_SHIFT))
		return false;
	if (si_mem_available() < POPULATE_MARGIN)
		return false;
	first = (unsigned long)chunk << IOPT_CHUNK_SHIFT;
	uaddr = populate->base + first * PAGE_SIZE;
	end = populate->base +
	      (min(populate->last, iopt_chunk_last(first)) + 1) * PAGE_SIZE;
	while (n > 0 && uaddr < end && !READ_ONCE(populate->stop)) {
		n = fault_in_vma(populate, uaddr, end);
		uaddr += n * PAGE_SIZE;
	}
	return n >= 0;
}

static int help(void *data)
{
	struct iopt_populate *populate = data;
	struct mem_cgroup *memcg;
	unsigned int flags;

	/* From here on iopt_populate_stop() can end any sleep. */
	allow_kernel_signal(SIGKILL);
	/* As pinning does: no memory that would have to be moved */
	flags = memalloc_pin_save();
	memcg = set_active_memcg(populate->memcg);
	set_mems_allowed(populate->mems);
	while (!READ_ONCE(populate->stop) && fault_in_chunk(populate))
		cond_resched();
	set_active_memcg(memcg);
	memalloc_pin_restore(flags);
	return 0;
}

/* A policy of the thread, rather than of the memory, is not for others. */
static bool has_mempolicy(void)
{
#ifdef CONFIG_NUMA
	return current->mempolicy;
#else
	return false;
#endif
}

/* Is there a place that the caller will fail at? */
static bool has_hole(unsigned long uaddr, unsigned long npages)
{
	unsigned long end = uaddr + npages * PAGE_SIZE;
	struct vm_area_struct *vma;

	for (; uaddr < end; uaddr = vma->vm_end) {
		vma = vma_lookup(current->mm, uaddr);
		if (!vma || !(vma->vm_flags & VM_WRITE))
			return true;
	}
	return false;
}

/*
 * About how many of @npages pages from @uaddr on could a helper fault in?  None
 * if not all can be pinned, since that would be for nothing.
 */
static unsigned long npages_missing(unsigned long uaddr, unsigned long npages)
{
	unsigned long step = npages / POPULATE_LOOKS;
	struct vm_area_struct *vma;
	unsigned int i, missing = 0;
	struct page *page;

	if (mmap_read_lock_killable(current->mm))
		return 0;
	if (has_hole(uaddr, npages))
		goto out_unlock;
	for (i = 0; i < POPULATE_LOOKS; i++, uaddr += step * PAGE_SIZE) {
		vma = vma_lookup(current->mm, uaddr);
		if (!vma || !can_help(vma))
			continue;
		if (get_user_page_fast_only(uaddr, FOLL_WRITE, &page))
			put_page(page);
		else
			missing++;
	}
out_unlock:
	mmap_read_unlock(current->mm);
	return missing * step;
}

/* On the caller's CPUs, and near it, as its memory would be */
static unsigned int choose_cpus(struct cpumask *cpus)
{
	cpumask_and(cpus, &current->cpus_mask, cpumask_of_node(numa_node_id()));
	return cpumask_weight(cpus);
}

static void add_helper(struct iopt_populate *populate)
{
	struct task_struct *helper;

	helper = kthread_create(help, populate, "iommufd/%d",
				task_pid_nr(current));
	if (IS_ERR(helper))
		return;
	get_task_struct(helper);
	populate->helpers[populate->nhelpers++] = helper;
	set_user_nice(helper, min(task_nice(current) + POPULATE_NICER, MAX_NICE));
	/* In 7.x a thread that is not bound when it starts gets all CPUs then. */
	kthread_bind(helper, cpumask_first(&populate->cpus));
	/* One that cannot run there never runs. */
	if (!set_cpus_allowed_ptr(helper, &populate->cpus))
		wake_up_process(helper);
}

static struct iopt_populate *populate_alloc(struct iopt_pages *pages,
					    const unsigned long *index,
					    unsigned long last,
					    unsigned int nhelpers)
{
	struct iopt_populate *populate;

	populate = kzalloc(struct_size(populate, helpers, nhelpers),
			   GFP_KERNEL_ACCOUNT);
	if (!populate)
		return NULL;
	populate->mm = current->mm;
	populate->memcg = get_mem_cgroup_from_mm(current->mm);
	task_lock(current);
	populate->mems = cpuset_current_mems_allowed;
	task_unlock(current);
	populate->base = untagged_addr(pages->base);
	populate->index = index;
	populate->last = last;
	atomic_long_set(&populate->chunk, (last >> IOPT_CHUNK_SHIFT) + 1);
	return populate;
}

/**
 * iopt_populate_start() - Have memory that is not there yet faulted in
 * @pages: The pages object.
 * @index: First index that is not pinned yet; follows what the caller pins.
 * @last: Last index that is to be.
 *
 * Return: who does it, to be passed to iopt_populate_stop(), or NULL if only
 * the caller does.
 */
struct iopt_populate *iopt_populate_start(struct iopt_pages *pages,
					  const unsigned long *index,
					  unsigned long last)
{
	unsigned int nthreads = min(READ_ONCE(populate_threads),
				    num_online_cpus());
	unsigned long least = READ_ONCE(populate_mib);
	unsigned long npages = last - *index + 1;
	struct iopt_populate *populate;

	least = max(least, 1UL) << (20 - PAGE_SHIFT);
	if (npages < least || nthreads < 2 || pages->kind != IOPT_USER ||
	    !pages->writeable || pages->payer.mm != current->mm ||
	    has_mempolicy())
		return NULL;

	populate = populate_alloc(pages, index, last, nthreads - 1);
	if (!populate)
		return NULL;
	nthreads = min(nthreads, choose_cpus(&populate->cpus));
	/* With half of the least missing, help is worth its while. */
	if (nthreads > 1 &&
	    npages_missing(populate->base + *index * PAGE_SIZE, npages) >=
		    least / 2)
		while (--nthreads)
			add_helper(populate);
	return populate;
}

/**
 * iopt_populate_stop() - No helper is needed any more, and none is left after
 * @populate: What iopt_populate_start() returned.
 */
void iopt_populate_stop(struct iopt_populate *populate)
{
	unsigned int i;

	if (!populate)
		return;
	WRITE_ONCE(populate->stop, true);
	for (i = 0; i < populate->nhelpers; i++) {
		set_user_nice(populate->helpers[i], task_nice(current));
		send_sig(SIGKILL, populate->helpers[i], 1);
	}
	for (i = 0; i < populate->nhelpers; i++) {
		kthread_stop(populate->helpers[i]);
		put_task_struct(populate->helpers[i]);
	}
	mem_cgroup_put(populate->memcg);
	kfree(populate);
}

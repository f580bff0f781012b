// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a process that is not there yet, faulted in by several threads
 *
 * When a large guest starts, most of the time goes into clearing its memory.
 * The caller pins that memory from the first page on, which faults in what is
 * missing.  Meanwhile kernel threads, the workers, fault it in from the last
 * page on, until the caller meets them.  The rest of the memory is there by
 * then, and the caller has only to pin it.
 *
 * A worker does nothing else.  It is the caller alone that finds out what can
 * be pinned, is charged against the limit of locked memory, and returns from
 * the call.  The caller waits for the workers only to end, and kills them
 * before.
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

#include "pfns.h"
#include "populate.h"

/* Number of places that are looked at to guess how much memory is missing */
#define POPULATE_LOOKS	32

/*
 * Workers end when less memory than this is available: a kernel thread that
 * waits for memory cannot be killed.
 */
#define POPULATE_MARGIN	(SZ_64M >> PAGE_SHIFT)

/*
 * A worker is nicer than the caller by this: it has a third of its share of a
 * CPU.
 */
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
 * struct iopt_populate - Workers that fault in memory for a caller
 * @mm: Address space of the caller, which does not return before the workers
 *	have ended.
 * @memcg: The memory cgroup that the memory of @mm and its page tables are
 *	charged to.
 * @mems: The memory nodes that the caller may use.
 * @cpus: The CPUs for workers.
 * @base: User address of page index 0.
 * @index: First index that the caller has not pinned yet.
 * @last: Last index.
 * @chunk: The lowest chunk of indexes that a worker has taken; workers take
 *	chunks in descending order.
 * @stop: The workers are to end.
 * @nworkers: Number of @workers.
 * @workers: The threads, with a reference to each.
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
	unsigned int nworkers;
	struct task_struct *workers[];
};

/*
 * Tell whether a worker may fault in memory of a VMA for the caller.  Huge
 * pages of hugetlbfs are charged to the cgroup of the thread that faults.
 * Files of file systems must not be accessed before it is known that they can
 * be pinned.  With userfaultfd, user space sees which thread faults.
 */
static bool worker_may_fault(struct vm_area_struct *vma)
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
	if (vma && worker_may_fault(vma))
		n = get_user_pages_remote(populate->mm, uaddr,
					  (min(end, vma->vm_end) - uaddr) >>
						  PAGE_SHIFT,
					  FOLL_WRITE, NULL, &locked);
	if (locked)
		mmap_read_unlock(populate->mm);
	return n;
}

/*
 * Fault in the last chunk that no worker has taken.  Returns false when none is
 * left, when memory gets scarce, or when the chunk cannot be faulted in; the
 * caller will find out why.
 */
static bool fault_in_chunk(struct iopt_populate *populate)
{
	long chunk = atomic_long_dec_return(&populate->chunk);
	unsigned long first, end, uaddr;
	long n = 1;

	/* In the chunk that the caller pins, a worker would be in its way. */
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

static int populate_worker(void *data)
{
	struct iopt_populate *populate = data;
	struct mem_cgroup *memcg;
	unsigned int flags;

	/* From here on the SIGKILL of iopt_populate_stop() ends any sleep. */
	allow_kernel_signal(SIGKILL);
	/* As pinning does, allocate no memory that would have to be moved. */
	flags = memalloc_pin_save();
	memcg = set_active_memcg(populate->memcg);
	set_mems_allowed(populate->mems);
	while (!READ_ONCE(populate->stop) && fault_in_chunk(populate))
		cond_resched();
	set_active_memcg(memcg);
	memalloc_pin_restore(flags);
	return 0;
}

/* A memory policy of the thread, other than one of the VMA, binds no worker. */
static bool has_mempolicy(void)
{
#ifdef CONFIG_NUMA
	return current->mempolicy;
#else
	return false;
#endif
}

/* Tell whether the caller will fail to pin some of the memory. */
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
 * Guess how many of @npages pages from @uaddr on a worker could fault in.  If
 * some of them cannot be pinned, the result is 0, since the work would be for
 * nothing.
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
		if (!vma || !worker_may_fault(vma))
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

/*
 * Workers run on CPUs of the caller that are on its node, where its memory
 * comes from.
 */
static unsigned int choose_cpus(struct cpumask *cpus)
{
	cpumask_and(cpus, &current->cpus_mask, cpumask_of_node(numa_node_id()));
	return cpumask_weight(cpus);
}

static void add_worker(struct iopt_populate *populate)
{
	struct task_struct *worker;

	worker = kthread_create(populate_worker, populate, "iommufd/%d",
				task_pid_nr(current));
	if (IS_ERR(worker))
		return;
	get_task_struct(worker);
	populate->workers[populate->nworkers++] = worker;
	set_user_nice(worker,
		      min(task_nice(current) + POPULATE_NICER, MAX_NICE));
	/* By 7.2, a thread that starts without being bound gets all CPUs. */
	kthread_bind(worker, cpumask_first(&populate->cpus));
	/* A worker that may not run on these CPUs is not started. */
	if (!set_cpus_allowed_ptr(worker, &populate->cpus))
		wake_up_process(worker);
}

static struct iopt_populate *populate_alloc(unsigned long base,
					    const unsigned long *index,
					    unsigned long last,
					    unsigned int nworkers)
{
	struct iopt_populate *populate;

	populate = kzalloc(struct_size(populate, workers, nworkers),
			   GFP_KERNEL_ACCOUNT);
	if (!populate)
		return NULL;
	populate->mm = current->mm;
	populate->memcg = get_mem_cgroup_from_mm(current->mm);
	task_lock(current);
	populate->mems = cpuset_current_mems_allowed;
	task_unlock(current);
	populate->base = untagged_addr(base);
	populate->index = index;
	populate->last = last;
	atomic_long_set(&populate->chunk, (last >> IOPT_CHUNK_SHIFT) + 1);
	return populate;
}

/**
 * iopt_populate_start() - Start workers that fault in memory
 * @base: User address of index 0, in the current process; the memory is going
 *	to be written by devices.
 * @index: First index that is not pinned yet; the caller updates it while it
 *	pins.
 * @last: Last index that the caller is going to pin.
 *
 * Context: Process context.
 *
 * Return: the workers, for iopt_populate_stop(), or NULL if only the caller
 * faults in memory.
 */
struct iopt_populate *iopt_populate_start(unsigned long base,
					  const unsigned long *index,
					  unsigned long last)
{
	unsigned int nthreads = min(READ_ONCE(populate_threads),
				    num_online_cpus());
	unsigned long least = READ_ONCE(populate_mib);
	unsigned long npages = last - *index + 1;
	struct iopt_populate *populate;

	least = max(least, 1UL) << (20 - PAGE_SHIFT);
	if (npages < least || nthreads < 2 || has_mempolicy())
		return NULL;

	populate = populate_alloc(base, index, last, nthreads - 1);
	if (!populate)
		return NULL;
	nthreads = min(nthreads, choose_cpus(&populate->cpus));
	/* Workers pay off if half of populate_mib is missing. */
	if (nthreads > 1 &&
	    npages_missing(populate->base + *index * PAGE_SIZE, npages) >=
		    least / 2)
		while (--nthreads)
			add_worker(populate);
	return populate;
}

/**
 * iopt_populate_stop() - Stop workers and wait for their end
 * @populate: The workers, or NULL.
 *
 * Context: Process context.
 */
void iopt_populate_stop(struct iopt_populate *populate)
{
	unsigned int i;

	if (!populate)
		return;
	WRITE_ONCE(populate->stop, true);
	for (i = 0; i < populate->nworkers; i++) {
		set_user_nice(populate->workers[i], task_nice(current));
		send_sig(SIGKILL, populate->workers[i], 1);
	}
	for (i = 0; i < populate->nworkers; i++) {
		kthread_stop(populate->workers[i]);
		put_task_struct(populate->workers[i]);
	}
	mem_cgroup_put(populate->memcg);
	kfree(populate);
}

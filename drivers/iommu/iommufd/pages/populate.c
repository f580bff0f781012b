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
 *
 * Workers enter the cgroups of the caller, so that their CPU time counts as the
 * caller's.  They are no threads of the caller's process, as vhost_task would
 * make them: such a thread freezes and stops along with its process, and the
 * caller, which does so only when it leaves the kernel, would wait for it.
 */
#include <linux/cgroup.h>
#include <linux/cpumask.h>
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
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
 * struct populate_worker - A worker
 * @populate: All workers of the call.
 * @task: The thread, with a reference to it.
 * @node: The node on whose CPUs it runs.
 */
struct populate_worker {
	struct iopt_populate *populate;
	struct task_struct *task;
	int node;
};

/**
 * struct iopt_populate - Workers that fault in memory for a caller
 * @caller: The caller, which does not return before the workers have ended.
 * @mm: Its address space.
 * @memcg: The memory cgroup that the memory of @mm and its page tables are
 *	charged to.
 * @cpus: The CPUs that the caller may run on.
 * @nodes: The nodes on whose CPUs workers run.
 * @cpu: The CPU that the caller runs on.
 * @base: User address of page index 0.
 * @index: First index that the caller has not pinned yet.
 * @last: Last index.
 * @chunk: The lowest chunk of indexes that a worker has taken; workers take
 *	chunks in descending order.
 * @stop: The workers are to end.
 * @nworkers: Number of @workers.
 * @workers: The workers.
 */
struct iopt_populate {
	struct task_struct *caller;
	struct mm_struct *mm;
	struct mem_cgroup *memcg;
	struct cpumask cpus;
	nodemask_t nodes;
	unsigned int cpu;
	unsigned long base;
	const unsigned long *index;
	unsigned long last;
	atomic_long_t chunk;
	bool stop;
	unsigned int nworkers;
	struct populate_worker workers[];
};

/*
 * Tell whether a worker may fault in memory of a VMA for the caller.  Files of
 * file systems must not be accessed before it is known that they can be pinned.
 * With userfaultfd, user space sees which thread faults.
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

/*
 * Enter the cgroups of the caller.  To move a thread waits for RCU, so this is
 * left out if the thread is in these cgroups already.
 */
static int worker_attach(struct task_struct *caller)
{
#ifdef CONFIG_CGROUPS
	if (rcu_access_pointer(current->cgroups) ==
	    rcu_access_pointer(caller->cgroups))
		return 0;
#endif
	return cgroup_attach_task_all(caller, current);
}

/*
 * Run on the worker's CPUs only.  A thread that enters a cpuset gets the CPUs
 * of the cpuset, and by 7.2 one that starts gets all CPUs, so this comes after
 * both.  A thread that kthread_bind() has bound could not enter a cpuset.
 */
static int worker_set_cpus(const struct populate_worker *worker)
{
	cpumask_var_t cpus;
	int rc;

	if (!alloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	cpumask_and(cpus, &worker->populate->cpus,
		    cpumask_of_node(worker->node));
	rc = set_cpus_allowed_ptr(current, cpus);
	free_cpumask_var(cpus);
	return rc;
}

/* A worker that cannot be where it belongs does nothing. */
static int worker_run(void *data)
{
	struct populate_worker *worker = data;
	struct iopt_populate *populate = worker->populate;
	struct mem_cgroup *memcg;
	unsigned int flags;

	/* From here on the SIGKILL of iopt_populate_stop() ends killable waits. */
	allow_kernel_signal(SIGKILL);
	if (READ_ONCE(populate->stop) || worker_attach(populate->caller) ||
	    worker_set_cpus(worker))
		return 0;
	/* As pinning does, allocate no memory that would have to be moved. */
	flags = memalloc_pin_save();
	memcg = set_active_memcg(populate->memcg);
	while (!READ_ONCE(populate->stop) && fault_in_chunk(populate))
		cond_resched();
	set_active_memcg(memcg);
	memalloc_pin_restore(flags);
	return 0;
}

/*
 * A memory policy of the thread, other than one of a VMA, does not hold for a
 * worker, and no function is exported that copies it.
 */
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

/* Number of CPUs of a node for workers */
static unsigned int ncpus_of_node(const struct iopt_populate *populate,
				  int node)
{
	unsigned int cpu, n = 0;

	for_each_cpu_and(cpu, &populate->cpus, cpumask_of_node(node))
		n += cpu != populate->cpu;
	return n;
}

/*
 * Add the nodes that the policy of @vma names.  Returns false if there is none,
 * so that memory comes from the node of the thread that faults it in.  A policy
 * for shmem belongs to the file, and counts as none: it is not accessible.
 */
static bool add_nodes(nodemask_t *nodes, const struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	const struct mempolicy *policy = vma->vm_policy;

	if (policy && policy->mode != MPOL_LOCAL &&
	    !nodes_empty(policy->nodes)) {
		nodes_or(*nodes, *nodes, policy->nodes);
		return true;
	}
#endif
	return false;
}

/*
 * Choose the nodes on whose CPUs workers run: those that policies name, if all
 * of the memory has one.  Otherwise the caller's node, where memory without a
 * policy would come from if the caller faulted it in.
 */
static void choose_nodes(struct iopt_populate *populate, unsigned long uaddr,
			 unsigned long npages)
{
	unsigned long end = uaddr + npages * PAGE_SIZE;
	nodemask_t *nodes = &populate->nodes;
	struct vm_area_struct *vma;
	bool named = true;
	int node;

	nodes_clear(*nodes);
	if (mmap_read_lock_killable(current->mm))
		return;
	for (; named && uaddr < end; uaddr = vma->vm_end) {
		vma = vma_lookup(current->mm, uaddr);
		named = vma && add_nodes(nodes, vma);
		if (!vma)
			break;
	}
	mmap_read_unlock(current->mm);

	for_each_node_mask(node, *nodes)
		if (!node_online(node) || !ncpus_of_node(populate, node))
			node_clear(node, *nodes);
	if (!named || nodes_empty(*nodes))
		*nodes = nodemask_of_node(numa_node_id());
}

static bool add_worker(struct iopt_populate *populate, int node)
{
	struct populate_worker *worker =
		&populate->workers[populate->nworkers];

	worker->populate = populate;
	worker->node = node;
	worker->task = kthread_create(worker_run, worker, "iommufd/%d",
				      task_pid_nr(current));
	if (IS_ERR(worker->task))
		return false;
	get_task_struct(worker->task);
	populate->nworkers++;
	set_user_nice(worker->task,
		      min(task_nice(current) + POPULATE_NICER, MAX_NICE));
	wake_up_process(worker->task);
	return true;
}

/*
 * Add workers on all nodes in turn, as long as a node has CPUs for them.  The
 * caller's node comes last.
 */
static void add_workers(struct iopt_populate *populate, unsigned int nworkers)
{
	int i, nnodes = nodes_weight(populate->nodes);
	int node = cpu_to_node(populate->cpu);
	unsigned int round, before;

	for (round = 0; populate->nworkers < nworkers; round++) {
		before = populate->nworkers;
		for (i = 0; i < nnodes && populate->nworkers < nworkers; i++) {
			node = next_node_in(node, populate->nodes);
			if (round < ncpus_of_node(populate, node) &&
			    !add_worker(populate, node))
				return;
		}
		if (populate->nworkers == before)
			return;
	}
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
	populate->caller = current;
	populate->mm = current->mm;
	populate->memcg = get_mem_cgroup_from_mm(current->mm);
	cpumask_copy(&populate->cpus, &current->cpus_mask);
	populate->cpu = raw_smp_processor_id();
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
	unsigned long least = READ_ONCE(populate_mib);
	unsigned long npages = last - *index + 1;
	struct iopt_populate *populate;
	unsigned int nthreads;
	unsigned long uaddr;

	least = max(least, 1UL) << (20 - PAGE_SHIFT);
	if (npages < least)
		return NULL;
	nthreads = min3(READ_ONCE(populate_threads), num_online_cpus(),
			cpumask_weight(&current->cpus_mask));
	if (nthreads < 2 || has_mempolicy())
		return NULL;

	populate = populate_alloc(base, index, last, nthreads - 1);
	if (!populate)
		return NULL;
	uaddr = populate->base + *index * PAGE_SIZE;
	/* Workers pay off if half of populate_mib is missing. */
	if (npages_missing(uaddr, npages) >= least / 2) {
		choose_nodes(populate, uaddr, npages);
		add_workers(populate, nthreads - 1);
	}
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
	struct populate_worker *worker;
	unsigned int i;

	if (!populate)
		return;
	WRITE_ONCE(populate->stop, true);
	for (i = 0; i < populate->nworkers; i++) {
		worker = &populate->workers[i];
		set_user_nice(worker->task, task_nice(current));
		send_sig(SIGKILL, worker->task, 1);
	}
	for (i = 0; i < populate->nworkers; i++) {
		worker = &populate->workers[i];
		kthread_stop(worker->task);
		put_task_struct(worker->task);
	}
	mem_cgroup_put(populate->memcg);
	kfree(populate);
}

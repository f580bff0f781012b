// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers run on the nodes that the policies of mappings name, each on the CPUs
 * of one node; without a policy on the caller's node.  Memory comes from where
 * the policies have it come from.
 */
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "populate.h"

#define AT		(64 * MiB)
#define MEMORY		(64 * MiB)
#define NPAGES		((long)(MEMORY / PAGE))
#define NNODES		2
#define NODE		"/sys/devices/system/node/node"
#define BOTH		3UL
#define ROUNDS		50

/* The CPUs of each node */
static char cpus[NNODES][32];

static int read_nodes(void)
{
	char path[64];
	int i, n;
	FILE *f;

	for (i = 0; i < NNODES; i++) {
		snprintf(path, sizeof(path), NODE "%d/cpulist", i);
		f = fopen(path, "re");
		if (!f)
			return -errno;
		n = fscanf(f, "%31s", cpus[i]);
		fclose(f);
		if (n != 1)
			return -ENOENT;
	}
	return strcmp(cpus[0], cpus[1]) ? 0 : -EEXIST;
}

/* Number of pinned pages of a node, -1 if it is not known */
static long pinned_of_node(int node)
{
	char path[64];

	snprintf(path, sizeof(path), NODE "%d/vmstat", node);
	/* pinned() has the kernel sum up the counts of CPUs. */
	return pinned() < 0 ? -1 : pinned_of(path);
}

/* A call in a thread of its own */
struct caller {
	pthread_t thread;
	struct context *context;
	char *va;
	atomic_bool done;
	int rc;
};

static void *caller_run(void *arg)
{
	struct caller *c = arg;

	c->rc = ioas_map(c->context->fd, c->context->ioas_id, c->va, MEMORY,
			 AT);
	c->done = true;
	return NULL;
}

/* The nodes on which workers were seen at work, and elsewhere */
struct seen {
	unsigned long nodes;
	unsigned int elsewhere;
};

/* A worker has its CPUs from its first page fault on. */
static int look(const char *id, void *arg)
{
	struct seen *seen = arg;
	struct stat_line stat;
	char list[32];
	int i;

	if (read_stat(id, &stat) || !stat.faults || read_cpus(id, list))
		return 0;
	for (i = 0; i < NNODES && strcmp(list, cpus[i]); i++)
		;
	if (i < NNODES)
		seen->nodes |= 1UL << i;
	else
		seen->elsewhere++;
	return 0;
}

FIXTURE(nodes)
{
	struct context context;
	char *va;
	long pinned[NNODES];
	bool there;
};

FIXTURE_VARIANT(nodes)
{
	int mode;
	unsigned long nodes;	/* of the mapping's policy, or 0: none */
};

FIXTURE_VARIANT_ADD(nodes, of_no_policy)
{
};

FIXTURE_VARIANT_ADD(nodes, of_an_interleaved_mapping)
{
	.mode = MPOL_INTERLEAVE,
	.nodes = BOTH,
};

FIXTURE_VARIANT_ADD(nodes, of_a_mapping_bound_to_node_0)
{
	.mode = MPOL_BIND,
	.nodes = 1,
};

FIXTURE_VARIANT_ADD(nodes, of_a_mapping_bound_to_node_1)
{
	.mode = MPOL_BIND,
	.nodes = 2,
};

FIXTURE_SETUP(nodes)
{
	int i;

	ASSERT_EQ(0, context_open(&self->context));
	ASSERT_EQ(0, write_file(THREADS, "4"));
	self->there = !read_nodes();
	if (!self->there)
		return;
	self->va = missing(MEMORY);
	ASSERT_NE(NULL, self->va);
	if (variant->nodes) {
		ASSERT_EQ(0, syscall(SYS_mbind, self->va, MEMORY, variant->mode,
				     &variant->nodes,
				     8 * sizeof(variant->nodes), 0));
	}
	for (i = 0; i < NNODES; i++) {
		self->pinned[i] = pinned_of_node(i);
		ASSERT_LE(0, self->pinned[i]);
	}
}

FIXTURE_TEARDOWN(nodes)
{
	EXPECT_TRUE(context_close(&self->context));
}

/* Until workers have been seen on all these nodes in the same call */
TEST_F_TIMEOUT(nodes, have_the_workers, 240)
{
	struct context *context = &self->context;
	struct seen seen = { };
	long n[NNODES];
	int i, j;

	if (!self->there)
		SKIP(return, "needs a VM with two nodes (profile nodes)");
	for (i = 0; i < ROUNDS && (!seen.nodes || seen.nodes != variant->nodes);
	     i++) {
		struct caller caller = {
			.context = context,
			.va = self->va,
		};

		seen.nodes = 0;
		ASSERT_EQ(0, pthread_create(&caller.thread, NULL, caller_run,
					    &caller));
		while (!caller.done) {
			ASSERT_EQ(0, look_at_helpers(HELPERS, look, &seen));
			usleep(1000);
		}
		ASSERT_EQ(0, pthread_join(caller.thread, NULL));
		ASSERT_EQ(0, caller.rc);
		for (j = 0; j < NNODES; j++)
			n[j] = pinned_of_node(j) - self->pinned[j];
		ASSERT_EQ(MEMORY, ioas_empty(context->fd, context->ioas_id));
		ASSERT_EQ(0, madvise(self->va, MEMORY, MADV_DONTNEED));

		EXPECT_EQ(0, seen.elsewhere);
		EXPECT_EQ(NPAGES, n[0] + n[1]);
		for (j = 0; variant->nodes && j < NNODES; j++) {
			long all = variant->nodes == BOTH ? NPAGES / 2 : NPAGES;

			EXPECT_EQ(variant->nodes >> j & 1 ? all : 0, n[j]);
		}
		if (seen.nodes && !variant->nodes) {
			/* Without a policy, they share one node. */
			EXPECT_NE(BOTH, seen.nodes);
			break;
		}
	}
	if (variant->nodes)
		EXPECT_EQ(variant->nodes, seen.nodes);
	EXPECT_NE(0, seen.nodes);
	TH_LOG("%d calls", i);
}

TEST_HARNESS_MAIN

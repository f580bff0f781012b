/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Workers: processes of users without privilege that make calls when they are
 * asked to.  Functions return 0 or -errno.
 */
#ifndef IOMMU_WORKER_H
#define IOMMU_WORKER_H

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common.h"

#define ROOT	0
#define ALICE	12345
#define BOB	12346

struct worker {
	pid_t pid;
	int sock;
};

/* As fork(): returns 0 in the worker, where w->sock is its end, else its pid */
static inline int worker_fork(struct worker *w)
{
	int socks[2], child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks))
		return -errno;
	w->pid = fork();
	if (w->pid < 0)
		return -errno;
	child = !w->pid;
	close(socks[!child]);
	w->sock = socks[child];
	return w->pid;
}

/* In the worker: become a user who may lock this number of pages. */
static inline int worker_become(uid_t uid, unsigned long limit)
{
	struct rlimit memlock = { limit * PAGE, limit * PAGE };

	return setrlimit(RLIMIT_MEMLOCK, &memlock) ||
	       setresuid(uid, uid, uid) ? -errno : 0;
}

/* Send the worker a request; returns its answer. */
static inline int worker_ask(struct worker *w, const void *request, size_t size)
{
	int rc;

	if (write(w->sock, request, size) != (ssize_t)size)
		return -EPIPE;
	return read(w->sock, &rc, sizeof(rc)) == sizeof(rc) ? rc : -EPIPE;
}

static inline bool worker_answer(struct worker *w, int rc)
{
	return write(w->sock, &rc, sizeof(rc)) == sizeof(rc);
}

/* The pages that the kernel counts for a process, limited or not */
static inline long vm_pin(const struct worker *w)
{
	char path[64], line[128];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", w->pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %ld kB", &kb) == 1)
			break;
	fclose(f);
	return kb * 1024 / (long)PAGE;
}

static inline void worker_stop(struct worker *w)
{
	if (w->pid <= 0)
		return;
	close(w->sock);
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	w->pid = 0;
}

#endif

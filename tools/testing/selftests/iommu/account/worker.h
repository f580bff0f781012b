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

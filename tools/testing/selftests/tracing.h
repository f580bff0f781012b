/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, and calls of kernel functions by this process: a buffer of the
 * test's own, and the number of events in it.
 */
#ifndef SELFTESTS_TRACING_H
#define SELFTESTS_TRACING_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACING		"/sys/kernel/tracing"
/* A buffer of this test's own */
#define INSTANCE	TRACING "/instances/selftests"

/* The content of a file, up to a limit; or an empty string */
static inline const char *contents(const char *path)
{
	static char text[1 << 16];
	size_t length = 0;
	FILE *file = fopen(path, "re");

	if (file) {
		length = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[length] = 0;
	return text;
}

/* Some files take one word at a time. */
static inline int store(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC), rc = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	for (; !rc && *text; text += n) {
		n = write(fd, text, strlen(text));
		if (n <= 0)
			rc = n ? -errno : -EIO;
	}
	close(fd);
	return rc;
}

/* Number of events "NAME: FIELDS" since forget_events() */
static inline int events(const char *event)
{
	char line[256];
	const char *at;
	int n = 0;

	snprintf(line, sizeof(line), ": %s\n", event);
	for (at = contents(INSTANCE "/trace"); (at = strstr(at, line)); at++)
		n++;
	return n;
}

static inline void forget_events(void)
{
	store(INSTANCE "/trace", "\n");
}

#define EVENT(fmt, ...)							\
({									\
	static char _event[128];					\
									\
	snprintf(_event, sizeof(_event), fmt, __VA_ARGS__);		\
	_event;								\
})

/* Number of calls of a function since tracing_start_calls() */
static inline int calls(const char *function)
{
	char line[256];
	const char *at;
	int n = 0;

	snprintf(line, sizeof(line), ": %s <-", function);
	for (at = contents(INSTANCE "/trace"); (at = strstr(at, line)); at++)
		n++;
	return n;
}

static inline int tracing_mkdir(void)
{
	if (access(TRACING "/events", F_OK) &&
	    mount("tracefs", TRACING, "tracefs", 0, NULL))
		return -errno;
	rmdir(INSTANCE);
	return mkdir(INSTANCE, 0700) ? -errno : 0;
}

/* Begin to record the events of a system in the buffer: 0 or -errno */
static inline int tracing_start(const char *system)
{
	char path[128];
	int rc = tracing_mkdir();

	snprintf(path, sizeof(path), INSTANCE "/events/%s/enable", system);
	return rc ?: store(path, "1");
}

/*
 * Begin to record calls of kernel functions, named with a space between, by
 * this thread: 0 or -errno
 */
static inline int tracing_start_calls(const char *functions)
{
	char tid[16];
	int rc = tracing_mkdir();

	snprintf(tid, sizeof(tid), "%d", gettid());
	return rc ?: store(INSTANCE "/set_ftrace_filter", functions) ?:
	       store(INSTANCE "/set_ftrace_pid", tid) ?:
	       store(INSTANCE "/current_tracer", "function");
}

static inline int tracing_stop(void)
{
	return rmdir(INSTANCE) ? -errno : 0;
}

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kselftest_harness.h, with time limits that fit the kernel: a debug kernel is
 * several times slower (TIME_FACTOR in the environment).
 */
#ifndef SELFTESTS_PATIENCE_H
#define SELFTESTS_PATIENCE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline unsigned int time_factor(void)
{
	const char *factor = getenv("TIME_FACTOR");

	return factor ? atoi(factor) : 1;
}

/* Whether the kernel is one that looks for mistakes, in which long tests pay off */
static inline bool in_debug_kernel(void)
{
	const char *kernel = getenv("KERNEL");

	return kernel && !strncmp(kernel, "debug", 5);
}

/*
 * Rounds of a loop that looks for a rare event: as many as take no longer than
 * usual.
 */
static inline unsigned int patient_rounds(unsigned int rounds)
{
	return rounds / time_factor();
}

/*
 * Step of a loop over all cases.  In a loop over the bytes of some pages, each
 * offset in a word, and the last byte of a page, are still among them.
 */
static inline unsigned int patient_step(void)
{
	return time_factor() == 1 ? 1 : 7;
}

/* Skip all tests of this program: before main() sets anything up */
#define SKIP_PROGRAM_IF(condition, reason)				\
static void __attribute__((constructor)) skip_program(void)		\
{									\
	if (condition) {						\
		puts("1..0 # SKIP " reason);				\
		exit(4);						\
	}								\
}

/* How the harness sets a test's limit; no test uses alarm() itself */
#define alarm(seconds) alarm((seconds) * time_factor())
#include <kselftest_harness.h>
#undef alarm

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Threads that make calls all at once, until the test says that it is enough */
#ifndef SELFTESTS_RACE_H
#define SELFTESTS_RACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "patience.h"

#define RACE_MAX	4	/* threads */

/* What all threads look at; the first member of what a test's threads share */
struct race {
	atomic_bool stop;
	atomic_int failed;		/* an errno that no call may have */
	atomic_int rounds[RACE_MAX];	/* of each thread, as it counts them */
	unsigned int n;
	pthread_t threads[RACE_MAX];
};

static inline void race_expect(struct race *race, int rc)
{
	if (rc)
		race->failed = rc;
}

/* End the threads: 0 or -errno. */
static inline int race_end(struct race *race)
{
	int rc = 0;

	race->stop = true;
	while (race->n)
		rc = -pthread_join(race->threads[--race->n], NULL) ?: rc;
	return rc;
}

/* Start a thread for each function, which gets the race: 0 or -errno. */
static inline int race_begin(struct race *race,
			     void *(*const fns[])(void *arg), unsigned int n)
{
	int rc;

	for (race->n = 0; race->n < n; race->n++) {
		rc = -pthread_create(&race->threads[race->n], NULL,
				     fns[race->n], race);
		if (rc) {
			race_end(race);
			return rc;
		}
	}
	return 0;
}

/* Let the threads run for some seconds: 0 or -errno. */
static inline int race_run(struct race *race, void *(*const fns[])(void *arg),
			   unsigned int n, unsigned int seconds)
{
	int rc = race_begin(race, fns, n);

	if (rc)
		return rc;
	sleep(seconds * time_factor());
	return race_end(race);
}

static inline bool race_has_rounds(const struct race *race, int least)
{
	unsigned int i;

	for (i = 0; i < race->n; i++)
		if (race->rounds[i] <= least)
			return false;
	return true;
}

/*
 * The same, but a busy machine may need longer until each thread has made more than
 * @least rounds.  Ends when a call has failed.
 */
static inline int race_run_rounds(struct race *race,
				  void *(*const fns[])(void *arg),
				  unsigned int n, unsigned int seconds, int least)
{
	int rc = race_begin(race, fns, n);

	if (rc)
		return rc;
	sleep(seconds * time_factor());
	while (!race->failed && !race_has_rounds(race, least))
		sleep(1);
	return race_end(race);
}

#endif

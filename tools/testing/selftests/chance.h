/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests at random have in common: chance by a seed, and settings */
#ifndef SELFTESTS_CHANCE_H
#define SELFTESTS_CHANCE_H

#include <stdlib.h>
#include <linux/types.h>

/* The state at the start of the sequence of a seed: any but 0 */
static inline __u64 chance_begin(__u64 seed)
{
	return seed * 0x9e3779b97f4a7c15ULL ?: 1;
}

/* The next number below n, by xorshift64 */
static inline unsigned int chance_below(__u64 *state, unsigned int n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (*state >> 16) % n;
}

/* A number from the environment */
static inline __u64 setting(const char *name, __u64 value)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : value;
}

#endif

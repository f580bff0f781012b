/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands of iommuctl */
#ifndef IOMMUCTL_H
#define IOMMUCTL_H

#include <stdbool.h>

struct json_object;

/**
 * struct options - the options of the command line
 * @json: print JSON
 * @memory: check: bytes that are to be mapped, 0 if not given
 * @delay: top: seconds between two samples
 * @count: top: number of samples, 0 for no end
 */
struct options {
	bool json;
	unsigned long long memory;
	double delay;
	unsigned long count;
};

/* Each returns an exit code; @args follow the command, NULL at their end. */
int cmd_list(const struct options *opt, char **args);
int cmd_check(const struct options *opt, char **args);
int cmd_top(const struct options *opt, char **args);

/* Print and free @json: over several lines, or on one for a stream of them. */
void print_json(struct json_object *json, bool one_line);

#endif

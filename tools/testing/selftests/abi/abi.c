// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares the headers in uapi/, and that of the mock IOMMU, with the tables
 * beside this file.  A check that fails means that a header is wrong, never a
 * table.
 */
#include <stddef.h>
#include <stdio.h>

#include <linux/iommufd.h>
#include <linux/vfio_cdev.h>

#include "iommufd_test.h"

static const struct {
	const char *name;
	unsigned long long got;
	unsigned long long want;
} checks[] = {
#include "checks.inc"
	{ }
};

int main(void)
{
	unsigned int n, failed = 0;

	printf("TAP version 13\n");
	for (n = 0; checks[n].name; n++) {
		if (checks[n].got == checks[n].want) {
			printf("ok %u %s\n", n + 1, checks[n].name);
			continue;
		}
		failed++;
		printf("not ok %u %s\n# is %#llx, must be %#llx\n", n + 1,
		       checks[n].name, checks[n].got, checks[n].want);
	}
	printf("1..%u\n", n);
	return failed != 0;
}

// SPDX-License-Identifier: GPL-2.0-only
/* Modules of the kernel */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "module.h"

int module_load(const char *name, const char *path)
{
	char command[64];

	if (!access(path, F_OK))
		return 0;
	snprintf(command, sizeof(command), "modprobe %s", name);
	return system(command) ? -ENODEV : 0;
}

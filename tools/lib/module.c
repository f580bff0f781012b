// SPDX-License-Identifier: GPL-2.0-only
/* Modules of the kernel */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module.h"

int module_load(const char *name, const char *path)
{
	char command[256];

	if (!access(path, F_OK))
		return 0;
	snprintf(command, sizeof(command), "modprobe %s", name);
	return system(command) ? -ENODEV : 0;
}

int module_unload(const char *name, const char *path)
{
	if (access(path, F_OK))
		return 0;
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

int vfio_pci_reload(const char *parameters)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "modprobe -r vfio-pci && modprobe vfio-pci %s", parameters);
	return system(command);
}

int module_users(const char *name)
{
	char path[128];
	int users, n;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fscanf(f, "%d", &users);
	fclose(f);
	return n == 1 ? users : -EIO;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of sysfs, procfs and the like: one write is one command. */
#ifndef LIB_FILE_H
#define LIB_FILE_H

/* Returns 0 or a negative errno. */
int write_file(const char *path, const char *text);

#endif

/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by all parts of iommuctl: errors, memory, files below a root */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <dirent.h>
#include <pci/types.h>
#include <sys/stat.h>

/* Exit codes, see Documentation/iommuctl.md */
enum {
	EXIT_OK,
	EXIT_IN_THE_WAY,	/* check: a device cannot be bound */
	EXIT_USAGE,		/* bad arguments */
	EXIT_SYSTEM,		/* the state of the system could not be read */
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
/* Print one line to standard error and exit. */
noreturn void die(int code, const char *fmt, ...) PCI_PRINTF(2, 3);

/* These exit when there is no memory. */
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);
char *xformat(const char *fmt, ...) PCI_PRINTF(1, 2);

/*
 * Absolute paths below a root, by default /.  The environment variable
 * IOMMUCTL_ROOT names another one, for tests.
 */
void root_init(void);
char *root_path(const char *fmt, ...) PCI_PRINTF(1, 2);
bool root_exists(const char *fmt, ...) PCI_PRINTF(1, 2);
FILE *root_open(const char *fmt, ...) PCI_PRINTF(1, 2);
DIR *root_opendir(const char *fmt, ...) PCI_PRINTF(1, 2);
bool root_stat(struct stat *st, const char *fmt, ...) PCI_PRINTF(2, 3);

/* First line of a file without its end, or false and an empty string. */
bool root_read(char *buf, size_t size, const char *fmt, ...) PCI_PRINTF(3, 4);

/* Last component of a link's target, or false and an empty string. */
bool root_link(char *buf, size_t size, const char *fmt, ...) PCI_PRINTF(3, 4);

/* The device number in a file of the form MAJOR:MINOR, or 0. */
dev_t root_dev(const char *fmt, ...) PCI_PRINTF(1, 2);

/* The next entry of a directory but "." and "..". */
const char *next_entry(DIR *dir);

/* Bytes for people, such as "8 MiB" or "1.5 GiB". */
#define SIZE_LEN 16
const char *size_text(char buf[SIZE_LEN], unsigned long long bytes);

#endif

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util.h"

static const char *root = "";

void die(int code, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fputs("iommuctl: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(code);
}

void *xrealloc(void *old, size_t size)
{
	void *new = realloc(old, size);

	if (!new)
		die(EXIT_SYSTEM, "out of memory");
	return new;
}

char *xstrdup(const char *s)
{
	size_t size = strlen(s) + 1;

	return memcpy(xrealloc(NULL, size), s, size);
}

static char *vformat(const char *fmt, va_list ap)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		die(EXIT_SYSTEM, "cannot format a text");
	text = xrealloc(NULL, len + 1);
	vsnprintf(text, len + 1, fmt, ap);
	return text;
}

char *xformat(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = vformat(fmt, ap);
	va_end(ap);
	return text;
}

void root_init(void)
{
	const char *dir = getenv("IOMMUCTL_ROOT");

	if (dir)
		root = dir;
}

static char *vpath(const char *fmt, va_list ap)
{
	char *below = vformat(fmt, ap);
	char *path = xformat("%s%s", root, below);

	free(below);
	return path;
}

char *root_path(const char *fmt, ...)
{
	va_list ap;
	char *path;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	return path;
}

static bool stat_path(struct stat *st, const char *fmt, va_list ap)
{
	char *path = vpath(fmt, ap);
	bool found = !stat(path, st);

	free(path);
	return found;
}

bool root_exists(const char *fmt, ...)
{
	struct stat st;
	va_list ap;
	bool found;

	va_start(ap, fmt);
	found = stat_path(&st, fmt, ap);
	va_end(ap);
	return found;
}

bool root_stat(struct stat *st, const char *fmt, ...)
{
	va_list ap;
	bool found;

	va_start(ap, fmt);
	found = stat_path(st, fmt, ap);
	va_end(ap);
	return found;
}

FILE *root_open(const char *fmt, ...)
{
	va_list ap;
	char *path;
	FILE *file;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	file = fopen(path, "re");
	free(path);
	return file;
}

DIR *root_opendir(const char *fmt, ...)
{
	va_list ap;
	char *path;
	DIR *dir;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	dir = opendir(path);
	free(path);
	return dir;
}

static bool read_line(char *buf, size_t size, const char *path)
{
	FILE *file = fopen(path, "re");
	bool ok;

	*buf = 0;
	if (!file)
		return false;
	ok = fgets(buf, size, file);
	buf[strcspn(buf, "\n")] = 0;
	fclose(file);
	return ok;
}

bool root_read(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	char *path;
	bool ok;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	ok = read_line(buf, size, path);
	free(path);
	return ok;
}

bool root_link(char *buf, size_t size, const char *fmt, ...)
{
	char target[PATH_MAX], *last;
	va_list ap;
	char *path;
	ssize_t n;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	n = readlink(path, target, sizeof(target) - 1);
	free(path);
	target[n < 0 ? 0 : n] = 0;
	last = strrchr(target, '/');
	snprintf(buf, size, "%s", last ? last + 1 : target);
	return n > 0;
}

dev_t root_dev(const char *fmt, ...)
{
	unsigned int major, minor;
	char line[32];
	va_list ap;
	char *path;
	bool ok;

	va_start(ap, fmt);
	path = vpath(fmt, ap);
	va_end(ap);
	ok = read_line(line, sizeof(line), path) &&
	     sscanf(line, "%u:%u", &major, &minor) == 2;
	free(path);
	return ok ? makedev(major, minor) : 0;
}

const char *next_entry(DIR *dir)
{
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			return entry->d_name;
	return NULL;
}

const char *size_text(char buf[SIZE_LEN], unsigned long long bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB" };
	double size = bytes / 1024.0;
	unsigned int unit = 0;

	while (size >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		size /= 1024;
		unit++;
	}
	snprintf(buf, SIZE_LEN, "%.*f %s",
		 size < 100 && size != (unsigned int)size, size, units[unit]);
	return buf;
}

// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "util.h"

static bool is_wanted(dev_t rdev, const dev_t *wanted, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (wanted[i] && wanted[i] == rdev)
			return true;
	return false;
}

/* Field 22 of stat; the command, in parentheses, may have any character. */
static unsigned long long start_of(pid_t pid)
{
	unsigned long long start = 0;
	char line[1024], *after;

	if (!root_read(line, sizeof(line), "/proc/%d/stat", pid))
		return 0;
	after = strrchr(line, ')');
	if (after)
		sscanf(after,
		       ") %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu",
		       &start);
	return start;
}

/* A process may have any name: leave out what a terminal cannot print. */
static void read_command(char *buf, size_t size, pid_t pid)
{
	root_read(buf, size, "/proc/%d/comm", pid);
	for (; *buf; buf++)
		if (*buf < ' ' || *buf > '~')
			*buf = '?';
}

static void add_file(struct file_list *list, pid_t pid, int fd, dev_t rdev)
{
	struct open_file *file;
	struct stat st;

	list->files = xrealloc(list->files, (list->n + 1) * sizeof(*list->files));
	file = &list->files[list->n++];
	memset(file, 0, sizeof(*file));
	file->rdev = rdev;
	file->pid = pid;
	file->fd = fd;
	file->start = start_of(pid);
	if (root_stat(&st, "/proc/%d", pid))
		file->uid = st.st_uid;
	read_command(file->command, sizeof(file->command), pid);
}

/* Processes that end meanwhile, or that may not be read, are left out. */
static void look_at_process(struct file_list *list, pid_t pid,
			    const dev_t *wanted, size_t n)
{
	DIR *dir = root_opendir("/proc/%d/fd", pid);
	const char *name;
	struct stat st;

	if (!dir)
		return;
	while ((name = next_entry(dir)))
		if (root_stat(&st, "/proc/%d/fd/%s", pid, name) &&
		    S_ISCHR(st.st_mode) && is_wanted(st.st_rdev, wanted, n))
			add_file(list, pid, atoi(name), st.st_rdev);
	closedir(dir);
}

static int compare(const void *a, const void *b)
{
	const struct open_file *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

void files_find(struct file_list *list, const dev_t *wanted, size_t n)
{
	DIR *dir = root_opendir("/proc");
	const char *name;

	list->files = NULL;
	list->n = 0;
	if (!dir)
		die(EXIT_SYSTEM, "cannot open /proc");
	while ((name = next_entry(dir)))
		if (strspn(name, "0123456789") == strlen(name))
			look_at_process(list, atoi(name), wanted, n);
	closedir(dir);
	if (list->n)
		qsort(list->files, list->n, sizeof(*list->files), compare);
}

void files_find_users(struct file_list *list, const struct device_list *devices)
{
	dev_t *wanted = xrealloc(NULL, (2 * devices->n + 1) * sizeof(*wanted));
	size_t i, n = 0;

	for (i = 0; i < devices->n; i++) {
		wanted[n++] = devices->devices[i].node;
		wanted[n++] = host_group_file(devices->devices[i].group);
	}
	files_find(list, wanted, n);
	free(wanted);
}

void files_free(struct file_list *list)
{
	free(list->files);
	list->files = NULL;
	list->n = 0;
}

bool files_all_seen(void)
{
	return !geteuid();
}

enum same_file files_same(const struct open_file *a, const struct open_file *b)
{
	long rc;

	if (a->pid == b->pid && a->fd == b->fd)
		return SAME_FILE;
	rc = syscall(SYS_kcmp, a->pid, b->pid, KCMP_FILE, (long)a->fd,
		     (long)b->fd);
	if (rc < 0)
		return errno == ESRCH || errno == EBADF ? OTHER_FILE : UNKNOWN_FILE;
	return rc ? OTHER_FILE : SAME_FILE;
}

static struct ioas_info *ioas_of(struct iommu_info *info, unsigned int id)
{
	struct ioas_info *ioas;
	size_t i;

	for (i = 0; i < info->nioas; i++)
		if (info->ioas[i].id == id)
			return &info->ioas[i];
	info->ioas = xrealloc(info->ioas, (info->nioas + 1) * sizeof(*info->ioas));
	ioas = &info->ioas[info->nioas++];
	memset(ioas, 0, sizeof(*ioas));
	ioas->id = id;
	return ioas;
}

static void add_device(struct iommu_info *info, unsigned int id,
		       const char *address)
{
	struct device_info *dev;

	info->devices = xrealloc(info->devices, (info->ndevices + 1) *
				 sizeof(*info->devices));
	dev = &info->devices[info->ndevices++];
	dev->id = id;
	snprintf(dev->address, sizeof(dev->address), "%s", address);
}

static void parse_ioas(struct iommu_info *info, unsigned int id,
		       const char *what, unsigned long long number)
{
	struct ioas_info *ioas = ioas_of(info, id);

	if (!strcmp(what, "mapped"))
		ioas->mapped = number * 1024;
	else if (!strcmp(what, "pinned"))
		ioas->pinned = number * 1024;
	else if (!strcmp(what, "mappings"))
		ioas->mappings = number;
}

/* Keys that are not known, of a newer driver, are skipped. */
static void parse_iommu(struct iommu_info *info, const char *key,
			const char *value)
{
	unsigned long long number = strtoull(value, NULL, 10);
	unsigned int id;
	int end = 0;

	info->known = true;
	if (!strcmp(key, "objects"))
		info->objects = number;
	else if (!strcmp(key, "mapped"))
		info->mapped = number * 1024;
	else if (!strcmp(key, "pinned"))
		info->pinned = number * 1024;
	else if (!strcmp(key, "maps"))
		info->maps = number;
	else if (!strcmp(key, "unmaps"))
		info->unmaps = number;
	else if (sscanf(key, "ioas-%u-%n", &id, &end) == 1 && end)
		parse_ioas(info, id, key + end, number);
	else if (sscanf(key, "device-%u%n", &id, &end) == 1 && !key[end])
		add_device(info, id, value);
}

/* Find the next line of fdinfo whose key begins with @prefix. */
static const char *next_key(FILE *file, char *line, size_t size,
			    const char *prefix, const char **value)
{
	size_t len = strlen(prefix);
	char *tab;

	while (fgets(line, size, file)) {
		line[strcspn(line, "\n")] = 0;
		tab = strstr(line, ":\t");
		if (!tab || strncmp(line, prefix, len))
			continue;
		*tab = 0;
		*value = tab + 2;
		return line + len;
	}
	return NULL;
}

static FILE *open_fdinfo(const struct open_file *file)
{
	return root_open("/proc/%d/fdinfo/%d", file->pid, file->fd);
}

bool iommu_info_read(struct iommu_info *info, const struct open_file *file)
{
	FILE *fdinfo = open_fdinfo(file);
	const char *key, *value;
	char line[4096]; /* a path may be in it */

	memset(info, 0, sizeof(*info));
	if (!fdinfo)
		return false;
	while ((key = next_key(fdinfo, line, sizeof(line), "iommufd-", &value)))
		parse_iommu(info, key, value);
	fclose(fdinfo);
	return true;
}

void iommu_info_free(struct iommu_info *info)
{
	free(info->ioas);
	free(info->devices);
	memset(info, 0, sizeof(*info));
}

enum vfio_state vfio_state_read(const struct open_file *file)
{
	FILE *fdinfo = open_fdinfo(file);
	enum vfio_state state = VFIO_UNKNOWN, found;
	const char *key, *value;
	char line[4096]; /* a path may be in it */

	if (!fdinfo)
		return VFIO_UNKNOWN;
	while ((key = next_key(fdinfo, line, sizeof(line), "vfio-", &value))) {
		found = !strcmp(key, "device") ? VFIO_OPEN :
			!strcmp(key, "iommufd-device") ? VFIO_BOUND :
			!strcmp(key, "iommufd-pt") ? VFIO_ATTACHED : VFIO_UNKNOWN;
		if (found > state)
			state = found;
	}
	fclose(fdinfo);
	return state;
}

// SPDX-License-Identifier: GPL-2.0-only
/* iommuctl list: devices, groups, drivers, device files and users */
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "files.h"
#include "host.h"
#include "iommuctl.h"
#include "util.h"

/* A process may have several descriptors of one file: is this not the first? */
static bool is_repeated(const struct file_list *files, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (files->files[j].pid == files->files[i].pid &&
		    files->files[j].rdev == files->files[i].rdev)
			return true;
	return false;
}

/*
 * The state of a device file in a process that may have several descriptors of
 * it; at most one of them is bound.
 */
static enum vfio_state state_of(const struct file_list *files,
				const struct open_file *file)
{
	enum vfio_state state = VFIO_UNKNOWN, other;
	size_t i;

	for (i = 0; i < files->n; i++) {
		if (files->files[i].pid != file->pid ||
		    files->files[i].rdev != file->rdev)
			continue;
		other = vfio_state_read(&files->files[i]);
		if (other > state)
			state = other;
	}
	return state;
}

static const char *const states[] = {
	[VFIO_UNKNOWN] = NULL,
	[VFIO_OPEN] = "open",
	[VFIO_BOUND] = "bound",
	[VFIO_ATTACHED] = "attached",
};

static struct json_object *user_json(const struct file_list *files,
				     const struct open_file *file, bool by_group)
{
	struct json_object *user = json_object_new_object();
	const char *state = by_group ? "group" : states[state_of(files, file)];

	json_object_object_add(user, "pid", json_object_new_int(file->pid));
	json_object_object_add(user, "command",
			       json_object_new_string(file->command));
	json_object_object_add(user, "state",
			       state ? json_object_new_string(state) : NULL);
	return user;
}

/* The processes that have a device's file, or that of its group, open */
static struct json_object *users_json(const struct device *dev,
				      const struct file_list *files)
{
	struct json_object *users = json_object_new_array();
	dev_t group = host_group_file(dev->group);
	size_t i;

	for (i = 0; i < files->n; i++) {
		const struct open_file *file = &files->files[i];
		bool by_group = group && file->rdev == group;

		if ((by_group || (dev->node && file->rdev == dev->node)) &&
		    !is_repeated(files, i))
			json_object_array_add(users, user_json(files, file, by_group));
	}
	return users;
}

static struct json_object *string_or_null(const char *s)
{
	return *s ? json_object_new_string(s) : NULL;
}

static struct json_object *device_json(const struct device *dev,
				       const struct file_list *files)
{
	struct json_object *json = json_object_new_object();
	char path[64] = "";

	if (dev->node)
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", dev->vfio);
	json_object_object_add(json, "address", json_object_new_string(dev->address));
	json_object_object_add(json, "name", json_object_new_string(dev->name));
	json_object_object_add(json, "group", dev->group < 0 ? NULL :
			       json_object_new_int(dev->group));
	json_object_object_add(json, "driver", string_or_null(dev->driver));
	json_object_object_add(json, "node", string_or_null(path));
	json_object_object_add(json, "coherent", dev->coherent < 0 ? NULL :
			       json_object_new_boolean(dev->coherent));
	json_object_object_add(json, "users", users_json(dev, files));
	return json;
}

static const char *text(struct json_object *json, const char *key)
{
	return json_object_get_string(json_object_object_get(json, key)) ?: "-";
}

/* 1234:qemu-system-x86, more of them separated by commas */
static char *users_text(struct json_object *json)
{
	struct json_object *users = json_object_object_get(json, "users");
	size_t i, n = json_object_array_length(users);
	char *line = xstrdup(n ? "" : "-");

	for (i = 0; i < n; i++) {
		struct json_object *user = json_object_array_get_idx(users, i);
		const char *state = text(user, "state");
		char *longer;

		longer = xformat("%s%s%s:%s%s", line, i ? "," : "",
				 text(user, "pid"), text(user, "command"),
				 !strcmp(state, "group") ? "(group)" :
				 !strcmp(state, "open") ? "(open)" : "");
		free(line);
		line = longer;
	}
	return line;
}

#define COLUMNS 6

static void row_of(struct json_object *json, char *row[COLUMNS])
{
	row[0] = xstrdup(text(json, "group"));
	row[1] = xstrdup(text(json, "address"));
	row[2] = xstrdup(text(json, "driver"));
	row[3] = xstrdup(text(json, "node"));
	row[4] = users_text(json);
	row[5] = xstrdup(text(json, "name"));
}

/* The order of the text: by group, those without one last, then by address */
static int compare(const void *a, const void *b)
{
	struct json_object *const *x = a, *const *y = b;
	struct json_object *gx = json_object_object_get(*x, "group");
	struct json_object *gy = json_object_object_get(*y, "group");
	int i = json_object_get_int(gx), j = json_object_get_int(gy);

	if (!gx != !gy)
		return gx ? -1 : 1;
	if (i != j)
		return i < j ? -1 : 1;
	return strcmp(text(*x, "address"), text(*y, "address"));
}

static void print_table(struct json_object *devices)
{
	static char *const head[COLUMNS] = {
		"GROUP", "ADDRESS", "DRIVER", "NODE", "USERS", "DEVICE"
	};
	size_t i, n = json_object_array_length(devices);
	char *(*rows)[COLUMNS] = xrealloc(NULL, (n + 1) * sizeof(*rows));
	int width[COLUMNS] = {}, column;

	memcpy(rows[0], head, sizeof(head));
	for (i = 0; i < n; i++)
		row_of(json_object_array_get_idx(devices, i), rows[i + 1]);
	for (i = 0; i <= n; i++)
		for (column = 0; column < COLUMNS; column++)
			if ((int)strlen(rows[i][column]) > width[column])
				width[column] = strlen(rows[i][column]);
	for (i = 0; i <= n; i++) {
		for (column = 0; column < COLUMNS - 1; column++)
			printf("%-*s  ", width[column], rows[i][column]);
		puts(rows[i][column]);
		for (column = 0; i && column < COLUMNS; column++)
			free(rows[i][column]);
	}
	free(rows);
}

int cmd_list(const struct options *opt, char **args)
{
	struct json_object *json = json_object_new_object();
	struct json_object *devices = json_object_new_array();
	struct device_list list;
	struct file_list files;
	size_t i;

	(void)args;
	host_devices(&list);
	files_find_users(&files, &list);
	for (i = 0; i < list.n; i++)
		json_object_array_add(devices, device_json(&list.devices[i], &files));
	json_object_array_sort(devices, compare);
	json_object_object_add(json, "devices", devices);
	json_object_object_add(json, "all_users",
			       json_object_new_boolean(files_all_seen()));
	if (opt->json) {
		print_json(json, false);
		return EXIT_OK;
	}
	print_table(devices);
	fflush(stdout);
	if (!files_all_seen())
		fprintf(stderr, "iommuctl: other users' processes are seen by root only\n");
	json_object_put(json);
	return EXIT_OK;
}

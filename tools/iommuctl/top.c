// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl top: memory that processes have mapped and pinned, by fdinfo of
 * their files of /dev/iommu
 *
 * Descriptors of one open file, in one process or in several, are one context.
 * A context counts for the process with the lowest ID that has it; the others
 * are named beside that process.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files.h"
#include "iommuctl.h"
#include "util.h"

#define INEXACT \
	"kcmp() is not allowed: a file that is open more than once may count more than once"

/**
 * struct context - an open file of /dev/iommu
 * @holders: descriptors of it, that with the lowest process ID first
 * @n: number of them
 * @info: what fdinfo says
 * @rated: the sample before this one had the context, so it has a rate
 * @maps_rate: mappings made per second since then
 * @unmaps_rate: mappings removed per second
 */
struct context {
	struct open_file *holders;
	size_t n;
	struct iommu_info info;
	bool rated;
	double maps_rate;
	double unmaps_rate;
};

/**
 * struct sample - all contexts at one time
 * @contexts: by the process ID of their first holder
 * @n: number of them
 * @when: seconds of the monotonic clock
 * @interval: seconds since the sample before, 0 if there is none
 * @inexact: kcmp() was not allowed, so a context may be there more than once
 */
struct sample {
	struct context *contexts;
	size_t n;
	double when;
	double interval;
	bool inexact;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static struct context *context_of(struct sample *sample,
				  const struct open_file *file)
{
	size_t i;

	for (i = 0; i < sample->n; i++) {
		switch (files_same(&sample->contexts[i].holders[0], file)) {
		case SAME_FILE:
			return &sample->contexts[i];
		case UNKNOWN_FILE:
			sample->inexact = true;
			break;
		case OTHER_FILE:
			break;
		}
	}
	return NULL;
}

/* NULL if the process has gone, or has closed the file */
static struct context *new_context(struct sample *sample,
				   const struct open_file *file)
{
	struct context *context;
	struct iommu_info info;

	if (!iommu_info_read(&info, file))
		return NULL;
	sample->contexts = xrealloc(sample->contexts, (sample->n + 1) *
				    sizeof(*sample->contexts));
	context = &sample->contexts[sample->n++];
	memset(context, 0, sizeof(*context));
	context->info = info;
	return context;
}

static void add_holder(struct context *context, const struct open_file *file)
{
	context->holders = xrealloc(context->holders, (context->n + 1) *
				    sizeof(*context->holders));
	context->holders[context->n++] = *file;
}

static bool is_holder(const struct context *context, const struct open_file *file)
{
	size_t i;

	for (i = 0; i < context->n; i++)
		if (context->holders[i].pid == file->pid &&
		    context->holders[i].start == file->start &&
		    context->holders[i].fd == file->fd)
			return true;
	return false;
}

/* Find the context in another sample, in which it may have other holders. */
static const struct context *find_again(const struct sample *sample,
					const struct context *context)
{
	size_t i, j;

	for (i = 0; i < sample->n; i++)
		for (j = 0; j < context->n; j++)
			if (is_holder(&sample->contexts[i], &context->holders[j]))
				return &sample->contexts[i];
	return NULL;
}

/* A descriptor may be of another file by now: its counts are lower then. */
static void rate(struct context *context, const struct sample *before,
		 double interval)
{
	const struct context *old = find_again(before, context);
	const struct iommu_info *info = &context->info;

	if (!old || !old->info.known || !info->known ||
	    old->info.maps > info->maps || old->info.unmaps > info->unmaps)
		return;
	context->rated = true;
	context->maps_rate = (info->maps - old->info.maps) / interval;
	context->unmaps_rate = (info->unmaps - old->info.unmaps) / interval;
}

static void sample_take(struct sample *sample, const struct sample *before)
{
	dev_t iommu = host_iommu();
	struct context *context;
	struct file_list files;
	size_t i;

	memset(sample, 0, sizeof(*sample));
	files_find(&files, &iommu, 1);
	sample->when = now();
	for (i = 0; i < files.n; i++) {
		context = context_of(sample, &files.files[i]) ?:
			  new_context(sample, &files.files[i]);
		if (context)
			add_holder(context, &files.files[i]);
	}
	files_free(&files);
	if (!before->when)
		return;
	sample->interval = sample->when - before->when;
	for (i = 0; i < sample->n; i++)
		rate(&sample->contexts[i], before, sample->interval);
}

static void sample_free(struct sample *sample)
{
	size_t i;

	for (i = 0; i < sample->n; i++) {
		free(sample->contexts[i].holders);
		iommu_info_free(&sample->contexts[i].info);
	}
	free(sample->contexts);
	memset(sample, 0, sizeof(*sample));
}

/**
 * struct process - the sum of the contexts that count for a process
 * @first: of its contexts, in the sample
 * @n: number of them
 * @known: fdinfo of one of them has its counts
 * @rated: one of them has a rate
 */
struct process {
	const struct context *first;
	size_t n;
	bool known;
	bool rated;
	unsigned long long mapped;
	unsigned long long pinned;
	double maps_rate;
	double unmaps_rate;
};

static void process_add(struct process *process, const struct context *context)
{
	process->n++;
	process->known |= context->info.known;
	process->rated |= context->rated;
	process->mapped += context->info.mapped;
	process->pinned += context->info.pinned;
	process->maps_rate += context->maps_rate;
	process->unmaps_rate += context->unmaps_rate;
}

/* The process that has pinned most comes first, then by process ID. */
static int compare(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	if (x->pinned != y->pinned)
		return x->pinned > y->pinned ? -1 : 1;
	return x->first->holders[0].pid < y->first->holders[0].pid ? -1 : 1;
}

static struct process *processes_of(const struct sample *sample, size_t *n)
{
	struct process *list = xrealloc(NULL, (sample->n + 1) * sizeof(*list));
	size_t i;

	*n = 0;
	for (i = 0; i < sample->n; i++) {
		const struct context *context = &sample->contexts[i];

		if (!i || context[-1].holders[0].pid != context->holders[0].pid) {
			memset(&list[*n], 0, sizeof(*list));
			list[(*n)++].first = context;
		}
		process_add(&list[*n - 1], context);
	}
	qsort(list, *n, sizeof(*list), compare);
	return list;
}

static const char *user_name(uid_t uid, char buf[32])
{
	struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(buf, 32, "%s", user->pw_name);
	else
		snprintf(buf, 32, "%u", uid);
	return buf;
}

static struct json_object *bytes(unsigned long long n)
{
	return json_object_new_int64(n);
}

static struct json_object *ioas_json(const struct ioas_info *ioas)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "id", json_object_new_int64(ioas->id));
	json_object_object_add(json, "mapped", bytes(ioas->mapped));
	json_object_object_add(json, "pinned", bytes(ioas->pinned));
	json_object_object_add(json, "mappings", json_object_new_int64(ioas->mappings));
	return json;
}

static struct json_object *bound_json(const struct device_info *dev)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "id", json_object_new_int64(dev->id));
	json_object_object_add(json, "address", json_object_new_string(dev->address));
	return json;
}

static struct json_object *holder_json(const struct open_file *file)
{
	struct json_object *json = json_object_new_object();

	json_object_object_add(json, "pid", json_object_new_int(file->pid));
	json_object_object_add(json, "fd", json_object_new_int(file->fd));
	return json;
}

static struct json_object *context_json(const struct context *context)
{
	const struct iommu_info *info = &context->info;
	struct json_object *json = json_object_new_object();
	struct json_object *holders = json_object_new_array();
	struct json_object *ioas = json_object_new_array();
	struct json_object *devices = json_object_new_array();
	size_t i;

	for (i = 0; i < context->n; i++)
		json_object_array_add(holders, holder_json(&context->holders[i]));
	json_object_object_add(json, "holders", holders);
	json_object_object_add(json, "objects", !info->known ? NULL :
			       json_object_new_int64(info->objects));
	json_object_object_add(json, "mapped", info->known ? bytes(info->mapped) : NULL);
	json_object_object_add(json, "pinned", info->known ? bytes(info->pinned) : NULL);
	json_object_object_add(json, "maps", !info->known ? NULL :
			       json_object_new_int64(info->maps));
	json_object_object_add(json, "unmaps", !info->known ? NULL :
			       json_object_new_int64(info->unmaps));
	for (i = 0; i < info->nioas; i++)
		json_object_array_add(ioas, ioas_json(&info->ioas[i]));
	json_object_object_add(json, "ioas", ioas);
	for (i = 0; i < info->ndevices; i++)
		json_object_array_add(devices, bound_json(&info->devices[i]));
	json_object_object_add(json, "devices", devices);
	return json;
}

/*
 * Six digits behind the point are enough for a rate, times the interval, to give
 * the number of calls.
 */
static struct json_object *rate_json(bool known, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", value);
	return known ? json_object_new_double_s(value, text) : NULL;
}

static struct json_object *process_json(const struct process *process)
{
	const struct open_file *file = &process->first->holders[0];
	struct json_object *json = json_object_new_object();
	struct json_object *files = json_object_new_array();
	char user[32];
	size_t i;

	json_object_object_add(json, "pid", json_object_new_int(file->pid));
	json_object_object_add(json, "user",
			       json_object_new_string(user_name(file->uid, user)));
	json_object_object_add(json, "command",
			       json_object_new_string(file->command));
	json_object_object_add(json, "mapped",
			       process->known ? bytes(process->mapped) : NULL);
	json_object_object_add(json, "pinned",
			       process->known ? bytes(process->pinned) : NULL);
	json_object_object_add(json, "maps_per_second",
			       rate_json(process->rated, process->maps_rate));
	json_object_object_add(json, "unmaps_per_second",
			       rate_json(process->rated, process->unmaps_rate));
	for (i = 0; i < process->n; i++)
		json_object_array_add(files, context_json(&process->first[i]));
	json_object_object_add(json, "files", files);
	return json;
}

static void show_json(const struct sample *sample, const struct process *list,
		      size_t n)
{
	struct json_object *json = json_object_new_object();
	struct json_object *processes = json_object_new_array();
	size_t i;

	for (i = 0; i < n; i++)
		json_object_array_add(processes, process_json(&list[i]));
	json_object_object_add(json, "interval",
			       rate_json(sample->interval, sample->interval));
	json_object_object_add(json, "exact", json_object_new_boolean(!sample->inexact));
	json_object_object_add(json, "all_users",
			       json_object_new_boolean(files_all_seen()));
	json_object_object_add(json, "processes", processes);
	print_json(json, true);
}

/*
 * The lines of one sample: on a terminal, as many and as long as it can show.
 */
struct screen {
	bool terminal;
	int columns;
	int lines;
};

static void screen_begin(struct screen *screen)
{
	struct winsize size;

	screen->terminal = isatty(STDOUT_FILENO);
	screen->columns = 80;
	screen->lines = 24;
	if (!screen->terminal)
		return;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row && size.ws_col) {
		screen->columns = size.ws_col;
		screen->lines = size.ws_row;
	}
	fputs("\033[H\033[J", stdout);
}

/* Takes over @line. */
static void screen_line(struct screen *screen, char *line)
{
	if (!screen->terminal)
		puts(line);
	else if (--screen->lines > 0)
		printf("%.*s\n", screen->columns, line);
	free(line);
}

/* A number, or - where it is not known */
static const char *number_text(char buf[SIZE_LEN], bool known, double value)
{
	if (known)
		snprintf(buf, SIZE_LEN, value && value < 10 ? "%.1f" : "%.0f", value);
	else
		strcpy(buf, "-");
	return buf;
}

static char *append(char *text, const char *separator, const char *more)
{
	char *longer = xformat("%s%s%s", text, *text ? separator : "", more);

	free(text);
	return longer;
}

static char *devices_text(const struct process *process)
{
	char *text = xstrdup("");
	size_t i, j;

	for (i = 0; i < process->n; i++)
		for (j = 0; j < process->first[i].info.ndevices; j++)
			text = append(text, ",",
				      process->first[i].info.devices[j].address);
	return *text ? text : append(text, "", "-");
}

/* Has a process one of the contexts of @process before the @nth of them? */
static bool had_before(const struct process *process, size_t nth, pid_t pid)
{
	size_t i, j;

	for (i = 0; i < nth; i++)
		for (j = 0; j < process->first[i].n; j++)
			if (process->first[i].holders[j].pid == pid)
				return true;
	return false;
}

/* The other processes that have one of its files, each once */
static char *others_text(const struct process *process)
{
	char *text = xstrdup(""), name[16];
	size_t i, j;

	for (i = 0; i < process->n; i++) {
		const struct context *context = &process->first[i];

		for (j = 1; j < context->n; j++) {
			pid_t pid = context->holders[j].pid;

			if (pid == context->holders[j - 1].pid ||
			    had_before(process, i, pid))
				continue;
			snprintf(name, sizeof(name), "%d", pid);
			text = append(text, ",", name);
		}
	}
	return text;
}

static char *process_line(const struct process *process)
{
	const struct open_file *file = &process->first->holders[0];
	char mapped[SIZE_LEN], pinned[SIZE_LEN], maps[SIZE_LEN], unmaps[SIZE_LEN];
	char *devices = devices_text(process), *others = others_text(process);
	char user[32], *line;

	line = xformat("%7d %-8s %5zu %10s %10s %8s %8s %s%s%s%s %s", file->pid,
		       user_name(file->uid, user), process->n,
		       process->known ? size_text(mapped, process->mapped) : "-",
		       process->known ? size_text(pinned, process->pinned) : "-",
		       number_text(maps, process->rated, process->maps_rate),
		       number_text(unmaps, process->rated, process->unmaps_rate),
		       file->command, *others ? " (with " : "", others,
		       *others ? ")" : "", devices);
	free(devices);
	free(others);
	return line;
}

static char *head_line(const struct process *list, size_t n)
{
	struct process all = {};
	char mapped[SIZE_LEN], pinned[SIZE_LEN];
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < list[i].n; j++)
			process_add(&all, &list[i].first[j]);
	return xformat("%zu process%s, %zu file%s of /dev/iommu: mapped %s, pinned %s",
		       n, n == 1 ? "" : "es", all.n, all.n == 1 ? "" : "s",
		       size_text(mapped, all.mapped), size_text(pinned, all.pinned));
}

static bool all_known(const struct sample *sample)
{
	size_t i;

	for (i = 0; i < sample->n; i++)
		if (!sample->contexts[i].info.known)
			return false;
	return true;
}

static void show_text(const struct sample *sample, const struct process *list,
		      size_t n)
{
	struct screen screen;
	size_t i;

	screen_begin(&screen);
	screen_line(&screen, head_line(list, n));
	if (sample->inexact)
		screen_line(&screen, xstrdup(INEXACT));
	if (!all_known(sample))
		screen_line(&screen, xstrdup("-: the iommufd that is loaded does not tell"));
	if (!files_all_seen())
		screen_line(&screen, xstrdup("other users' processes are seen by root only"));
	screen_line(&screen, xformat("%7s %-8s %5s %10s %10s %8s %8s %s", "PID", "USER",
				     "FILES", "MAPPED", "PINNED", "MAPS/s", "UNMAPS/s",
				     "COMMAND DEVICES"));
	for (i = 0; i < n; i++)
		screen_line(&screen, process_line(&list[i]));
	fflush(stdout);
}

static void show(const struct options *opt, const struct sample *sample)
{
	struct process *list;
	size_t n;

	list = processes_of(sample, &n);
	if (opt->json)
		show_json(sample, list, n);
	else
		show_text(sample, list, n);
	free(list);
}

static void wait_for(double seconds)
{
	struct timespec ts = { .tv_sec = seconds };

	ts.tv_nsec = (seconds - ts.tv_sec) * 1e9;
	while (nanosleep(&ts, &ts))
		;
}

int cmd_top(const struct options *opt, char **args)
{
	struct sample sample, before = {};
	unsigned long i;

	(void)args;
	if (!host_iommu())
		die(EXIT_SYSTEM, "there is no /dev/iommu; see iommuctl check");
	for (i = 0; !opt->count || i < opt->count; i++) {
		if (i)
			wait_for(opt->delay);
		sample_take(&sample, &before);
		show(opt, &sample);
		if (ferror(stdout))
			return EXIT_SYSTEM;
		sample_free(&before);
		before = sample;
	}
	sample_free(&before);
	return EXIT_OK;
}

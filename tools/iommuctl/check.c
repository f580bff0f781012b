// SPDX-License-Identifier: GPL-2.0-only
/* iommuctl check: can devices be bound, and if not, why not? */
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "check.h"
#include "util.h"

static void add(struct findings *findings, const char *cause, char *text,
		char *cure, bool note)
{
	size_t i;

	/* A process may have the same file twice. */
	for (i = 0; i < findings->n; i++) {
		if (!strcmp(findings->list[i].text, text)) {
			free(text);
			free(cure);
			return;
		}
	}
	findings->list = xrealloc(findings->list, (findings->n + 1) *
				  sizeof(*findings->list));
	findings->list[findings->n++] = (struct finding){
		.cause = cause, .text = text, .cure = cure, .note = note,
	};
}

void found(struct findings *findings, const char *cause, char *text, char *cure)
{
	add(findings, cause, text, cure, false);
}

void found_note(struct findings *findings, const char *cause, char *text,
		char *cure)
{
	add(findings, cause, text, cure, true);
}

static void findings_free(struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->n; i++) {
		free(findings->list[i].text);
		free(findings->list[i].cure);
	}
	free(findings->list);
}

static bool in_the_way(const struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->n; i++)
		if (!findings->list[i].note)
			return true;
	return false;
}

static struct json_object *findings_json(const struct findings *findings, bool notes)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->list[i];
		struct json_object *json;

		if (f->note != notes)
			continue;
		json = json_object_new_object();
		json_object_object_add(json, "cause", json_object_new_string(f->cause));
		json_object_object_add(json, "text", json_object_new_string(f->text));
		json_object_object_add(json, "cure", json_object_new_string(f->cure));
		json_object_array_add(array, json);
	}
	return array;
}

static void print_findings(const struct findings *findings)
{
	size_t i;

	for (i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->list[i];

		printf("  %s%s: %s\n    cure: %s\n", f->note ? "note, " : "",
		       f->cause, f->text, f->cure);
	}
}

/* The destination of findings: text is printed at once. */
struct report {
	struct json_object *json;
	struct json_object *devices;
	bool ready;
	bool ok;
};

static void report_system(struct report *report, const struct system *sys,
			  const struct findings *findings)
{
	struct json_object *json;

	report->ready = !in_the_way(findings);
	report->ok = report->ready;
	if (!report->json) {
		printf("system: Linux %s, %s\n", sys->release,
		       report->ready ? "ready" : "not ready");
		print_findings(findings);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "kernel", json_object_new_string(sys->release));
	json_object_object_add(json, "ready", json_object_new_boolean(report->ready));
	json_object_object_add(json, "causes", findings_json(findings, false));
	json_object_object_add(json, "notes", findings_json(findings, true));
	json_object_object_add(report->json, "system", json);
	report->devices = json_object_new_array();
	json_object_object_add(report->json, "devices", report->devices);
}

static void report_device(struct report *report, const struct device *dev,
			  const struct findings *findings)
{
	bool blocked = in_the_way(findings);
	bool bindable = report->ready && !blocked;
	struct json_object *json;

	report->ok &= bindable;
	if (!report->json) {
		if (bindable)
			printf("%s: can be bound, by /dev/vfio/devices/%s\n",
			       dev->address, dev->vfio);
		else
			printf("%s: cannot be bound%s\n", dev->address,
			       blocked ? "" : ": the system is not ready");
		print_findings(findings);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "address", json_object_new_string(dev->address));
	json_object_object_add(json, "bindable", json_object_new_boolean(bindable));
	json_object_object_add(json, "causes", findings_json(findings, false));
	json_object_object_add(json, "notes", findings_json(findings, true));
	json_object_array_add(report->devices, json);
}

/* Is the device given to VFIO, or about to be?  The devices by default */
static bool is_given(const struct device *dev)
{
	return *dev->vfio || !strcmp(dev->override, VFIO_PCI);
}

/* The devices to look at, NULL at the end */
static const struct device **choose(const struct device_list *list, char **args)
{
	const struct device **chosen = NULL;
	char address[ADDRESS_LEN];
	size_t i, n = 0;

	for (i = 0; args[i]; i++) {
		chosen = xrealloc(chosen, (n + 2) * sizeof(*chosen));
		if (!host_address(address, args[i]))
			die(EXIT_USAGE, "'%s' is no address of a device: such as 0000:00:04.0",
			    args[i]);
		chosen[n] = host_find(list, address);
		if (!chosen[n++])
			die(EXIT_USAGE, "there is no device %s; see iommuctl list",
			    address);
	}
	for (i = 0; !*args && i < list->n; i++) {
		chosen = xrealloc(chosen, (n + 2) * sizeof(*chosen));
		if (is_given(&list->devices[i]))
			chosen[n++] = &list->devices[i];
	}
	if (!chosen)
		chosen = xrealloc(chosen, sizeof(*chosen));
	chosen[n] = NULL;
	return chosen;
}

int cmd_check(const struct options *opt, char **args)
{
	const struct device **chosen, **dev;
	struct findings findings = {};
	struct report report = {};
	struct device_list list;
	struct file_list files;
	struct system sys;

	host_devices(&list);
	chosen = choose(&list, args);
	files_find_users(&files, &list);
	if (opt->json)
		report.json = json_object_new_object();
	check_system(&sys, &findings, opt);
	report_system(&report, &sys, &findings);
	findings_free(&findings);
	for (dev = chosen; *dev; dev++) {
		findings = (struct findings){};
		check_device(&sys, &list, *dev, &files, &findings);
		report_device(&report, *dev, &findings);
		findings_free(&findings);
	}
	if (!*args && !*chosen && !report.json)
		puts("no device is given to vfio-pci");
	if (report.json)
		print_json(report.json, false);
	free(chosen);
	files_free(&files);
	return report.ok ? EXIT_OK : EXIT_IN_THE_WAY;
}

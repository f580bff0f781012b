// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommuctl: shows an operator the state of /dev/iommu and /dev/vfio/devices.
 * It only reads: see Documentation/iommuctl.md.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "iommuctl.h"
#include "util.h"

static const char usage[] =
	"Usage: iommuctl list [--json]\n"
	"       iommuctl check [--json] [--memory SIZE] [BDF]...\n"
	"       iommuctl top [--json] [--delay SECONDS] [--count N]\n"
	"\n"
	"  list   PCI devices, their IOMMU groups, drivers, device files and users\n"
	"  check  can BDF, or each device given to vfio-pci, be bound to /dev/iommu?\n"
	"         If not, what is in the way, and the command that cures it\n"
	"  top    what processes have mapped and pinned, and how fast they map\n"
	"\n"
	"  -j, --json           print JSON\n"
	"  -m, --memory SIZE    check: is the limit of locked memory enough for SIZE,\n"
	"                       in bytes or with K, M, G or T\n"
	"  -d, --delay SECONDS  top: time between two samples (1)\n"
	"  -n, --count N        top: stop after N samples\n"
	"  -h, --help           print this\n"
	"  -V, --version        print the version\n"
	"\n"
	"Exit code: 0; 1 if something is in the way; 2 for bad arguments; 3 if the\n"
	"system could not be looked at.  See iommuctl(8).\n";

/**
 * struct command - a command
 * @name: of it
 * @run: function that carries it out
 * @options: the short names of its own options
 * @takes_args: whether arguments may follow
 */
static const struct command {
	const char *name;
	int (*run)(const struct options *opt, char **args);
	const char *options;
	bool takes_args;
} commands[] = {
	{ "list", cmd_list, "j", false },
	{ "check", cmd_check, "jm", true },
	{ "top", cmd_top, "jdn", false },
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "memory", required_argument, NULL, 'm' },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{}
};

void print_json(struct json_object *json, bool one_line)
{
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE |
					    (one_line ? JSON_C_TO_STRING_SPACED :
							JSON_C_TO_STRING_PRETTY)));
	fflush(stdout);
	json_object_put(json);
}

static unsigned long long parse_size(const char *arg)
{
	static const char units[] = "KMGT";
	unsigned long long size;
	const char *unit;
	char *end;
	int shift = 0;

	size = strtoull(arg, &end, 10);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	if (strspn(arg, "0123456789") == 0 || *end || !size ||
	    size > ~0ULL >> 1 >> shift)
		die(EXIT_USAGE, "'%s' is no size: such as 4096, 512M or 8G", arg);
	return size << shift;
}

static double parse_delay(const char *arg)
{
	char *end;
	double delay = strtod(arg, &end);

	if (end == arg || *end || !(delay >= 0.1 && delay <= 86400))
		die(EXIT_USAGE, "'%s' is no delay: seconds, from 0.1 to 86400", arg);
	return delay;
}

static unsigned long parse_count(const char *arg)
{
	char *end;
	unsigned long count = strtoul(arg, &end, 10);

	if (strspn(arg, "0123456789") == 0 || *end || !count || count > 1000000000)
		die(EXIT_USAGE, "'%s' is no count: from 1 to 1000000000", arg);
	return count;
}

/* Set options, and in @given, zeroed, the short names of those given. */
static void parse_options(int argc, char **argv, struct options *opt, char *given)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":jm:d:n:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			opt->json = true;
			break;
		case 'm':
			opt->memory = parse_size(optarg);
			break;
		case 'd':
			opt->delay = parse_delay(optarg);
			break;
		case 'n':
			opt->count = parse_count(optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_OK);
		case 'V':
			puts("iommuctl " VERSION);
			exit(EXIT_OK);
		case ':':
			die(EXIT_USAGE, "option '%s' wants a value; see iommuctl --help",
			    argv[optind - 1]);
		default:
			die(EXIT_USAGE, "unknown option '%s'; see iommuctl --help",
			    argv[optind - 1]);
		}
		if (!strchr(given, c))
			given[strlen(given)] = c;
	}
}

static const struct command *find_command(const char *name)
{
	size_t i;

	if (!name)
		die(EXIT_USAGE, "no command; see iommuctl --help");
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	die(EXIT_USAGE, "unknown command '%s'; see iommuctl --help", name);
}

int main(int argc, char **argv)
{
	struct options opt = { .delay = 1 };
	const struct command *command;
	char given[8] = "", *c;

	root_init();
	parse_options(argc, argv, &opt, given);
	command = find_command(argv[optind]);
	for (c = given; *c; c++)
		if (!strchr(command->options, *c))
			die(EXIT_USAGE, "%s has no option -%c; see iommuctl --help",
			    command->name, *c);
	if (argv[optind + 1] && !command->takes_args)
		die(EXIT_USAGE, "%s takes no argument '%s'; see iommuctl --help",
		    command->name, argv[optind + 1]);
	return command->run(&opt, argv + optind + 1);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory on demand against pinned memory, by page faults of the mock's devices,
 * since no other IOMMU has any yet
 *
 *	demand
 *
 * A fault is a call of this program, which a kernel thread serves.  A device's
 * access to memory that it reaches costs it nothing here, so the processor copies the
 * memory in its place.  Figures are real time.  Exits with 1 if a context starts
 * no faster on demand, or if fewer of them have room.
 */
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "common.h"
#include "file.h"
#include "iommu.h"
#include "iommufd_test.h"
#include "module.h"

#define MOCK		"/sys/module/iommufd_mock/"
#define AT		(64 * MIB)	/* in the aperture of the mock */
#define CONTEXT		(512 * MIB)	/* memory of a context */
#define USED		(16 * MIB)	/* of which a device uses so much */
#define MARGIN		(256 * MIB)	/* of the host's memory */
#define MAX_CONTEXTS	32
#define ROUNDS		5

struct context {
	int fd;
	__u32 ioas;
	__u32 dev_id;
	char *memory;
};

static int failed;

static void mock(int fd, __u32 op, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	if (ioctl(fd, IOMMU_TEST_CMD, cmd))
		err(1, "IOMMU_TEST_CMD %u", op);
}

/* A context whose device is attached, and memory that nobody has touched */
static void context_open(struct context *c, bool demand, size_t length,
			 int advice)
{
	struct iommu_test_cmd cmd = {};

	c->fd = iommu_open();
	if (c->fd < 0)
		errx(1, "/dev/iommu: %s", strerror(-c->fd));
	check(ioas_alloc(c->fd, &c->ioas), "IOAS_ALLOC");
	check(iommu_option_set(c->fd, IOMMU_OPTION_ON_DEMAND, c->ioas, demand),
	      "OPTION_ON_DEMAND");
	cmd.id = c->ioas;
	mock(c->fd, IOMMU_TEST_OP_MOCK_DOMAIN, &cmd);
	c->dev_id = cmd.mock_domain.out_idev_id;
	c->memory = reserve(length, advice);
}

static void context_close(struct context *c, size_t length)
{
	close(c->fd);
	munmap(c->memory, length);
}

static void context_map(struct context *c, size_t length)
{
	check(ioas_map(c->fd, c->ioas, c->memory, length, AT), "MAP");
}

/* Have the device use memory, page by page, as devices do. */
static void context_use(struct context *c, bool demand, size_t length)
{
	struct iommu_test_cmd cmd = {};
	size_t offset;

	for (offset = 0; demand && offset < length; offset += PAGE) {
		cmd.trigger_iopf.dev_id = c->dev_id;
		cmd.trigger_iopf.perm = IOMMU_PGFAULT_PERM_WRITE;
		cmd.trigger_iopf.addr = AT + offset;
		mock(c->fd, IOMMU_TEST_OP_TRIGGER_IOPF, &cmd);
	}
}

/* From fdinfo: a fault that was not served would make any figure a wrong one. */
static size_t bytes_pinned(const struct context *c)
{
	char path[64], line[256];
	size_t kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", c->fd);
	file = fopen(path, "re");
	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "iommufd-pinned: %zu", &kib);
	fclose(file);
	return kib * KIB;
}

static size_t memory_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	size_t kib = 0;
	char line[256];

	if (!file)
		err(1, "/proc/meminfo");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "MemAvailable: %zu", &kib);
	fclose(file);
	return kib * KIB;
}

/*
 * Open contexts until there is no room for one more, or until there are very many.
 * Memory that is pinned could not be given back, so pinning stops before.
 */
static unsigned int density(bool demand)
{
	size_t need = demand ? 2 * USED : CONTEXT + CONTEXT / 64;
	struct context contexts[MAX_CONTEXTS];
	unsigned int n = 0, i;

	while (n < MAX_CONTEXTS && memory_available() > need + MARGIN) {
		context_open(&contexts[n], demand, CONTEXT, MADV_NOHUGEPAGE);
		context_map(&contexts[n], CONTEXT);
		context_use(&contexts[n], demand, USED);
		if (bytes_pinned(&contexts[n]) != (demand ? USED : CONTEXT))
			errx(1, "a context has %zu bytes pinned",
			     bytes_pinned(&contexts[n]));
		n++;
	}
	for (i = 0; i < n; i++)
		context_close(&contexts[i], CONTEXT);
	return n;
}

/* Time from the map of memory that is not there to the end of the first use */
static uint64_t start_up(bool demand, int advice)
{
	uint64_t best = UINT64_MAX, start;
	struct context c;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		context_open(&c, demand, CONTEXT, advice);
		start = now();
		context_map(&c, CONTEXT);
		context_use(&c, demand, USED);
		start = now() - start;
		if (start < best)
			best = start;
		context_close(&c, CONTEXT);
	}
	return best;
}

/* Time to map 1 MiB that is there, and to pass over it so many times */
static uint64_t pass(bool demand, unsigned int passes)
{
	static char copy[MIB];
	uint64_t best = UINT64_MAX, start;
	struct context c;
	unsigned int i, j;

	for (i = 0; i < ROUNDS; i++) {
		context_open(&c, demand, MIB, MADV_NOHUGEPAGE);
		memset(c.memory, 1, MIB);
		start = now();
		context_map(&c, MIB);
		context_use(&c, demand, MIB);
		for (j = 0; j < passes; j++) {
			memcpy(copy, c.memory, MIB);
			__asm__ volatile("" : : "r" (copy) : "memory");
		}
		start = now() - start;
		if (start < best)
			best = start;
		context_close(&c, MIB);
	}
	return best;
}

static void report_start_up(const char *name, int advice)
{
	uint64_t pinned = start_up(false, advice);
	uint64_t demand = start_up(true, advice);

	printf("demand kernel=%s case=start-%s pinned-ms=%.1f demand-ms=%.1f\n",
	       release(), name, pinned / 1e6, demand / 1e6);
	if (demand >= pinned) {
		printf("demand: case=start-%s is not faster\n", name);
		failed++;
	}
}

int main(void)
{
	static const unsigned int passes[] = { 1, 100, 1000 };
	unsigned int pinned, demand, i;
	uint64_t ns[2];

	check(module_load("iommufd_mock", MOCK "refcnt"), "iommufd_mock");
	check(write_file(MOCK "parameters/fault_thread", "Y"), "fault_thread");

	pinned = density(false);
	demand = density(true);
	printf("demand kernel=%s case=density context-mib=%lu used-mib=%lu pinned=%u demand=%u\n",
	       release(), CONTEXT / MIB, USED / MIB, pinned, demand);
	if (demand <= pinned) {
		printf("demand: no more contexts have room\n");
		failed++;
	}
	report_start_up("small", MADV_NOHUGEPAGE);
	report_start_up("huge", MADV_HUGEPAGE);
	for (i = 0; i < ARRAY_SIZE(passes); i++) {
		ns[0] = pass(false, passes[i]);
		ns[1] = pass(true, passes[i]);
		printf("demand kernel=%s case=passes n=%u pinned-mib/s=%.0f demand-mib/s=%.0f\n",
		       release(), passes[i], passes[i] * 1e9 / ns[0],
		       passes[i] * 1e9 / ns[1]);
	}
	return failed ? 1 : 0;
}

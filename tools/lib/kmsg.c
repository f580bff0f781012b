// SPDX-License-Identifier: GPL-2.0-only
/* Waits for a line of the kernel log, such as an IOMMU's fault report */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kmsg.h"

int kmsg_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The text of the next record, which comes before a time; false: none does */
static bool next_line(int fd, long end, char line[1024])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	char record[8192], *text;
	ssize_t n;

	for (;;) {
		/* One read gives one record: "prefix;text\n..." */
		n = read(fd, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)
			continue;	/* records were overwritten; go on */
		if (n < 0) {
			long left = end - now_ms();

			if (errno != EAGAIN || left <= 0)
				return false;
			poll(&pfd, 1, left);
			continue;
		}
		record[n] = 0;
		text = strchr(record, ';');
		if (!text)
			continue;
		snprintf(line, 1024, "%.*s", (int)strcspn(text + 1, "\n"),
			 text + 1);
		return true;
	}
}

bool kmsg_find(int fd, const char *word1, const char *word2, int timeout_ms,
	       char line[1024])
{
	long end = now_ms() + timeout_ms;

	while (next_line(fd, end, line))
		if (strstr(line, word1) && strstr(line, word2))
			return true;
	return false;
}

static bool same_page(__u64 a, __u64 b)
{
	return !((a ^ b) & ~0xfffULL);
}

/* Up to 6.12 Intel's driver leaves out the PCI domain, "0000:" */
static bool is_intel_fault(const char *line, const char *bdf, const char *type,
			   __u64 iova)
{
	char what[64], device[96];

	snprintf(what, sizeof(what), "DMAR: [%s", type);
	snprintf(device, sizeof(device), "%s] fault addr 0x%llx ",
		 strchr(bdf, ':') + 1, iova & ~0xfffULL);
	return strstr(line, what) && strstr(line, device);
}

#define AMD_EVENT	"AMD-Vi: Event logged [IO_PAGE_FAULT "
#define AMD_EVENT_WRITE	0x20

/*
 * The line has the device before the event, or in it if it is no device of
 * Linux, as a requester ID of a bridge.  Of a device without page table, AMD's
 * driver says no more than which one it is, in a line of its own.  QEMU's AMD-Vi
 * tells neither address nor direction: then the address is 0.
 */
static bool is_amd_fault(const char *line, const char *bdf, const char *type,
			 __u64 iova)
{
	const char *event = strstr(line, AMD_EVENT);
	char word[64];
	unsigned long long address;
	unsigned int flags;

	snprintf(word, sizeof(word), "AMD-Vi:   device=%s ", bdf);
	if (strstr(line, word))
		return true;
	if (!event || !strstr(line, bdf))
		return false;
	event = strstr(event, "address=");
	if (!event || sscanf(event, "address=%llx flags=%x", &address,
			     &flags) != 2)
		return false;
	return !address ||
	       (same_page(address, iova) &&
		!(flags & AMD_EVENT_WRITE) == !strcmp(type, "DMA Read"));
}

/*
 * SMMUv3 reports an event in a line "event 0x10 received:" and one for each of its
 * words.  The first word has the requester ID, the second says by bit 35 whether it
 * was a read, and the third is the address.
 */
struct smmu_event {
	unsigned int words;
	unsigned long long word[3];
};

static bool is_smmu_fault(const char *line, const char *bdf, const char *type,
			  __u64 iova, struct smmu_event *event)
{
	unsigned int bus, slot, function;
	const char *word = strstr(line, "0x");

	if (!word || !strstr(line, "arm-smmu-v3"))
		return false;
	if (strstr(line, "event 0x")) {
		event->words = 0;
		return false;
	}
	if (event->words == 3 ||
	    sscanf(word, "%llx", &event->word[event->words]) != 1)
		return false;
	return ++event->words == 3 &&
	       sscanf(bdf, "%*x:%x:%x.%x", &bus, &slot, &function) == 3 &&
	       event->word[0] >> 32 == (bus << 8 | slot << 3 | function) &&
	       !(event->word[1] & 1ULL << 35) == !!strcmp(type, "DMA Read") &&
	       same_page(event->word[2], iova);
}

/*
 * The endpoint's number is the requester ID; its bits are bus, slot, function.  QEMU
 * tells the direction, "[R]" or "[W]", only where something is mapped.
 */
static bool is_virtio_fault(const char *line, const char *bdf, const char *type,
			    __u64 iova)
{
	const char *fault = strstr(line, "fault from EP ");
	unsigned int bus, slot, function, endpoint;
	unsigned long long address;
	char access;

	return fault && sscanf(bdf, "%*x:%x:%x.%x", &bus, &slot,
			       &function) == 3 &&
	       sscanf(fault, "fault from EP %u at %llx [%c]", &endpoint,
		      &address, &access) == 3 &&
	       endpoint == (bus << 8 | slot << 3 | function) &&
	       same_page(address, iova) &&
	       (access == ']' ||
		(access == 'W') == !strcmp(type, "DMA Write"));
}

bool kmsg_find_fault(int fd, const char *bdf, const char *type, __u64 iova,
		     int timeout_ms, char line[1024])
{
	long end = now_ms() + timeout_ms;
	struct smmu_event event = { .words = 3 };

	while (next_line(fd, end, line))
		if (is_intel_fault(line, bdf, type, iova) ||
		    is_amd_fault(line, bdf, type, iova) ||
		    is_smmu_fault(line, bdf, type, iova, &event) ||
		    is_virtio_fault(line, bdf, type, iova))
			return true;
	return false;
}

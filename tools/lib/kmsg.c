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

bool kmsg_find(int fd, const char *word1, const char *word2, int timeout_ms,
	       char line[1024])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	long end = now_ms() + timeout_ms;
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
		if (!text || !strstr(text, word1) || !strstr(text, word2))
			continue;
		snprintf(line, 1024, "%.*s", (int)strcspn(text + 1, "\n"),
			 text + 1);
		return true;
	}
}

bool kmsg_find_fault(int fd, const char *bdf, const char *type, __u64 iova,
		     int timeout_ms, char line[1024])
{
	char what[64], device[96];

	/* Up to 6.12 the IOMMU driver leaves out the PCI domain, "0000:" */
	snprintf(what, sizeof(what), "DMAR: [%s", type);
	snprintf(device, sizeof(device), "%s] fault addr 0x%llx ",
		 strchr(bdf, ':') + 1, iova & ~0xfffULL);
	return kmsg_find(fd, what, device, timeout_ms, line);
}

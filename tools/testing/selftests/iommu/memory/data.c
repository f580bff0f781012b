// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device and the process see the same memory, whatever its kind and
 * whatever happens to the process: each reads the data that the other writes.
 */
#include <sys/wait.h>

#include "edu.h"
#include "common.h"

#define AT	(256 * HUGE)
#define BACK	(257 * HUGE)	/* IOVA for data that the device has read */
#define NR_HUGE	"/proc/sys/vm/nr_hugepages"
#define N	64		/* bytes of a transfer */

static char *map_anon(int flags, size_t length)
{
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static char *map_file(int flags)
{
	static const char text[PAGE] = "what is in the file";
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *p;

	if (fd < 0 || write(fd, text, PAGE) != PAGE)
		return NULL;
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static char *get_anon(void)
{
	return map_anon(MAP_PRIVATE, PAGE);
}

static char *get_touched(void)
{
	char *p = get_anon();

	if (p)
		memset(p, 0xa5, PAGE);
	return p;
}

static char *get_read(void)
{
	char *p = get_anon();

	/* A read maps the page of zeros that all processes share */
	return p && !p[0] ? p : NULL;
}

static char *get_thp(void)
{
	char *p = anon_aligned(HUGE, HUGE);

	if (!p || madvise(p, HUGE, MADV_HUGEPAGE))
		return NULL;
	return p;
}

static char *get_hugetlb(void)
{
	return map_anon(MAP_PRIVATE | MAP_HUGETLB, HUGE);
}

static char *get_shared(void)
{
	return map_anon(MAP_SHARED, PAGE);
}

static char *get_file(void)
{
	return map_file(MAP_SHARED);
}

static char *get_private_file(void)
{
	return map_file(MAP_PRIVATE);
}

FIXTURE(data)
{
	int fd;
	int dev;
	__u32 ioas_id;
	struct edu edu;
	char *p;
	char *back;
	long pinned;
};

FIXTURE_VARIANT(data)
{
	char *(*get)(void);
	__u32 flags;
	bool shared;
};

FIXTURE_VARIANT_ADD(data, anon)
{
	.get = get_anon,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, anon_readable)
{
	.get = get_anon,
	.flags = READABLE,
};

FIXTURE_VARIANT_ADD(data, touched)
{
	.get = get_touched,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, touched_readable)
{
	.get = get_touched,
	.flags = READABLE,
};

FIXTURE_VARIANT_ADD(data, zeros)
{
	.get = get_read,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, zeros_readable)
{
	.get = get_read,
	.flags = READABLE,
};

FIXTURE_VARIANT_ADD(data, thp)
{
	.get = get_thp,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, thp_readable)
{
	.get = get_thp,
	.flags = READABLE,
};

FIXTURE_VARIANT_ADD(data, hugetlb)
{
	.get = get_hugetlb,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, hugetlb_readable)
{
	.get = get_hugetlb,
	.flags = READABLE,
};

FIXTURE_VARIANT_ADD(data, shared)
{
	.get = get_shared,
	.flags = RW,
	.shared = true,
};

FIXTURE_VARIANT_ADD(data, file)
{
	.get = get_file,
	.flags = RW,
	.shared = true,
};

FIXTURE_VARIANT_ADD(data, file_readable)
{
	.get = get_file,
	.flags = READABLE,
	.shared = true,
};

FIXTURE_VARIANT_ADD(data, private_file)
{
	.get = get_private_file,
	.flags = RW,
};

FIXTURE_VARIANT_ADD(data, private_file_readable)
{
	.get = get_private_file,
	.flags = READABLE,
};

FIXTURE_SETUP(data)
{
	__u64 iova = AT;
	__u32 id;

	ASSERT_EQ(0, write_file(NR_HUGE, "4"));
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &id);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->p = variant->get();
	ASSERT_NE(NULL, self->p);
	self->back = anon(PAGE);
	ASSERT_NE(NULL, self->back);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id,
				    FIXED | variant->flags, self->p, PAGE,
				    &iova));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->back, PAGE, BACK));
}

FIXTURE_TEARDOWN(data)
{
	edu_close(&self->edu);
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, write_file(NR_HUGE, "0"));
}

/* Returns the byte that the device reads at AT, by way of the page at BACK. */
static char device_reads(struct edu *edu, char *back)
{
	int i;

	memset(back, 0xee, N);
	if (edu_from_memory(edu, AT, N) || edu_to_memory(edu, BACK, N))
		return 0;
	for (i = 1; i < N; i++)
		if (back[i] != back[0])
			return 0;
	return back[0];
}

TEST_F(data, device_sees_what_the_process_writes)
{
	memset(self->p, '1', N);
	EXPECT_EQ('1', device_reads(&self->edu, self->back));
	memset(self->p, '2', N);
	EXPECT_EQ('2', device_reads(&self->edu, self->back));
}

TEST_F(data, process_sees_what_the_device_writes)
{
	int rc;

	memset(self->back, 'd', N);
	memset(self->p, 'p', 2 * N);
	ASSERT_EQ(0, edu_from_memory(&self->edu, BACK, N));
	rc = edu_to_memory(&self->edu, AT, N);
	ASSERT_EQ(0, rc);
	/* A mapping that is only readable stops the write */
	rc = variant->flags & WRITEABLE ? 'd' : 'p';
	EXPECT_EQ(rc, self->p[0]);
	EXPECT_EQ(rc, self->p[N - 1]);
	EXPECT_EQ('p', self->p[N]);
}

/* Copy on write leaves the pinned page to the parent, not to the child */
TEST_F(data, fork_does_not_part_them)
{
	pid_t pid;

	memset(self->p, '1', N);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (!variant->shared)
			memset(self->p, 'c', N);
		pause();
		_exit(0);
	}
	usleep(100000);
	EXPECT_EQ('1', device_reads(&self->edu, self->back));
	memset(self->p, '2', N);
	EXPECT_EQ('2', device_reads(&self->edu, self->back));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	memset(self->p, '3', N);
	EXPECT_EQ('3', device_reads(&self->edu, self->back));
}

/* The address of the process may have other memory meanwhile */
TEST_F(data, munmap_parts_them)
{
	memset(self->p, '1', N);
	ASSERT_EQ(0, munmap(self->p, variant->get == get_hugetlb ? HUGE : PAGE));
	ASSERT_EQ(self->p, mmap(self->p, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				0));
	memset(self->p, '2', N);
	EXPECT_EQ('1', device_reads(&self->edu, self->back));
	EXPECT_EQ('2', self->p[0]);
}

TEST_HARNESS_MAIN

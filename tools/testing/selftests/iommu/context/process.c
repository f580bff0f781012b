// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts, devices and memory when processes fork, exec, die and pass files:
 * pinned memory belongs to the open files, not to the process.
 */
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "common.h"
#include "files.h"

#define AT	(256 * HUGE)
#define N	16		/* pages in most mappings here */

/* Two pipes: a child tells that it is ready, and waits to be told to go on */
struct turns {
	int ready[2];
	int go[2];
};

static int turns_init(struct turns *t)
{
	return pipe2(t->ready, O_CLOEXEC) || pipe2(t->go, O_CLOEXEC);
}

/* In the child: rc is what the parent's turns_wait() returns */
static void turns_ready(struct turns *t, int rc)
{
	if (write(t->ready[1], &rc, sizeof(rc)) != sizeof(rc))
		_exit(1);
}

/* In the child: until the parent's turns_end() */
static void turns_pause(struct turns *t)
{
	char c;

	close(t->go[1]);
	if (read(t->go[0], &c, 1))
		_exit(1);
}

/* In the parent: let the child go on */
static void turns_end(struct turns *t)
{
	close(t->ready[0]);
	close(t->go[0]);
	close(t->go[1]);
}

/* In the parent: wait until the child is ready; returns its rc */
static int turns_wait(struct turns *t)
{
	int rc = -EPIPE;

	close(t->ready[1]);
	if (read(t->ready[0], &rc, sizeof(rc)) != sizeof(rc))
		return -EPIPE;
	return rc;
}

static int exit_code(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Kill a child and wait until it is gone */
static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A context of its own with a device and a mapping */
struct context {
	int fd;
	int dev;
	__u32 ioas_id;
	__u32 dev_id;
};

static int context_open(struct context *c, size_t length)
{
	char *p = anon(length);
	int rc;

	c->fd = iommu_open();
	if (c->fd < 0)
		return c->fd;
	rc = ioas_alloc(c->fd, &c->ioas_id);
	if (rc)
		return rc;
	c->dev = vfio_open_bound(EDU, c->fd, &c->dev_id);
	if (c->dev < 0)
		return c->dev;
	rc = vfio_attach(c->dev, c->ioas_id, NULL);
	if (rc)
		return rc;
	return ioas_map(c->fd, c->ioas_id, p, length, AT);
}

/* cat holds the files that exec left it, until its input ends */
static void exec_cat(int in, int out)
{
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(1);
	execl("/bin/cat", "cat", NULL);
	_exit(1);
}

/* Fork: the child's files are the same open files */

TEST_F(iommufd, child_uses_the_context)
{
	pid_t pid;
	int rc;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(N * PAGE),
			      N * PAGE, AT));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		rc = ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       2 * AT, AT);
		rc = rc ?: ioas_unmap(self->fd, self->ioas_id, AT, N * PAGE);
		_exit(rc ? 1 : 0);
	}
	EXPECT_EQ(0, exit_code(pid));
	EXPECT_EQ(IF_ATTACHED(1), PINNED());
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, exit_of_a_child_changes_nothing)
{
	pid_t pid;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(N * PAGE),
			      N * PAGE, AT));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, exit_code(pid));
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(N * PAGE, ioas_empty(self->fd, self->ioas_id));
}

/* The memory is the caller's, whoever opened the file */
TEST_F(iommufd, child_maps_its_own_memory)
{
	char *p = anon(N * PAGE);
	pid_t pid;
	int rc;

	/* Memory that only the child has: the parent unmaps it below */
	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, munmap(p, N * PAGE));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (mmap(p, N * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p)
			_exit(1);
		rc = ioas_map(self->fd, self->ioas_id, p, N * PAGE, AT);
		_exit(rc ? 2 : 0);
	}
	EXPECT_EQ(0, exit_code(pid));
	EXPECT_EQ(variant->device ? -EFAULT : 0,
		  ioas_map(self->fd, self->ioas_id, p, N * PAGE, 2 * AT));
	/* Pinned memory outlives the process it came from */
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, N * PAGE));
	EXPECT_EQ(0, PINNED());
}

/* Attach pins what other processes have mapped, while they live */
FIXTURE(other)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
	struct turns turns;
	pid_t child;
	long pinned;
};

FIXTURE_SETUP(other)
{
	char *p;
	int rc;

	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, turns_init(&self->turns));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		p = anon(N * PAGE);
		rc = ioas_map(self->fd, self->ioas_id, p, N * PAGE, AT);
		turns_ready(&self->turns, rc);
		turns_pause(&self->turns);
		_exit(0);
	}
	ASSERT_EQ(0, turns_wait(&self->turns));
}

FIXTURE_TEARDOWN(other)
{
	reap(self->child);
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(other, memory_is_pinned_by_attach)
{
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(N, PINNED());
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(N * PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

TEST_F(other, memory_of_a_process_that_died)
{
	reap(self->child);
	EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	/* The mapping is still there, and can be unmapped like any other */
	EXPECT_EQ(N * PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
}

TEST_F(other, memory_pinned_before_the_process_died)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	reap(self->child);
	EXPECT_EQ(N, PINNED());
	/* Pinned memory can be copied; once unpinned it is gone */
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       2 * AT, AT));
	EXPECT_EQ(N, PINNED());
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ((N + 1) * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(other, copy_of_memory_of_a_process_that_died)
{
	__u32 id;

	reap(self->child);
	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, vfio_attach(self->dev, id, NULL));
	EXPECT_EQ(-EFAULT, ioas_copy(self->fd, id, self->ioas_id, N * PAGE, AT,
				     AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, id));
}

/* Exec: the old memory is gone, and the files are closed or kept */

TEST_F(iommufd, memory_of_before_exec)
{
	struct turns turns;
	int in[2], out[2];
	pid_t pid;
	char c;

	if (variant->device) {
		ASSERT_EQ(0, vfio_detach(self->dev));
	} else {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	ASSERT_EQ(0, turns_init(&turns));
	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (ioas_map(self->fd, self->ioas_id, anon(N * PAGE), N * PAGE,
			     AT))
			_exit(1);
		exec_cat(in[0], out[1]);
	}
	/* The answer shows that exec has been done */
	ASSERT_EQ(1, write(in[1], "x", 1));
	ASSERT_EQ(1, read(out[0], &c, 1));
	EXPECT_EQ(-EFAULT, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(N * PAGE, ioas_empty(self->fd, self->ioas_id));
	reap(pid);
}

FIXTURE(exec)
{
	long pinned;
};

FIXTURE_VARIANT(exec)
{
	bool keep;
};

FIXTURE_VARIANT_ADD(exec, closes)
{
};

FIXTURE_VARIANT_ADD(exec, keeps)
{
	.keep = true,
};

FIXTURE_SETUP(exec)
{
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(exec)
{
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(exec, files)
{
	struct context c;
	int in[2], out[2];
	__u32 dev_id;
	pid_t pid;
	char byte;
	int fd, dev;

	ASSERT_EQ(0, pipe2(in, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(out, O_CLOEXEC));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (context_open(&c, N * PAGE))
			_exit(1);
		if (variant->keep && (fcntl(c.fd, F_SETFD, 0) ||
				      fcntl(c.dev, F_SETFD, 0)))
			_exit(1);
		exec_cat(in[0], out[1]);
	}
	ASSERT_EQ(1, write(in[1], "x", 1));
	ASSERT_EQ(1, read(out[0], &byte, 1));
	EXPECT_EQ(variant->keep ? N : 0, PINNED());
	/* The device is free for another context if nobody kept it */
	fd = iommu_open();
	ASSERT_LE(0, fd);
	dev = vfio_open_bound(EDU, fd, &dev_id);
	if (variant->keep) {
		EXPECT_EQ(-EINVAL, dev);
	} else {
		EXPECT_LE(0, dev);
		close(dev);
	}
	reap(pid);
	EXPECT_EQ(0, PINNED());
	dev = vfio_open_bound(EDU, fd, &dev_id);
	EXPECT_LE(0, dev);
	close(dev);
	close(fd);
}

/* Exit, or death by a signal, with everything open */

FIXTURE(end)
{
	struct turns turns;
	long pinned;
};

FIXTURE_VARIANT(end)
{
	int signal;
};

FIXTURE_VARIANT_ADD(end, exit)
{
};

FIXTURE_VARIANT_ADD(end, sigterm)
{
	.signal = SIGTERM,
};

FIXTURE_VARIANT_ADD(end, sigsegv)
{
	.signal = SIGSEGV,
};

FIXTURE_VARIANT_ADD(end, sigkill)
{
	.signal = SIGKILL,
};

FIXTURE_SETUP(end)
{
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(end)
{
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(end, frees_everything)
{
	struct context c;
	pid_t pid;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, turns_init(&self->turns));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			turns_ready(&self->turns, context_open(&c, N * PAGE));
			turns_pause(&self->turns);
			_exit(0);
		}
		ASSERT_EQ(0, turns_wait(&self->turns));
		EXPECT_EQ(N, PINNED());
		if (variant->signal)
			kill(pid, variant->signal);
		turns_end(&self->turns);
		EXPECT_EQ(-variant->signal, exit_code(pid));
		EXPECT_EQ(0, PINNED());
	}
}

/* More names for one open file */

TEST_F(iommufd, dup_is_the_same_context)
{
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, ioas_map(copy, self->ioas_id, anon(N * PAGE), N * PAGE,
			      AT));
	close(self->fd);
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(N * PAGE, ioas_empty(copy, self->ioas_id));
	if (variant->device) {
		ASSERT_EQ(0, vfio_detach(self->dev));
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	}
	self->fd = copy;
}

TEST_F(iommufd, a_second_open_is_another_context)
{
	int other = iommu_open();
	__u32 id, dev_id;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, ioas_alloc(other, &id));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(N * PAGE),
			      N * PAGE, AT));
	EXPECT_EQ(0, ioas_empty(other, id));
	if (variant->device)
		EXPECT_EQ(-EINVAL, vfio_open_bound(EDU, other, &dev_id));
	close(other);
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_EQ(N * PAGE, ioas_empty(self->fd, self->ioas_id));
}

/* Send files, and the place of the mapping, over a socket */
static int send_context(int sock, const struct context *c)
{
	int fds[] = { c->fd, c->dev };
	int rc = files_send(sock, fds, ARRAY_LEN(fds));

	if (rc)
		return rc;
	return write(sock, c, sizeof(*c)) == sizeof(*c) ? 0 : -EIO;
}

static int receive_context(int sock, struct context *c)
{
	int fds[2];
	int rc = files_receive(sock, fds, ARRAY_LEN(fds));

	if (rc)
		return rc;
	if (read(sock, c, sizeof(*c)) != sizeof(*c))
		return -EIO;
	c->fd = fds[0];
	c->dev = fds[1];
	return 0;
}

FIXTURE(passed)
{
	struct context context;
	int socks[2];
	long pinned;
};

FIXTURE_SETUP(passed)
{
	struct context c;
	pid_t pid;
	int rc;

	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				self->socks));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		rc = context_open(&c, N * PAGE);
		rc = rc ?: send_context(self->socks[1], &c);
		_exit(rc ? 1 : 0);
	}
	ASSERT_EQ(0, exit_code(pid));
}

FIXTURE_TEARDOWN(passed)
{
	close(self->socks[0]);
	close(self->socks[1]);
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(passed, files_go_on_without_the_sender)
{
	struct context *c = &self->context;

	/* Files in the socket keep everything alive, too */
	EXPECT_EQ(N, PINNED());
	ASSERT_EQ(0, receive_context(self->socks[0], c));
	EXPECT_EQ(N, PINNED());
	ASSERT_EQ(0, ioas_map(c->fd, c->ioas_id, anon(PAGE), PAGE, 2 * AT));
	EXPECT_EQ(N + 1, PINNED());
	EXPECT_EQ((N + 1) * PAGE, ioas_empty(c->fd, c->ioas_id));
	EXPECT_EQ(0, vfio_detach(c->dev));
	EXPECT_EQ(0, vfio_attach(c->dev, c->ioas_id, NULL));
	close(c->fd);
	close(c->dev);
}

TEST_F(passed, files_that_nobody_receives)
{
	EXPECT_EQ(N, PINNED());
	close(self->socks[0]);
	close(self->socks[1]);
	EXPECT_EQ(0, PINNED());
}

/* Memory is pinned until the last attached device is closed */
TEST(close_in_every_order)
{
	static const char *const bdf[] = { EDU, PAIR_0 };
	long before = pinned();
	int fds[4], order, rest, open, skip, i;
	__u32 id, dev_id;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	for (order = 0; order < 24; order += patient_step()) {
		fds[0] = iommu_open();
		ASSERT_LE(0, fds[0]);
		fds[1] = dup(fds[0]);
		ASSERT_EQ(0, ioas_alloc(fds[0], &id));
		for (i = 0; i < 2; i++) {
			fds[2 + i] = vfio_open_bound(bdf[i], fds[i], &dev_id);
			ASSERT_LE(0, fds[2 + i]);
			ASSERT_EQ(0, vfio_attach(fds[2 + i], id, NULL));
		}
		ASSERT_EQ(0, ioas_map(fds[0], id, anon(N * PAGE), N * PAGE,
				      AT));
		rest = order;
		for (open = 4; open; open--) {
			EXPECT_EQ(fds[2] >= 0 || fds[3] >= 0 ? N : 0,
				  pinned() - before) {
				TH_LOG("order %d, %d open", order, open);
			}
			/* Digits of order: the number among those still open */
			skip = rest % open;
			rest /= open;
			for (i = 0; fds[i] < 0 || skip--; i++)
				;
			ASSERT_EQ(0, close(fds[i]));
			fds[i] = -1;
		}
		EXPECT_EQ(0, pinned() - before);
	}
}

TEST_F(iommufd, bound_device_keeps_the_context)
{
	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(N * PAGE),
			      N * PAGE, AT));
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(N, PINNED());
}

/* Signals in the middle of a call */

static atomic_int alarms;

static void on_alarm(int signal)
{
	(void)signal;
	alarms++;
}

static void set_timer(long usec)
{
	struct itimerval timer = {
		.it_interval = { 0, usec },
		.it_value = { 0, usec },
	};

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Only a signal that kills ends a call */
TEST_F_TIMEOUT(iommufd, signals_in_a_large_map, 120)
{
	struct sigaction action = { .sa_handler = on_alarm };
	const size_t length = 32 * HUGE;
	char *p = anon_aligned(length, HUGE);
	int i, rc, seen = 0;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, madvise(p, length, MADV_NOHUGEPAGE));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	for (i = 0; i < 10; i++) {
		alarms = 0;
		set_timer(1000 + 700 * i);
		rc = ioas_map(self->fd, self->ioas_id, p, length, AT);
		set_timer(0);
		seen += alarms;
		EXPECT_EQ(0, rc);
		EXPECT_EQ(IF_ATTACHED(length / PAGE), PINNED());
		EXPECT_EQ((long long)length,
			  ioas_empty(self->fd, self->ioas_id));
		EXPECT_EQ(0, PINNED());
		/* New memory, so that each map has its faults */
		ASSERT_EQ(0, madvise(p, length, MADV_DONTNEED));
	}
	if (variant->device)
		EXPECT_LT(0, seen);
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, p, length, AT));
}

/* Killed anywhere between the start of a map and the end of an unmap */
TEST_F_TIMEOUT(end, killed_in_the_middle, 120)
{
	const size_t length = 32 * HUGE;
	struct context c;
	pid_t pid;
	unsigned int i;
	char *p;

	for (i = 0; i < patient_rounds(30); i++) {
		ASSERT_EQ(0, turns_init(&self->turns));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			p = anon_aligned(length, HUGE);
			if (!p || madvise(p, length, MADV_NOHUGEPAGE) ||
			    context_open(&c, PAGE))
				_exit(1);
			turns_ready(&self->turns, 0);
			while (!ioas_map(c.fd, c.ioas_id, p, length, 2 * AT) &&
			       !ioas_unmap(c.fd, c.ioas_id, 2 * AT, length))
				;
			_exit(1);
		}
		ASSERT_EQ(0, turns_wait(&self->turns));
		usleep(1000 + i * 3700 * time_factor());
		kill(pid, variant->signal ?: SIGKILL);
		EXPECT_EQ(-(variant->signal ?: SIGKILL), exit_code(pid));
		EXPECT_EQ(0, PINNED());
		turns_end(&self->turns);
	}
}

TEST_HARNESS_MAIN

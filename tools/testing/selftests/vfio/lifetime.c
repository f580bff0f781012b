// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device is bound from BIND until the last reference to its file is gone, in
 * whatever order and by whatever process files are closed.
 */
#include <grp.h>
#include <signal.h>
#include <sys/socket.h>

#include "files.h"
#include "mmio.h"
#include "test.h"

FIXTURE(lifetime)
{
	int dev;
	int iommu;
	__u32 ioas;
	char *memory;
	long pinned;	/* pages, before the test */
};

/* mapped for the device in all tests */
#define PAGES	256
#define IOVA	0x100000ULL

FIXTURE_SETUP(lifetime)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	self->memory = anon_pages(PAGES);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory,
			      PAGES * PAGE, IOVA));
	ASSERT_EQ(self->pinned + PAGES, pinned());
}

/*
 * All files are closed: another process can have the device, and no memory is
 * pinned.
 */
FIXTURE_TEARDOWN(lifetime)
{
	EXPECT_EQ(0, bind_anew(EDU));
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(lifetime, device_closed_first)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, bind_anew(EDU));
	/* A mapping that no device uses pins nothing */
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(lifetime, iommu_closed_first)
{
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	EXPECT_EQ(self->pinned + PAGES, pinned());
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, close(self->dev));
}

TEST_F(lifetime, attach_after_the_iommu_was_closed)
{
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	/* The bound device keeps the context, with all its objects */
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(0, close(self->dev));
}

/* A bound device keeps the context, so its memory stays within reach */
TEST_F_TIMEOUT(lifetime, dma_after_the_iommu_was_closed, PATIENCE)
{
	char *memory = self->memory;
	struct edu edu;

	ASSERT_EQ(0, edu_open(&edu, self->dev));
	memset(memory, 'x', PAGE);
	ASSERT_EQ(0, close(self->iommu));
	ASSERT_EQ(0, edu_from_memory(&edu, IOVA, EDU_DMA_MAX));
	memset(memory, 0, PAGE);
	ASSERT_EQ(0, edu_to_memory(&edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(memory, 'x', EDU_DMA_MAX));
	edu_close(&edu);
	EXPECT_EQ(0, close(self->dev));
}

TEST_F(lifetime, every_order_of_three)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	size_t i, j;

	close(self->dev);
	close(self->iommu);
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		__u32 ioas;
		int fds[3];

		fds[0] = open_iommu(&ioas);
		fds[1] = open_vfio(EDU);
		fds[2] = open_vfio(NVME);
		ASSERT_EQ(0, vfio_bind(fds[1], fds[0], NULL));
		ASSERT_EQ(0, vfio_bind(fds[2], fds[0], NULL));
		ASSERT_EQ(0, vfio_attach(fds[1], ioas, NULL));
		ASSERT_EQ(0, vfio_attach(fds[2], ioas, NULL));
		ASSERT_EQ(0, ioas_map(fds[0], ioas, self->memory, PAGES * PAGE,
				      IOVA));
		for (j = 0; j < 3; j++)
			ASSERT_EQ(0, close(fds[orders[i][j]]));
		EXPECT_EQ(self->pinned, pinned());
		EXPECT_EQ(0, bind_anew(EDU));
		EXPECT_EQ(0, bind_anew(NVME));
	}
}

TEST_F(lifetime, duplicates)
{
	int dev2 = dup(self->dev), iommu2 = dup(self->iommu);
	__u32 ioas;

	ASSERT_LE(0, dev2);
	ASSERT_LE(0, iommu2);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_EQ(0, get_info(dev2));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	EXPECT_EQ(0, ioas_alloc(iommu2, &ioas));
	EXPECT_EQ(0, close(dev2));
	EXPECT_EQ(0, bind_anew(EDU));
	EXPECT_EQ(0, close(iommu2));
}

TEST_F(lifetime, mapped_registers_hold_the_device)
{
	size_t length;
	void *bar;

	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, vfio_map_bar(self->dev, 0, &bar, &length));
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	mmio_write32(bar + 4, 0);
	EXPECT_EQ(0xffffffff, mmio_read32(bar + 4));
	EXPECT_EQ(0, munmap(bar, length));
	EXPECT_EQ(0, bind_anew(EDU));
}

TEST_F(lifetime, a_forked_child_holds_the_device)
{
	int status, pipefd[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(pipefd[1]);
		if (read(pipefd[0], &byte, 1) < 0)	/* parent closed its */
			_exit(1);
		_exit(get_info(self->dev) ? 2 : 0);
	}
	close(pipefd[0]);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	close(pipefd[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, bind_anew(EDU));
}

TEST_F(lifetime, exec_closes)
{
	int status, pipefd[2], i;
	char byte = 0;
	pid_t pid;

	close(self->dev);
	close(self->iommu);
	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int dev = vfio_open(EDU), iommu = iommu_open();

		/* Both with O_CLOEXEC */
		if (vfio_bind(dev, iommu, NULL))
			_exit(1);
		if (write(pipefd[1], &byte, 1) != 1)
			_exit(1);
		raise(SIGSTOP);
		execlp("sleep", "sleep", "1000", NULL);
		_exit(2);
	}
	ASSERT_EQ(1, read(pipefd[0], &byte, 1));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	for (i = 0; i < 200 && bind_anew(EDU); i++)
		usleep(100000);
	EXPECT_EQ(0, bind_anew(EDU));
	/* exec has closed the files, not the end of the child */
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

TEST_F(lifetime, a_killed_process_leaves_nothing)
{
	int status, pipefd[2];
	char byte = 0;
	pid_t pid;

	close(self->dev);
	close(self->iommu);
	ASSERT_EQ(0, pipe(pipefd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int dev = vfio_open(EDU), iommu = iommu_open();
		__u32 ioas;

		if (vfio_bind(dev, iommu, NULL) || ioas_alloc(iommu, &ioas))
			_exit(1);
		if (vfio_attach(dev, ioas, NULL) ||
		    ioas_map(iommu, ioas, self->memory, PAGES * PAGE, 0))
			_exit(1);
		if (write(pipefd[1], &byte, 1) != 1)
			_exit(1);
		pause();
		_exit(1);
	}
	close(pipefd[1]);
	ASSERT_EQ(1, read(pipefd[0], &byte, 1));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	EXPECT_EQ(self->pinned + PAGES, pinned());
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(0, bind_anew(EDU));
}

/* A process that only receives a device and a context */
static int use_passed_fds(int sock, bool bound)
{
	char *memory = anon_pages(1);
	int dev, iommu, fds[2];
	size_t length;
	void *bar;
	__u32 ioas;

	/* Not root any more: open files are enough */
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		return 1;
	if (vfio_open(EDU) >= 0 || iommu_open() >= 0)
		return 2;
	if (files_receive(sock, fds, ARRAY_SIZE(fds)))
		return 3;
	dev = fds[0];
	iommu = fds[1];
	if (!bound && vfio_bind(dev, iommu, NULL))
		return 4;
	if (get_info(dev) || ioas_alloc(iommu, &ioas))
		return 5;
	if (ioas_map(iommu, ioas, memory, PAGE, 0))
		return 6;
	if (vfio_attach(dev, ioas, NULL))
		return 7;
	if (vfio_map_bar(dev, 0, &bar, &length))
		return 8;
	return 0;
}

static void pass(struct __test_metadata *_metadata, int dev, int iommu,
		 bool bound)
{
	int fds[] = { dev, iommu };
	int status, sock[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(sock[0]);
		close(dev);
		close(iommu);
		_exit(use_passed_fds(sock[1], bound));
	}
	close(sock[1]);
	ASSERT_EQ(0, files_send(sock[0], fds, ARRAY_SIZE(fds)));
	/* From here on only the child has the files */
	EXPECT_EQ(0, close(dev));
	EXPECT_EQ(0, close(iommu));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(sock[0]);
	EXPECT_EQ(0, bind_anew(EDU));
}

TEST_F(lifetime, passed_after_bind)
{
	pass(_metadata, self->dev, self->iommu, true);
}

TEST_F(lifetime, passed_before_bind)
{
	__u32 ioas;

	close(self->dev);
	close(self->iommu);
	pass(_metadata, open_vfio(EDU), open_iommu(&ioas), false);
}

TEST_HARNESS_MAIN

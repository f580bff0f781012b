// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of BARs (profile "sriov") that another driver imports.
 */
#include <sys/eventfd.h>
#include <time.h>

#include "../kernel.h"
#include "dma_buf.h"

FIXTURE(import)
{
	struct pair p;
	int buf;
	struct edu edu;		/* PAIR_0, through sysfs */
	struct iommu_test_cmd cmd;
};

FIXTURE_SETUP(import)
{
	ASSERT_EQ(0, module_load("iommufd_mock",
				 "/sys/module/iommufd_mock/refcnt"));
	self->buf = pair_open_buf(&self->p);
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, pci_release(PAIR_0));
	ASSERT_EQ(0, pci_release(PAIR_1));
	ASSERT_EQ(0, pci_map_bar0(PAIR_0, &self->edu.bar,
				  &self->edu.bar_length));
	ASSERT_EQ(0, pci_config_write16(PAIR_0, PCI_COMMAND,
					PCI_COMMAND_MEMORY |
					PCI_COMMAND_MASTER));
}

FIXTURE_TEARDOWN(import)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	EXPECT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
}

#define import(flags, delay_ms)						\
	mock_import(self->p.iommu, self->buf, flags, delay_ms)
#define use(import, how)						\
	import_use(self->p.iommu, import, MOCK_IMPORT_##how, &self->cmd)

TEST_F_TIMEOUT(import, reaches_the_bar, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	fill_bar(self->p.bar, '-', LENGTH);
	fill_bar(self->p.bar, 'r', EDU_DMA_MAX);
	EXPECT_EQ(0, edu_from_memory(&self->edu, self->cmd.import_use.out_addr,
				     EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->edu,
				   self->cmd.import_use.out_addr + PAGE,
				   EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE, 'r', EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE + EDU_DMA_MAX, '-',
			       EDU_DMA_MAX));
	EXPECT_EQ(0, use(fd, UNMAP));
	EXPECT_EQ(0, use(fd, MAP));
	EXPECT_EQ(0, self->cmd.import_use.out_notified);
}

TEST_F_TIMEOUT(import, that_cannot_let_go_is_refused, PATIENCE)
{
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_NO_PEER, 0));
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_STATIC, 0));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(-ENODEV, import(0, 0));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_LE(0, import(0, 0));
}

/* Only newer kernels ask of an importer that pins to let go all the same */
TEST_F_TIMEOUT(import, that_pins, PATIENCE)
{
	const int rc = kernel_before(7, 2, 0) ? -EOPNOTSUPP : 0;
	int pinned = import(MOCK_IMPORT_PINNED, 0);
	int fd = import(0, 0);
	int i;

	ASSERT_LE(0, pinned);
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(rc, use(pinned, MAP));
		EXPECT_EQ(0, use(fd, MAP));
		EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
		EXPECT_EQ(0, use(pinned, UNMAP));
		EXPECT_EQ(0, use(fd, UNMAP));
	}
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(0, use(pinned, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, device_reset(self->p.target));
}

TEST_F_TIMEOUT(import, is_told_of_each_change, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(1, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, true));
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(2, self->cmd.import_use.out_notified);
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	ASSERT_EQ(0, device_reset(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(4, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(0, use(fd, MAP));

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(5, self->cmd.import_use.out_notified);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, use(fd, MAP));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Nothing happens to the device before the importer has let go */
TEST_F_TIMEOUT(import, is_waited_for, PATIENCE)
{
	int fd = import(0, 1000);
	double start = seconds();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_LE(1, seconds() - start);
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(0, use(fd, MAP));
	/* Its end is waited for as well */
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, decoding(self->p.target, false));
}

/*
 * As many ranges as there is memory to hold them; each is mapped by itself.  The
 * kernel's dma_buf_phys_vec_to_sgt() maps each to the IOVA of the first one.
 */
TEST_F_TIMEOUT(import, of_many_ranges, PATIENCE)
{
	const int rc = kernel_before(7, 0, 0) ? 0 : -EADDRINUSE;
	enum { MANY = 8192 };
	const size_t size = offsetof(struct request, ranges[MANY]);
	struct request *request = calloc(1, size);
	struct vfio_region_dma_range *ranges;
	unsigned int i;
	int buf, fd;

	ASSERT_NE(NULL, request);
	ranges = request->buf.dma_ranges;
	*request = request_of(CMB, 0, PAGE);
	request->feature.argsz = size;
	request->buf.nr_ranges = MANY;
	for (i = 0; i < MANY; i++)
		ranges[i] = (struct vfio_region_dma_range){
			.offset = i % 8 * PAGE,
			.length = PAGE,
		};
	buf = get_feature(self->p.target, request, VFIO_DEVICE_FEATURE_GET);
	ASSERT_LE(0, buf);
	EXPECT_EQ((off_t)(MANY * PAGE), lseek(buf, 0, SEEK_END));
	fd = mock_import(self->p.iommu, buf, 0, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(rc, use(fd, MAP));
	if (!rc)
		EXPECT_EQ(MANY * PAGE, self->cmd.import_use.out_length);
	ASSERT_EQ(0, decoding(self->p.target, false));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	/* The last one is beyond the BAR */
	ranges[MANY - 1].offset = self->p.bar_length;
	EXPECT_EQ(-EINVAL, get_feature(self->p.target, request,
				       VFIO_DEVICE_FEATURE_GET));
	free(request);
}

#define DELAY_MS	5000

/* Wait until the importer is told that it has to let go */
#define AWAIT_NOTIFICATION(fd)						\
do {									\
	do {								\
		usleep(10000);						\
		ASSERT_EQ(0, use(fd, LOOK));				\
	} while (!self->cmd.import_use.out_notified);			\
	ASSERT_EQ(LENGTH, self->cmd.import_use.out_length);		\
} while (0)

/* Who is killed while the importer is waited for has done what it began */
TEST_F_TIMEOUT(import, is_waited_for_by_a_process_that_is_killed, PATIENCE)
{
	int fd = import(0, DELAY_MS), status;
	__u16 command;
	pid_t child;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	child = fork();
	if (!child)
		_exit(decoding(self->p.target, false) ? 1 : 0);
	ASSERT_LT(0, child);
	AWAIT_NOTIFICATION(fd);
	ASSERT_EQ(0, kill(child, SIGKILL));
	/* Others can use the device's files meanwhile */
	EXPECT_EQ(0, get_info(self->p.target));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	ASSERT_EQ(0, vfio_config_read(self->p.target, PCI_COMMAND, &command,
				      sizeof(command)));
	EXPECT_EQ(0, command & PCI_COMMAND_MEMORY);
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(0, use(fd, MAP));
}

TEST_F_TIMEOUT(import, outlives_a_user_who_is_killed, PATIENCE)
{
	int fd = import(0, DELAY_MS), status;
	pid_t child;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	child = fork();
	if (!child) {
		pause();
		_exit(1);
	}
	ASSERT_LT(0, child);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_notified);
	ASSERT_EQ(0, kill(child, SIGKILL));
	AWAIT_NOTIFICATION(fd);
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, use(fd, MAP));
}

/* The driver leaves the device: its user is waited for, and so is the importer */
TEST_F_TIMEOUT(import, outlives_the_driver, PATIENCE)
{
	int fd = import(0, DELAY_MS), asked = eventfd(0, EFD_CLOEXEC), status;
	double start;
	pid_t child;
	__u64 n;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_LE(0, asked);
	ASSERT_EQ(0, vfio_set_irq(self->p.target, VFIO_PCI_REQ_IRQ_INDEX, asked));
	child = fork();
	if (!child) {
		munmap(self->p.bar, self->p.bar_length);
		close(self->p.target);
		_exit(-pci_unbind(self->p.target_bdf));
	}
	ASSERT_LT(0, child);
	ASSERT_EQ(8, read(asked, &n, 8));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_notified);
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	start = seconds();
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_LE(DELAY_MS / 1000, seconds() - start);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_FALSE(pci_bound_to(self->p.target_bdf, "vfio-pci"));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(1, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, use(fd, MAP));
}

static int unload_vfio_pci(void)
{
	return module_unload("vfio_pci", "/sys/module/vfio_pci");
}

/* What has the dma-buf may call its exporter's module, which stays so long */
TEST_F_TIMEOUT(import, keeps_the_module, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, ioas_map_file(self->p.iommu, self->p.ioas, self->buf, 0,
				   LENGTH, BAR_IOVA));
	/* Nobody uses a device any more, and none has the driver */
	edu_close(&self->p.edu);
	memset(&self->p.edu, 0, sizeof(self->p.edu));
	ASSERT_EQ(0, close(self->p.dev));
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, pci_bind(EDU, NULL));
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, NULL));
	EXPECT_EQ(-EAGAIN, unload_vfio_pci());
	ASSERT_EQ(0, close(self->buf));
	EXPECT_EQ(-EAGAIN, unload_vfio_pci());
	ASSERT_EQ(0, close(fd));
	EXPECT_EQ(1, module_users("vfio_pci"));
	EXPECT_EQ(-EAGAIN, unload_vfio_pci());
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_EQ(0, module_users("vfio_pci"));
	EXPECT_EQ(0, unload_vfio_pci());
	EXPECT_EQ(0, module_load("vfio-pci", "/sys/module/vfio_pci"));
	EXPECT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/PID/fdinfo of a device file: the device, whether its DMA is coherent, its
 * ID in the context that it is bound to, and the page table that it is attached
 * to.
 */
#include <signal.h>

#include "machine.h"

/*
 * The value behind a key such as "vfio-device:\t" in a process's fdinfo of a
 * file, 0 if no line begins with the key, or a negative errno
 */
static int fdinfo_line(const char *pid, int fd, const char *key,
		       char value[PATH_MAX])
{
	char path[64], line[PATH_MAX];
	int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%d", pid, fd);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		line[strcspn(line, "\n")] = 0;
		strcpy(value, line + strlen(key));
		found++;
	}
	fclose(file);
	return found;
}

/* The ID behind a key, 0 if there is none, or -1 if the line is wrong */
static long fdinfo_id(int fd, const char *key)
{
	char value[PATH_MAX], *end;
	long id;
	int n = fdinfo_line("self", fd, key, value);

	if (!n)
		return 0;
	id = strtol(value, &end, 10);
	return n == 1 && end != value && !*end && id > 0 ? id : -1;
}

#define SYSPATH	"vfio-device-syspath: "
#define DEVICE	"vfio-device:\t"
#define COHERENT "vfio-dma-coherent:\t"
#define ID	"vfio-iommufd-device:\t"
#define PT	"vfio-iommufd-pt:\t"

FIXTURE(fdinfo)
{
	char syspath[PATH_MAX];
	char value[PATH_MAX];
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(fdinfo)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_NE(NULL, realpath("/sys/bus/pci/devices/" EDU, self->syspath));
}

FIXTURE_TEARDOWN(fdinfo)
{
	close(self->dev);
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(fdinfo, a_parked_file_has_its_device)
{
	ASSERT_EQ(1, fdinfo_line("self", self->dev, DEVICE, self->value));
	EXPECT_STREQ(EDU, self->value);
	ASSERT_EQ(1, fdinfo_line("self", self->dev, SYSPATH, self->value));
	EXPECT_STREQ(self->syspath, self->value);
	EXPECT_EQ(0, fdinfo_id(self->dev, ID));
	EXPECT_EQ(0, fdinfo_id(self->dev, PT));
}

/* Of VT-d that has a register, whatever the kernel; AMD's IOMMUs always can */
static bool is_coherent(void)
{
	return iommu_of(EDU) == AMD || ECAP_SC(vtd_register(EDU, "ecap"));
}

/* Ask the compatibility IOAS, which becomes ioas */
static int container_is_coherent(int iommu, __u32 ioas)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set),
		.ioas_id = ioas,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	return ERR(ioctl(iommu, IOMMU_VFIO_IOAS, &set)) ?:
	       ERR(ioctl(iommu, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU));
}

TEST_F(fdinfo, says_whether_dma_is_coherent_before_there_is_an_ioas)
{
	const char *profile = getenv("IOMMUFD_PROFILE") ?: "";
	const char *coherent = is_coherent() ? "1" : "0";

	EXPECT_EQ(is_coherent(),
		  !strcmp(profile, "snoop") || !strcmp(profile, "amd"));
	ASSERT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, COHERENT, self->value));
	EXPECT_STREQ(coherent, self->value);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, COHERENT, self->value));
	EXPECT_STREQ(coherent, self->value);

	/* The page table that the device gets agrees */
	ASSERT_EQ(0, ioas_alloc(self->iommu, &self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, COHERENT, self->value));
	EXPECT_STREQ(coherent, self->value);
	EXPECT_EQ(is_coherent(), container_is_coherent(self->iommu, self->ioas));

	/* A file whose device has gone goes on to say it */
	ASSERT_EQ(0, close(self->dev));
	self->dev = vfio_open(EDU);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, pci_bind(EDU, NULL));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, COHERENT, self->value));
	EXPECT_STREQ(coherent, self->value);
}

/* Where the kernel tells what the IOMMU can do, that is the same */
TEST_F(fdinfo, agrees_with_the_hardware_information)
{
	/* As linux/iommufd.h of newer kernels has it */
	struct {
		__u32 flags;
		__u32 reserved;
		__u64 cap;
		__u64 ecap;
	} vtd;
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.data_len = sizeof(vtd),
		.data_uptr = (uintptr_t)&vtd,
	};

	ASSERT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &info.dev_id));
	ASSERT_EQ(0, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO, &info)));
	if (info.out_data_type != IOMMU_HW_INFO_TYPE_INTEL_VTD) {
		EXPECT_FALSE(has_hw_info(EDU));
		SKIP(return, "this kernel has no hardware information");
	}
	ASSERT_EQ(1, fdinfo_line("self", self->dev, COHERENT, self->value));
	EXPECT_STREQ(ECAP_SC(vtd.ecap) ? "1" : "0", self->value);
}

TEST_F(fdinfo, a_failed_bind_changes_nothing)
{
	ASSERT_EQ(-EINVAL, vfio_bind(self->dev, -1, NULL));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, DEVICE, self->value));
	EXPECT_EQ(0, fdinfo_id(self->dev, ID));
	EXPECT_EQ(0, fdinfo_id(self->dev, PT));
}

TEST_F(fdinfo, a_bound_file_has_the_id_of_the_device)
{
	__u32 id = 0;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, DEVICE, self->value));
	EXPECT_STREQ(EDU, self->value);
	EXPECT_EQ(id, fdinfo_id(self->dev, ID));
	EXPECT_EQ(0, fdinfo_id(self->dev, PT));
}

TEST_F(fdinfo, an_attached_file_has_the_id_of_the_page_table)
{
	__u32 id, ioas2, unused = 0x7fffffff, pt = self->ioas;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id));
	ASSERT_EQ(-ENOENT, vfio_attach(self->dev, unused, &unused));
	EXPECT_EQ(0, fdinfo_id(self->dev, PT));

	ASSERT_EQ(0, vfio_attach(self->dev, pt, &pt));
	EXPECT_EQ(pt, fdinfo_id(self->dev, PT));
	ASSERT_EQ(-ENOENT, vfio_attach(self->dev, unused, &unused));
	EXPECT_EQ(pt, fdinfo_id(self->dev, PT));
	pt = ioas2;
	ASSERT_EQ(0, vfio_attach(self->dev, pt, &pt));
	EXPECT_EQ(pt, fdinfo_id(self->dev, PT));
	EXPECT_EQ(id, fdinfo_id(self->dev, ID));

	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, fdinfo_id(self->dev, PT));
	EXPECT_EQ(id, fdinfo_id(self->dev, ID));
}

/* In a group, too, only calls on a device's own file change its page table. */
TEST_F(fdinfo, devices_of_a_group_have_the_page_table_they_share)
{
	__u32 pt = self->ioas, same = self->ioas, ioas2, other;
	int pair[2], i;

	ASSERT_ONE_GROUP(PAIR_0, PAIR_1);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	pair[0] = open_vfio(PAIR_0);
	pair[1] = open_vfio(PAIR_1);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vfio_bind(pair[i], self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(pair[0], pt, &pt));
	EXPECT_EQ(pt, fdinfo_id(pair[0], PT));
	EXPECT_EQ(0, fdinfo_id(pair[1], PT));
	ASSERT_EQ(0, vfio_attach(pair[1], same, &same));
	EXPECT_EQ(pt, fdinfo_id(pair[1], PT));

	other = ioas2;
	EXPECT_EQ(-EINVAL, vfio_attach(pair[0], other, &other));
	EXPECT_EQ(pt, fdinfo_id(pair[0], PT));
	EXPECT_EQ(0, vfio_detach(pair[0]));
	EXPECT_EQ(0, fdinfo_id(pair[0], PT));
	EXPECT_EQ(pt, fdinfo_id(pair[1], PT));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, close(pair[i]));
}

TEST_F(fdinfo, a_parked_file_keeps_the_name_of_a_device_that_is_gone)
{
	ASSERT_EQ(0, pci_bind(EDU, NULL));
	ASSERT_EQ(1, fdinfo_line("self", self->dev, DEVICE, self->value));
	EXPECT_STREQ(EDU, self->value);
	EXPECT_EQ(0, fdinfo_id(self->dev, ID));
}

#define ROUNDS	((int)patient_rounds(50))

/* Another process reads all the time, and exits with 1 if a line is wrong */
static void read_on(pid_t pid, int fd)
{
	char value[PATH_MAX], of[16];

	snprintf(of, sizeof(of), "%d", pid);
	for (;;) {
		int n = fdinfo_line(of, fd, DEVICE, value);

		if (n > 1 || (n == 1 && strcmp(value, EDU)))
			_exit(1);
		n = fdinfo_line(of, fd, PT, value);
		if (n > 1 || (n == 1 && atoi(value) <= 0))
			_exit(1);
	}
}

TEST_F_TIMEOUT(fdinfo, can_be_read_during_bind_attach_and_close, PATIENCE)
{
	int fd = self->dev, i, rc, status;
	pid_t reader;

	ASSERT_EQ(0, close(fd));
	reader = fork();
	if (!reader)
		read_on(getppid(), fd);
	ASSERT_LT(0, reader);
	for (i = 0; i < ROUNDS; i++) {
		__u32 pt = self->ioas;

		self->dev = vfio_open(EDU);
		ASSERT_EQ(fd, self->dev);
		/* The reader may still hold the file that was closed last. */
		do {
			rc = vfio_bind(self->dev, self->iommu, NULL);
		} while (rc == -EINVAL);
		ASSERT_EQ(0, rc);
		ASSERT_EQ(0, vfio_attach(self->dev, pt, &pt));
		ASSERT_EQ(0, vfio_detach(self->dev));
		ASSERT_EQ(0, close(self->dev));
	}
	self->dev = -1;
	EXPECT_EQ(0, waitpid(reader, &status, WNOHANG));
	ASSERT_EQ(0, kill(reader, SIGKILL));
	ASSERT_EQ(reader, waitpid(reader, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_HARNESS_MAIN

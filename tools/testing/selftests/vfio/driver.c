// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci takes the place of the kernel's driver of that name: the same module
 * parameters, the same ways to give it a device, and SR-IOV (the VM's profile
 * "sriov").  No emulated device is on the denylist: its parameter is only read.
 */
#include <dirent.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "group.h"
#include "sriov.h"

#define NIC	"0000:00:08.0"

/* The devices that tests use */
static const char * const devices[] = { EDU, NVME, PAIR_0, PAIR_1, NIC, VGA };

static int module_parameter(const char *name, char *value)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, value, 1);
	close(fd);
	return n == 1 ? 0 : -EIO;
}

/* Wait for a file of the device to have a value */
static bool becomes(const char *bdf, const char *name, const char *value)
{
	char text[64];
	int i;

	for (i = 0; i < 100; i++) {
		if (!pci_read(bdf, name, text, sizeof(text)) &&
		    !strcmp(text, value))
			return true;
		usleep(100000);
	}
	return false;
}

/* A device of vfio-pci is useful only with a device file */
static bool has_device_file(const char *bdf)
{
	int fd = vfio_open(bdf);

	close(fd);
	return fd >= 0;
}

FIXTURE(driver)
{
	char edu[BDF_LEN];	/* on another bus */
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(driver)
{
	ASSERT_EQ(0, pci_behind(RESET_PORT, 0, self->edu));
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_pci_reload(""));
}

FIXTURE_TEARDOWN(driver)
{
	size_t i;

	close_all();
	/* Without the driver all devices are free, those given by ID as well */
	EXPECT_EQ(0, vfio_pci_reload(""));
	for (i = 0; i < ARRAY_SIZE(devices); i++)
		EXPECT_EQ(0, pci_release(devices[i]));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

static const struct {
	const char *name;
	mode_t mode;
} parameters[] = {
	{ "disable_denylist", 0444 },
	{ "disable_idle_d3", 0644 },
#ifdef __x86_64__ /* the kernel gives access to VGA there only */
	{ "disable_vga", 0444 },
#endif
	{ "enable_sriov", 0644 },
	{ "enable_unsafe_noiommu_mode", 0444 },
	{ "nointxmask", 0644 },
};

/* The parameter "ids" has no file */
TEST_F(driver, parameters)
{
	struct dirent *entry;
	char path[PATH_MAX];
	unsigned int n = 0;
	struct stat st;
	char value;
	size_t i;
	DIR *dir;

	/* Our own parameter, if the kernel has KVM; kvm.c tests it */
	if (!module_parameter("kvm", &value)) {
		EXPECT_EQ('Y', value);
		ASSERT_EQ(0, stat(PARAMETERS "/kvm", &st));
		EXPECT_EQ(S_IFREG | 0444, st.st_mode);
		n--;
	}
	/* The stock driver's parameters */
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		snprintf(path, sizeof(path), PARAMETERS "/%s",
			 parameters[i].name);
		ASSERT_EQ(0, stat(path, &st)) TH_LOG("%s", path);
		EXPECT_EQ(S_IFREG | parameters[i].mode, st.st_mode);
		ASSERT_EQ(0, module_parameter(parameters[i].name, &value));
		EXPECT_EQ('N', value);
	}
	dir = opendir(PARAMETERS);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	EXPECT_EQ(ARRAY_SIZE(parameters), n);
}

TEST_F(driver, parameters_are_taken_at_load)
{
	char all[256] = "", value;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		strcat(all, parameters[i].name);
		strcat(all, "=1 ");
	}
	ASSERT_EQ(0, vfio_pci_reload(all));
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		ASSERT_EQ(0, module_parameter(parameters[i].name, &value));
		EXPECT_EQ('Y', value) TH_LOG("%s", parameters[i].name);
	}
}

TEST_F(driver, ids_take_devices_at_load)
{
	ASSERT_EQ(0, vfio_pci_reload("ids=1234:11e8,8086:10d3"));
	EXPECT_TRUE(pci_bound_to(EDU, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(PAIR_0, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(PAIR_1, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(self->edu, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(NIC, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(NVME, NULL));
	EXPECT_TRUE(pci_bound_to(VGA, NULL));
	EXPECT_EQ(0, bind_anew(EDU));
	EXPECT_EQ(0, bind_anew(NIC));
}

TEST_F(driver, wrong_ids_are_warned_of_and_passed_over)
{
	int log = kmsg_open();
	char line[1024];

	ASSERT_LE(0, log);
	ASSERT_EQ(0, vfio_pci_reload("ids=zz,,1234,8086:10d3"));
	EXPECT_TRUE(kmsg_find(log, "vfio_pci", "\"zz\"", 5000, line));
	EXPECT_TRUE(kmsg_find(log, "vfio_pci", "\"1234\"", 5000, line));
	EXPECT_TRUE(pci_bound_to(NIC, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(EDU, NULL));
	close(log);
}

TEST_F(driver, ids_can_name_a_subsystem)
{
	ASSERT_EQ(0, vfio_pci_reload("ids=1234:11e8:1af4:1101,1234:11e8:1af5"));
	EXPECT_TRUE(pci_bound_to(EDU, NULL));
	ASSERT_EQ(0, vfio_pci_reload("ids=1234:11e8:1af4:1100"));
	EXPECT_TRUE(pci_bound_to(EDU, "vfio-pci"));
}

#define ANY "ffffffff"

TEST_F(driver, ids_can_name_a_class)
{
	ASSERT_EQ(0, vfio_pci_reload("ids=" ANY ":" ANY ":" ANY ":" ANY
			  ":020000:ffff00"));
	EXPECT_TRUE(pci_bound_to(NIC, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(EDU, NULL));
	EXPECT_TRUE(pci_bound_to(NVME, NULL));
	EXPECT_TRUE(pci_bound_to(VGA, NULL));
}

TEST_F(driver, takes_no_device_that_is_not_meant_for_it)
{
	EXPECT_EQ(-ENODEV, pci_write_driver("vfio-pci", "bind", EDU));
	ASSERT_EQ(0, pci_write(EDU, "driver_override", "somebody-else"));
	EXPECT_EQ(-ENODEV, pci_write_driver("vfio-pci", "bind", EDU));
	EXPECT_TRUE(pci_bound_to(EDU, NULL));
	EXPECT_FALSE(has_device_file(EDU));
	ASSERT_EQ(0, pci_write(EDU, "driver_override", "vfio-pci"));
	EXPECT_EQ(0, pci_write_driver("vfio-pci", "bind", EDU));
	EXPECT_TRUE(pci_bound_to(EDU, "vfio-pci"));
	EXPECT_EQ(0, bind_anew(EDU));
}

TEST_F(driver, new_id)
{
	const char *id = "1234 11e8";

	ASSERT_EQ(0, pci_write_driver("vfio-pci", "new_id", id));
	EXPECT_TRUE(pci_bound_to(EDU, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(PAIR_1, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(NIC, NULL));
	EXPECT_EQ(0, bind_anew(EDU));
	EXPECT_EQ(-EEXIST, pci_write_driver("vfio-pci", "new_id", id));

	ASSERT_EQ(0, pci_write_driver("vfio-pci", "remove_id", id));
	EXPECT_TRUE(pci_bound_to(EDU, "vfio-pci"));
	EXPECT_EQ(-ENODEV, pci_write_driver("vfio-pci", "remove_id", id));
	ASSERT_EQ(0, pci_unbind(EDU));
	EXPECT_EQ(-ENODEV, pci_write_driver("vfio-pci", "bind", EDU));
}

TEST_F_TIMEOUT(driver, unused_device_sleeps, PATIENCE)
{
	int dev = open_vfio(NIC);

	/* A parked file does not wake it; the status is the last to change */
	EXPECT_TRUE(becomes(NIC, "power/runtime_status", "suspended"));
	EXPECT_TRUE(is(NIC, "power_state", "D3hot"));
	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	EXPECT_TRUE(is(NIC, "power_state", "D0"));
	EXPECT_TRUE(is(NIC, "power/runtime_status", "active"));
	ASSERT_EQ(0, close(dev));
	EXPECT_TRUE(becomes(NIC, "power/runtime_status", "suspended"));
	EXPECT_TRUE(is(NIC, "power_state", "D3hot"));
}

TEST_F_TIMEOUT(driver, disable_idle_d3, PATIENCE)
{
	int dev;

	ASSERT_EQ(0, vfio_pci_reload("disable_idle_d3=1"));
	dev = open_vfio(NIC);
	sleep(2);
	EXPECT_TRUE(is(NIC, "power_state", "D0"));
	EXPECT_TRUE(is(NIC, "power/runtime_status", "active"));
	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	ASSERT_EQ(0, close(dev));
	sleep(2);
	EXPECT_TRUE(is(NIC, "power_state", "D0"));
	EXPECT_TRUE(is(NIC, "power/runtime_status", "active"));
}

static int want_intx(int dev)
{
	return vfio_set_irq(dev, VFIO_PCI_INTX_IRQ_INDEX,
			    eventfd(0, EFD_CLOEXEC));
}

/* Two functions can share an interrupt line, since both can mask it */
TEST_F(driver, interrupt_line_is_shared)
{
	int dev0 = open_vfio(PAIR_0), dev1 = open_vfio(PAIR_1);

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	EXPECT_EQ(0, want_intx(dev0));
	EXPECT_EQ(0, want_intx(dev1));
	close(dev0);
	close(dev1);
}

TEST_F(driver, nointxmask)
{
	int dev0, dev1;

	ASSERT_EQ(0, vfio_pci_reload("nointxmask=1"));
	dev0 = open_vfio(PAIR_0);
	dev1 = open_vfio(PAIR_1);
	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	EXPECT_EQ(0, want_intx(dev0));
	EXPECT_EQ(-EBUSY, want_intx(dev1));
	close(dev0);
	close(dev1);
}

#ifdef __x86_64__
TEST_F(driver, vga_region)
{
	struct vfio_region_info info;
	int dev = open_vfio(VGA);

	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(0, vfio_region(dev, VFIO_PCI_VGA_REGION_INDEX, &info));
	EXPECT_EQ(0xc0000, info.size);
	close(dev);
}

TEST_F(driver, disable_vga)
{
	struct vfio_region_info info;
	int dev;

	ASSERT_EQ(0, vfio_pci_reload("disable_vga=1"));
	dev = open_vfio(VGA);
	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vfio_region(dev, VFIO_PCI_VGA_REGION_INDEX, &info));
	EXPECT_EQ(0, vfio_region(dev, 0, &info));
	close(dev);
}
#endif

/* A write to sysfs that may have to wait for a user of the device */
struct writer {
	pthread_t thread;
	const char *bdf;
	const char *name;
	const char *text;
	int rc;
	bool done;
};

static void *writer_thread(void *arg)
{
	struct writer *writer = arg;

	writer->rc = pci_write(writer->bdf, writer->name, writer->text);
	__atomic_store_n(&writer->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void writer_start(struct writer *writer, const char *bdf,
			 const char *name, const char *text)
{
	*writer = (struct writer){ .bdf = bdf, .name = name, .text = text };
	pthread_create(&writer->thread, NULL, writer_thread, writer);
}

/* Does the writer still wait after some time? */
static bool writer_waits(struct writer *writer)
{
	sleep(2);
	return !__atomic_load_n(&writer->done, __ATOMIC_ACQUIRE);
}

static int writer_end(struct writer *writer)
{
	pthread_join(writer->thread, NULL);
	return writer->rc;
}

FIXTURE(sriov)
{
	char pf[BDF_LEN];
	char vf[BDF_LEN];	/* the first one, while there is one */
	int iommu;
	__u32 ioas;
};

FIXTURE_VARIANT(sriov)
{
	const char *pf_driver;
	bool token;	/* of the PF's user, which the VF's user must know */
};

FIXTURE_VARIANT_ADD(sriov, pf_of_vfio_pci)
{
	.pf_driver = "vfio-pci",
	.token = true,
};

FIXTURE_VARIANT_ADD(sriov, pf_of_another_driver)
{
	.pf_driver = STUB,
};

FIXTURE_SETUP(sriov)
{
	ASSERT_EQ(0, find_pf(self->pf));
	ASSERT_EQ(0, vfio_pci_reload("enable_sriov=1"));
	ASSERT_EQ(0, pci_bind(self->pf, variant->pf_driver));
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(sriov)
{
	close_all();
	EXPECT_EQ(0, no_sriov(self->pf));
	EXPECT_EQ(-ENOENT, pci_virtfn(self->pf, 0, self->vf));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

/* Two virtual functions; the first one is given to vfio-pci */
#define ASSERT_VFS_CREATED()						\
do {									\
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "2"));		\
	ASSERT_EQ(0, pci_virtfn(self->pf, 0, self->vf));		\
	ASSERT_EQ(variant->token, pci_bound_to(self->vf, "vfio-pci"));	\
	ASSERT_EQ(0, pci_bind(self->vf, "vfio-pci"));			\
} while (0)

TEST_F(sriov, parked_file_does_not_keep_a_vf)
{
	int dev;

	ASSERT_VFS_CREATED();
	dev = vfio_open(self->vf);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
	EXPECT_FALSE(pci_exists(self->vf));
	EXPECT_EQ(-ENODEV, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev));

	/* The file is not one of the new VF either */
	ASSERT_VFS_CREATED();
	EXPECT_EQ(-ENODEV, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(variant->token ? -EACCES : 0, bind_anew(self->vf));
	EXPECT_EQ(0, close(dev));
}

TEST_F_TIMEOUT(sriov, vf_in_use_is_waited_for, PATIENCE)
{
	struct group_user user;
	struct writer writer;
	int parked, dev, pf = -1;

	if (variant->token) {
		pf = vfio_open(self->pf);
		ASSERT_EQ(0, vfio_bind(pf, self->iommu, NULL));
		ASSERT_EQ(0, set_token(pf, TOKEN_BYTES));
	}
	ASSERT_VFS_CREATED();
	parked = vfio_open(self->vf);
	ASSERT_LE(0, parked);
	if (variant->token) {
		ASSERT_EQ(0, group_user_start(&user, self->vf));
		ASSERT_EQ(0, get_with_token(&user, self->vf, TOKEN));
		dev = user.dev;
	} else {
		dev = vfio_open(self->vf);
		ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	}
	writer_start(&writer, self->pf, "sriov_numvfs", "0");
	EXPECT_TRUE(writer_waits(&writer));
	EXPECT_EQ(0, get_info(dev));
	EXPECT_EQ(-ENODEV, vfio_bind(parked, self->iommu, NULL));
	if (variant->token) {
		group_user_end(&user);
		EXPECT_EQ(0, get_info(pf));
		close(pf);
	} else {
		close(dev);
	}
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_FALSE(pci_exists(self->vf));
	EXPECT_EQ(-ENODEV, vfio_bind(parked, self->iommu, NULL));
	EXPECT_EQ(0, close(parked));
}

/*
 * Opens and binds a VF until told to stop, whether the VF is there or not.
 * EAGAIN: the core cannot reset the VF, which its removal has locked.
 */
struct vf_user {
	pthread_t thread;
	const char *pf;
	int iommu;
	bool stop;
	/* Number of binds */
	int bound;
	int refused;
	int other;
	int last_other;
};

static void *vf_user_thread(void *arg)
{
	struct vf_user *user = arg;
	char vf[BDF_LEN];
	int dev, rc;

	while (!__atomic_load_n(&user->stop, __ATOMIC_RELAXED)) {
		if (pci_virtfn(user->pf, 0, vf))
			continue;
		dev = vfio_open(vf);
		rc = dev < 0 ? dev : vfio_bind(dev, user->iommu, NULL);
		if (!rc)
			rc = get_info(dev);
		if (!rc) {
			user->bound++;
		} else if (rc == -EACCES) {
			user->refused++;
		} else if (!is_of_going_vf(rc)) {
			user->other++;
			user->last_other = rc;
		}
		close(dev);
	}
	return NULL;
}

/* Freed memory must not be used: the kernel checks its slabs */
TEST_F_TIMEOUT(sriov, vfs_come_and_go_below_their_users, PATIENCE)
{
	struct vf_user user = { .pf = self->pf, .iommu = self->iommu };
	int i, parked;

	pthread_create(&user.thread, NULL, vf_user_thread, &user);
	for (i = 0; i < 20; i++) {
		ASSERT_VFS_CREATED();
		parked = vfio_open(self->vf);
		ASSERT_LE(0, parked);
		usleep(20000 + i * 1000);
		ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
		ASSERT_FALSE(pci_exists(self->vf));
		ASSERT_EQ(-ENODEV, vfio_bind(parked, self->iommu, NULL));
		close(parked);
	}
	__atomic_store_n(&user.stop, true, __ATOMIC_RELAXED);
	pthread_join(user.thread, NULL);
	TH_LOG("bound %d times, refused %d times", user.bound, user.refused);
	EXPECT_EQ(0, user.other) TH_LOG("last: %d", user.last_other);
	EXPECT_LT(0, variant->token ? user.refused : user.bound);
	EXPECT_EQ(0, variant->token ? user.bound : user.refused);
}

FIXTURE(pf)
{
	char pf[BDF_LEN];
	char vf[BDF_LEN];
	int dev;	/* of the PF, parked */
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(pf)
{
	ASSERT_EQ(0, find_pf(self->pf));
	ASSERT_EQ(0, vfio_pci_reload(""));
	self->dev = open_vfio(self->pf);
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(pf)
{
	close_all();
	EXPECT_EQ(0, no_sriov(self->pf));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

TEST_F(pf, has_vfs_if_enable_sriov_says_so)
{
	EXPECT_EQ(-ENOENT, pci_write(self->pf, "sriov_numvfs", "1"));
	EXPECT_TRUE(is(self->pf, "sriov_numvfs", "0"));
	EXPECT_EQ(-ENOENT, pci_virtfn(self->pf, 0, self->vf));
	ASSERT_EQ(0, set_module_parameter("enable_sriov", "Y"));
	EXPECT_EQ(0, pci_write(self->pf, "sriov_numvfs", "1"));
	EXPECT_TRUE(is(self->pf, "sriov_numvfs", "1"));
	EXPECT_EQ(0, pci_virtfn(self->pf, 0, self->vf));
	EXPECT_EQ(-ENOENT, pci_virtfn(self->pf, 1, self->vf));
}

TEST_F(pf, in_use_can_have_vfs)
{
	char vf[2][BDF_LEN];
	int i;

	ASSERT_EQ(0, set_module_parameter("enable_sriov", "Y"));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "2"));
	for (i = 0; i < 2; i++) {
		/* vfio-pci takes the VFs, so that no driver of the host does */
		ASSERT_EQ(0, pci_virtfn(self->pf, i, vf[i]));
		EXPECT_TRUE(pci_bound_to(vf[i], "vfio-pci"));
		EXPECT_TRUE(is(vf[i], "driver_override", "vfio-pci"));
		EXPECT_EQ(-EACCES, bind_anew(vf[i]));
		EXPECT_NE(pci_group(self->pf), pci_group(vf[i]));
	}
	EXPECT_EQ(0, get_info(self->dev));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
	for (i = 0; i < 2; i++)
		EXPECT_FALSE(pci_exists(vf[i]));
	EXPECT_EQ(0, get_info(self->dev));
}

/* The PF is closed early: its reset takes VFs away below their users */
TEST_F_TIMEOUT(pf, lends_its_vfs_for_a_token_only, PATIENCE)
{
	struct group_user user;
	int dev;

	ASSERT_EQ(0, set_module_parameter("enable_sriov", "Y"));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, set_token(self->dev, TOKEN_BYTES));
	ASSERT_EQ(0, close(self->dev));
	self->dev = vfio_open(self->pf);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "1"));
	ASSERT_EQ(0, pci_virtfn(self->pf, 0, self->vf));

	/* The device file has no way to pass the token */
	dev = vfio_open(self->vf);
	ASSERT_LE(0, dev);
	EXPECT_EQ(-EACCES, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev));
	EXPECT_EQ(0, close(dev));

	/* The group, which this did not claim, gives the same answer */
	ASSERT_EQ(0, group_user_start(&user, self->vf));
	EXPECT_EQ(-EACCES, group_user_get_device(&user, self->vf));
	EXPECT_EQ(-EACCES, get_with_token(&user, self->vf, WRONG_TOKEN));
	EXPECT_EQ(0, get_with_token(&user, self->vf, TOKEN));
	EXPECT_EQ(0, get_info(user.dev));

	/* While a VF is in use, the user of the PF needs the token, too */
	EXPECT_EQ(-EACCES, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	group_user_end(&user);
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
}

/* The VFs go at once, the PF when its user closes it */
TEST_F_TIMEOUT(pf, in_use_is_waited_for, PATIENCE)
{
	struct writer writer;
	int i, dev;

	ASSERT_EQ(0, set_module_parameter("enable_sriov", "Y"));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "2"));
	ASSERT_EQ(0, pci_virtfn(self->pf, 0, self->vf));
	dev = vfio_open(self->vf);
	ASSERT_LE(0, dev);

	writer_start(&writer, self->pf, "driver/unbind", self->pf);
	for (i = 0; i < 100 && pci_exists(self->vf); i++)
		usleep(100000);
	EXPECT_FALSE(pci_exists(self->vf));
	EXPECT_TRUE(writer_waits(&writer));
	EXPECT_EQ(-ENODEV, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, writer_end(&writer));
	EXPECT_TRUE(pci_bound_to(self->pf, NULL));
	EXPECT_EQ(-ENODEV, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(0, close(dev));
	self->dev = -1;
}

/* VFs that vfio-pci does not know could have any user */
TEST_F(pf, with_vfs_is_not_taken)
{
	ASSERT_EQ(0, close(self->dev));
	ASSERT_EQ(0, pci_bind(self->pf, STUB));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "1"));
	ASSERT_EQ(0, pci_unbind(self->pf));
	EXPECT_EQ(-EBUSY, pci_try_bind(self->pf, "vfio-pci"));
	EXPECT_TRUE(pci_bound_to(self->pf, NULL));
	self->dev = -1;
	EXPECT_FALSE(has_device_file(self->pf));

	/* A refusal leaves nothing behind */
	ASSERT_EQ(0, no_sriov(self->pf));
	ASSERT_EQ(0, pci_bind(self->pf, "vfio-pci"));
	EXPECT_EQ(0, bind_anew(self->pf));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's VFIO device takes device files, bound or not, as it takes files of
 * groups, and no other files.
 */
#include <dirent.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "group.h"

#define TRACING	"/sys/kernel/tracing/"

/* A virtual machine, and KVM's VFIO device in it */
struct vm {
	int fd;
	int vfio;
};

FIXTURE(kvm)
{
	int kvm;
	int dev;	/* of EDU, parked */
	int iommu;
	__u32 ioas;
	struct vm vm;
};

static int vm_start(int kvm, struct vm *vm)
{
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };

	vm->fd = ERR(ioctl(kvm, KVM_CREATE_VM, 0));
	if (vm->fd < 0)
		return vm->fd;
	if (ioctl(vm->fd, KVM_CREATE_DEVICE, &device))
		return -errno;
	vm->vfio = device.fd;
	return 0;
}

static void vm_end(struct vm *vm)
{
	close(vm->vfio);
	close(vm->fd);
}

static int vm_attr(struct vm *vm, unsigned long cmd, __u64 attr, __s32 fd)
{
	struct kvm_device_attr arg = {
		.group = KVM_DEV_VFIO_GROUP,	/* since called ..._FILE */
		.attr = attr,
		.addr = (uintptr_t)&fd,
	};

	return ERR(ioctl(vm->vfio, cmd, &arg));
}

static int vm_add(struct vm *vm, int fd)
{
	return vm_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP_ADD, fd);
}

static int vm_del(struct vm *vm, int fd)
{
	return vm_attr(vm, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP_DEL, fd);
}

/* Number of virtual machines, by the files of KVM in debugfs */
static int vms(void)
{
	struct dirent *entry;
	DIR *dir = opendir("/sys/kernel/debug/kvm");
	int n = 0;

	if (!dir)
		return -errno;
	/* Each has a directory PID-FD */
	while ((entry = readdir(dir)))
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		     strchr(entry->d_name, '-');
	closedir(dir);
	return n;
}

static int write_words(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	int rc;

	if (fd < 0)
		return -errno;
	/* Some files take one word at a time */
	do {
		rc = write(fd, text, strlen(text));
		text += rc;
	} while (rc > 0 && *text);
	rc = rc < 0 ? -errno : 0;
	close(fd);
	return rc;
}

FIXTURE_SETUP(kvm)
{
	ASSERT_EQ(0, module_load("kvm_amd", "/dev/kvm"));
	self->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->kvm);
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vms());
	ASSERT_EQ(0, vm_start(self->kvm, &self->vm));
	ASSERT_EQ(1, vms());
}

/* All is undone: no VM is left, and the device is free */
FIXTURE_TEARDOWN(kvm)
{
	EXPECT_EQ(0, close_range(3, ~0U, 0));
	EXPECT_EQ(0, vms());
	EXPECT_EQ(0, bind_anew(EDU));
}

TEST_F(kvm, has_the_attributes)
{
	struct vm *vm = &self->vm;

	EXPECT_EQ(0, vm_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_GROUP_ADD,
			     0));
	EXPECT_EQ(0, vm_attr(vm, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_GROUP_DEL,
			     0));
	EXPECT_EQ(-ENXIO, vm_attr(vm, KVM_HAS_DEVICE_ATTR, 99, 0));
}

TEST_F(kvm, takes_a_parked_file_once)
{
	struct vm *vm = &self->vm;

	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(vm, self->dev));
	EXPECT_EQ(0, vm_del(vm, self->dev));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	/* The file is still parked, and can be bound */
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->dev));
}

TEST_F(kvm, takes_a_bound_file)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(vm, self->dev));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(0, vm_del(vm, self->dev));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, get_info(self->dev));
}

/* KVM counts files; two files of one device are two */
TEST_F(kvm, takes_each_file_of_a_device)
{
	struct vm *vm = &self->vm;
	int second = vfio_open(EDU);
	int same = dup(self->dev);

	ASSERT_LE(0, second);
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(vm, same));
	EXPECT_EQ(0, vm_add(vm, second));
	EXPECT_EQ(0, vm_del(vm, same));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, vm_del(vm, second));
}

TEST_F(kvm, takes_group_files_as_before)
{
	struct vm *vm = &self->vm;
	struct group_user user;
	int group;

	EXPECT_EQ(0, vm_add(vm, self->dev));
	group = group_open(EDU);
	ASSERT_LE(0, group);
	EXPECT_EQ(-ENOENT, vm_del(vm, group));
	EXPECT_EQ(0, vm_add(vm, group));
	EXPECT_EQ(-EEXIST, vm_add(vm, group));
	EXPECT_EQ(0, vm_del(vm, group));
	EXPECT_EQ(-ENOENT, vm_del(vm, group));
	close(group);

	ASSERT_EQ(0, group_user_start(&user, EDU));
	ASSERT_EQ(0, group_user_get_device(&user, EDU));
	EXPECT_EQ(0, vm_add(vm, user.group));
	EXPECT_EQ(0, vm_del(vm, user.group));
	group_user_end(&user);
}

TEST_F(kvm, takes_nothing_else)
{
	struct vm *vm = &self->vm;
	int null = open("/dev/null", O_RDWR);
	int container = open("/dev/vfio/vfio", O_RDWR);
	int tcp = socket(AF_UNIX, SOCK_STREAM, 0);
	int closed = dup(null);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	close(closed);
	EXPECT_EQ(-EINVAL, vm_add(vm, null));
	EXPECT_EQ(-EINVAL, vm_add(vm, container));
	EXPECT_EQ(-EINVAL, vm_add(vm, self->iommu));
	EXPECT_EQ(-EINVAL, vm_add(vm, tcp));
	EXPECT_EQ(-EINVAL, vm_add(vm, pipes[0]));
	EXPECT_EQ(-EINVAL, vm_add(vm, vm->fd));
	EXPECT_EQ(-EINVAL, vm_add(vm, vm->vfio));
	EXPECT_EQ(-EBADF, vm_add(vm, closed));
	EXPECT_EQ(-EBADF, vm_add(vm, -1));
	EXPECT_EQ(-ENOENT, vm_del(vm, null));
	EXPECT_EQ(-EBADF, vm_del(vm, closed));
}

/* A file that KVM holds is open, whoever else has closed it */
TEST_F(kvm, holds_the_file_that_it_was_given)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, close(self->dev));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	EXPECT_NE(0, system("modprobe -r vfio-pci 2>/dev/null"));
	EXPECT_EQ(0, close(vm->vfio));
	EXPECT_EQ(0, bind_anew(EDU));
}

/* A parked file that KVM holds blocks neither the device nor other users */
TEST_F(kvm, holds_a_parked_file_only)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(0, bind_anew(EDU));
	ASSERT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_NE(0, system("modprobe -r vfio-pci 2>/dev/null"));
	EXPECT_EQ(-EEXIST, vm_add(vm, self->dev));
	EXPECT_EQ(0, vm_del(vm, self->dev));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(-ENODEV, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(-ENODEV, vfio_bind(self->dev, self->iommu, NULL));
}

/*
 * A VM that the device's driver was given when the device was opened stays
 * until the device is closed; any other VM ends when its files are closed.
 */
TEST_F(kvm, knows_the_vm_of_an_open_device)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vm_del(vm, self->dev));
	vm_end(vm);
	EXPECT_EQ(1, vms());
	EXPECT_EQ(0, get_info(self->dev));
	ASSERT_EQ(0, close(self->dev));
	EXPECT_EQ(0, vms());
}

/* Does the VM whose file had this number exist? */
static bool vm_is_there(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d", getpid(),
		 fd);
	return !access(path, F_OK);
}

TEST_F(kvm, shares_a_file_with_another_vm)
{
	struct vm *vm = &self->vm, other;

	ASSERT_EQ(0, vm_start(self->kvm, &other));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(-ENOENT, vm_del(&other, self->dev));
	EXPECT_EQ(0, vm_add(&other, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(vm, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(&other, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, vm_del(vm, self->dev));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(-EEXIST, vm_add(&other, self->dev));
	EXPECT_EQ(0, get_info(self->dev));

	/* Each of them keeps the file open */
	EXPECT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, close(self->dev));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	vm_end(vm);
	EXPECT_EQ(-EINVAL, bind_anew(EDU));
	ASSERT_EQ(0, close(other.vfio));
	EXPECT_EQ(0, bind_anew(EDU));
}

/* Of two VMs, the driver is given the last one, which stays */
TEST_F(kvm, is_the_last_of_two_at_bind)
{
	struct vm *vm = &self->vm, other;
	int fd;

	ASSERT_EQ(0, vm_start(self->kvm, &other));
	fd = other.fd;
	ASSERT_TRUE(vm_is_there(fd));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vm_add(&other, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	vm_end(vm);
	EXPECT_EQ(1, vms());
	vm_end(&other);
	EXPECT_EQ(1, vms());
	EXPECT_TRUE(vm_is_there(fd));
	EXPECT_EQ(0, get_info(self->dev));
	ASSERT_EQ(0, close(self->dev));
	EXPECT_EQ(0, vms());
}

/* KVM does not tell which of two VMs gives a file back: it is nobody's then */
TEST_F(kvm, is_none_once_one_of_two_has_gone)
{
	struct vm *vm = &self->vm, other;

	ASSERT_EQ(0, vm_start(self->kvm, &other));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vm_add(&other, self->dev));
	vm_end(vm);
	EXPECT_EQ(1, vms());
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	vm_end(&other);
	EXPECT_EQ(0, vms());
	EXPECT_EQ(0, get_info(self->dev));

	/* The next one is */
	ASSERT_EQ(0, close(self->dev));
	self->dev = vfio_open(EDU);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, vm_start(self->kvm, vm));
	ASSERT_EQ(0, vm_start(self->kvm, &other));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vm_add(&other, self->dev));
	ASSERT_EQ(0, vm_del(&other, self->dev));
	ASSERT_EQ(0, vm_add(&other, self->dev));
	ASSERT_EQ(0, vm_del(vm, self->dev));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	vm_end(&other);
	EXPECT_EQ(1, vms());
	vm_end(vm);
	EXPECT_EQ(1, vms());
}

TEST_F(kvm, forgets_a_vm_that_took_its_file_back)
{
	struct vm *vm = &self->vm;

	ASSERT_EQ(0, vm_add(vm, self->dev));
	ASSERT_EQ(0, vm_del(vm, self->dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	vm_end(vm);
	EXPECT_EQ(0, vms());

	/* Also at the end of a VM that has not deleted the file */
	ASSERT_EQ(0, close(self->dev));
	self->dev = vfio_open(EDU);
	ASSERT_EQ(0, vm_start(self->kvm, vm));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	vm_end(vm);
	EXPECT_EQ(0, vms());
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, vms());

	/* Also of a VM that gets the file when the device is open */
	ASSERT_EQ(0, vm_start(self->kvm, vm));
	ASSERT_EQ(0, vm_add(vm, self->dev));
	vm_end(vm);
	EXPECT_EQ(0, vms());
	EXPECT_EQ(0, get_info(self->dev));
}

/* Number of calls that the function tracer has seen since its start */
static int traced(const char *function)
{
	char line[256];
	FILE *file;
	int n = 0;

	file = fopen(TRACING "trace", "r");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		n += line[0] != '#' && strstr(line, function);
	fclose(file);
	return n;
}

static int trace(const char *tracer, const char *functions)
{
	int rc = 0;

	if (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) &&
	    errno != EBUSY)
		return -errno;
	rc = write_file(TRACING "current_tracer", "nop") ?:
	     write_words(TRACING "set_ftrace_filter", functions);
	return rc ?: write_file(TRACING "current_tracer", tracer);
}

#define ASSIGNMENT	"kvm_arch_start_assignment"
#define END_ASSIGNMENT	"kvm_arch_end_assignment"
#define INCOHERENT	"kvm_arch_register_noncoherent_dma"
#define END_INCOHERENT	"kvm_arch_unregister_noncoherent_dma"

/* Can the IOMMU keep the device from bypassing the caches? */
static bool snoop_control(void)
{
	unsigned long long ecap = 0;
	FILE *file;

	file = fopen("/sys/bus/pci/devices/" EDU "/iommu/intel-iommu/ecap",
		     "r");
	if (file) {
		if (fscanf(file, "%llx", &ecap) != 1)
			ecap = 0;
		fclose(file);
	}
	return ecap & (1 << 7);
}

/*
 * The effect on KVM: it posts interrupts for a VM with a device, and lets the
 * guest flush caches if the device's DMA may bypass them.  From 7.x on, posting
 * does not depend on a device.
 */
TEST_F(kvm, is_told_of_the_device_and_its_coherency)
{
	const char *profile = getenv("IOMMUFD_PROFILE") ?: "";
	struct vm *vm = &self->vm, other;
	int assigned = kernel_before(7, 0, 0);
	int incoherent = !snoop_control();

	EXPECT_EQ(incoherent, !!strcmp(profile, "snoop"));
	ASSERT_EQ(0, trace("function", assigned ?
			   ASSIGNMENT " " END_ASSIGNMENT " " INCOHERENT " "
			   END_INCOHERENT : INCOHERENT " " END_INCOHERENT));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(assigned, traced(ASSIGNMENT));
	EXPECT_EQ(incoherent, traced(INCOHERENT));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(0, vm_del(vm, self->dev));
	EXPECT_EQ(assigned, traced(END_ASSIGNMENT));
	EXPECT_EQ(incoherent, traced(END_INCOHERENT));

	/* The result for an attached device is the same */
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(2 * assigned, traced(ASSIGNMENT));
	EXPECT_EQ(2 * incoherent, traced(INCOHERENT));
	EXPECT_EQ(0, close(vm->vfio));
	EXPECT_EQ(2 * assigned, traced(END_ASSIGNMENT));
	EXPECT_EQ(2 * incoherent, traced(END_INCOHERENT));

	/* Each VM that has the file is told */
	ASSERT_EQ(0, vm_start(self->kvm, &other));
	EXPECT_EQ(0, vm_add(&other, self->dev));
	ASSERT_EQ(0, vm_start(self->kvm, vm));
	EXPECT_EQ(0, vm_add(vm, self->dev));
	EXPECT_EQ(4 * assigned, traced(ASSIGNMENT));
	EXPECT_EQ(4 * incoherent, traced(INCOHERENT));
	EXPECT_EQ(0, close(other.vfio));
	EXPECT_EQ(3 * assigned, traced(END_ASSIGNMENT));
	EXPECT_EQ(3 * incoherent, traced(END_INCOHERENT));
	EXPECT_EQ(0, close(vm->vfio));
	EXPECT_EQ(4 * assigned, traced(END_ASSIGNMENT));
	EXPECT_EQ(4 * incoherent, traced(END_INCOHERENT));
	EXPECT_EQ(0, trace("nop", ""));
}

/* KVM works while tracers use the functions that are redirected */
TEST_F(kvm, is_not_misled_by_tracers)
{
	static const char * const tracers[] = { "function", "function_graph" };
	struct vm *vm = &self->vm;
	size_t i;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	for (i = 0; i < ARRAY_SIZE(tracers); i++) {
		ASSERT_EQ(0, trace(tracers[i], "vfio_* kvm_vfio_*"));
		EXPECT_EQ(0, vm_add(vm, self->dev));
		EXPECT_EQ(-EINVAL, vm_add(vm, self->iommu));
		EXPECT_EQ(0, vm_del(vm, self->dev));
		EXPECT_LT(0, traced("vfio_file_set_kvm"));
	}
	EXPECT_EQ(0, trace("nop", ""));
	/* Tracing cannot be switched off then; from 7.x on, it never can */
	EXPECT_EQ(kernel_before(7, 0, 0) ? -EBUSY : -EOPNOTSUPP,
		  write_file("/proc/sys/kernel/ftrace_enabled", "0"));
	EXPECT_EQ(0, vm_add(vm, self->dev));
}

/* Nor by kprobes at the start of a function, and at its end, as BPF programs use them */
TEST_F(kvm, is_not_misled_by_kprobes)
{
	static const char * const probes[] = {
		"p:selftests vfio_file_set_kvm", "r:selftests vfio_file_set_kvm",
	};
	struct vm *vm = &self->vm;
	size_t i;

	ASSERT_EQ(0, trace("nop", ""));
	if (access(TRACING "kprobe_events", F_OK))
		SKIP(return, "this kernel has no CONFIG_KPROBE_EVENTS");
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		ASSERT_EQ(0, write_file(TRACING "kprobe_events", probes[i]));
		ASSERT_EQ(0, write_file(TRACING "events/kprobes/enable", "1"));
		EXPECT_EQ(0, vm_add(vm, self->dev));
		EXPECT_EQ(-EINVAL, vm_add(vm, self->iommu));
		EXPECT_EQ(0, vm_del(vm, self->dev));
		ASSERT_EQ(0, write_file(TRACING "events/kprobes/enable", "0"));
		ASSERT_EQ(0, write_file(TRACING "kprobe_events",
					"-:selftests"));
	}
	EXPECT_EQ(0, vm_add(vm, self->dev));
}

struct user_thread {
	pthread_t thread;
	int kvm;
	int dev;
	bool stop;
	long rounds;
	int wrong;
};

/* VMs come and go, with the file that another thread binds, then replaces */
static void *come_and_go(void *arg)
{
	struct user_thread *user = arg;
	struct vm vm;
	int rc;

	for (; !__atomic_load_n(&user->stop, __ATOMIC_RELAXED); user->rounds++) {
		if (vm_start(user->kvm, &vm)) {
			user->wrong++;
			break;
		}
		if (vm_add(&vm, user->dev))
			user->wrong++;
		if (user->rounds % 2) {
			rc = vm_del(&vm, user->dev);
			user->wrong += rc && rc != -ENOENT;
		}
		vm_end(&vm);
	}
	return NULL;
}

TEST_F_TIMEOUT(kvm, may_come_and_go_while_the_device_does, PATIENCE)
{
	struct user_thread users[2] = { 0 };
	int i, file, rc;

	vm_end(&self->vm);
	/* Two VMs at a time have the file */
	for (i = 0; i < 2; i++) {
		users[i].kvm = self->kvm;
		users[i].dev = self->dev;
		pthread_create(&users[i].thread, NULL, come_and_go, &users[i]);
	}
	for (i = 0; i < 20; i++) {
		file = vfio_open(EDU);
		ASSERT_LE(0, file);
		ASSERT_EQ(self->dev, dup2(file, self->dev));
		close(file);
		/* The file before it is bound until its VMs have gone */
		do {
			rc = vfio_bind(self->dev, self->iommu, NULL);
		} while (rc == -EINVAL);
		EXPECT_EQ(0, rc);
		EXPECT_EQ(0, get_info(self->dev));
		usleep(1000 * (i % 4));
	}
	for (i = 0; i < 2; i++)
		__atomic_store_n(&users[i].stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		pthread_join(users[i].thread, NULL);
		EXPECT_EQ(0, users[i].wrong);
		EXPECT_LT(0, users[i].rounds);
	}
}

/* Ask about files that are not device files, until told to stop */
static void *ask(void *arg)
{
	struct user_thread *user = arg;
	struct vm vm;

	if (vm_start(user->kvm, &vm)) {
		user->wrong++;
		return NULL;
	}
	for (; !__atomic_load_n(&user->stop, __ATOMIC_RELAXED); user->rounds++)
		user->wrong += vm_add(&vm, user->kvm) != -EINVAL;
	vm_end(&vm);
	return NULL;
}

TEST_F_TIMEOUT(kvm, may_ask_while_the_module_comes_and_goes, PATIENCE)
{
	struct user_thread user = { .kvm = self->kvm };
	int i;

	close(self->dev);
	pthread_create(&user.thread, NULL, ask, &user);
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, system("rmmod vfio-pci && modprobe vfio-pci"));
		ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
		self->dev = vfio_open(EDU);
		ASSERT_LE(0, self->dev);
		EXPECT_EQ(0, vm_add(&self->vm, self->dev));
		EXPECT_EQ(0, vm_del(&self->vm, self->dev));
		close(self->dev);
	}
	__atomic_store_n(&user.stop, true, __ATOMIC_RELAXED);
	pthread_join(user.thread, NULL);
	EXPECT_EQ(0, user.wrong);
	EXPECT_LT(0, user.rounds);
}

/* The line in the kernel log when there is no hook */
#define NO_HOOK	"vfio_pci: KVM will not accept device files"

/* With the parameter kvm=0, KVM takes no device files */
TEST_F_TIMEOUT(kvm, can_be_left_alone, PATIENCE)
{
	struct vm *vm = &self->vm;
	int group, log = kmsg_open();

	close(self->dev);
	ASSERT_EQ(0, system("rmmod vfio-pci && modprobe vfio-pci kvm=0"));
	EXPECT_TRUE(log_says(log, NO_HOOK, NULL));
	self->dev = open_vfio(EDU);
	EXPECT_EQ(-EINVAL, vm_add(vm, self->dev));
	EXPECT_EQ(-ENOENT, vm_del(vm, self->dev));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vm_add(vm, self->dev));
	close(self->dev);
	group = group_open(EDU);
	ASSERT_LE(0, group);
	EXPECT_EQ(0, vm_add(vm, group));
	EXPECT_EQ(0, vm_del(vm, group));
	close(group);
	if (kernel_before(7, 0, 0)) {
		/* Tracing can be switched off */
		EXPECT_EQ(0, write_file("/proc/sys/kernel/ftrace_enabled",
					"0"));
		/* Without tracing there is no hook: the device file works alone */
		EXPECT_EQ(0, system("rmmod vfio-pci && modprobe vfio-pci"));
		EXPECT_TRUE(log_says(log, NO_HOOK, NO_HOOK ": ftrace error -16"));
		EXPECT_TRUE(log_says(log, NO_HOOK, NULL));
		self->dev = open_vfio(EDU);
		EXPECT_EQ(-EINVAL, vm_add(vm, self->dev));
		EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
		close(self->dev);
		EXPECT_EQ(0, write_file("/proc/sys/kernel/ftrace_enabled",
					"1"));
	}
	EXPECT_EQ(0, system("rmmod vfio-pci && modprobe vfio-pci"));
	EXPECT_TRUE(log_says(log, NO_HOOK, NULL));
	close(log);
	self->dev = open_vfio(EDU);
	EXPECT_EQ(0, vm_add(vm, self->dev));
}

TEST_HARNESS_MAIN

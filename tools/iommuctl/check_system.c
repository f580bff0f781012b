// SPDX-License-Identifier: GPL-2.0-only
/* iommuctl check: kernel, modules, IOMMU, interrupts, files, locked memory */
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "util.h"

#define ALLOW "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
#define OWN_TEXT \
	"Linux %s has CONFIG_IOMMUFD itself, for which the modules of iommufd-dkms are not built, but lacks CONFIG_VFIO_DEVICE_CDEV"
#define MEMLOCK_CURE \
	"echo '%s - memlock unlimited' >/etc/security/limits.d/iommufd.conf, and log in anew; for a service: LimitMEMLOCK=infinity; for a container: --ulimit memlock=-1"
#define KEY_TEXT \
	"the kernel has refused to load iommufd: it does not know the key that the module is signed with"
#define UNSAFE_TEXT \
	"interrupts are not isolated, which allow_unsafe_interrupts allows: whoever uses a device can raise any interrupt"
#define NO_REMAPPING_TEXT \
	"interrupts are not isolated: there is no interrupt remapping, or the firmware has it off"
#define NO_REMAPPING_CURE \
	"switch it on in the firmware's settings; or, if you trust whoever uses devices as you trust the kernel: echo Y >/sys/module/iommufd/parameters/allow_unsafe_interrupts"
#define UDEV_CURE \
	"echo 'SUBSYSTEM==\"misc\", KERNEL==\"iommu\", GROUP=\"kvm\", MODE=\"0660\"' >/etc/udev/rules.d/60-iommufd.rules && udevadm control --reload && udevadm trigger --name-match=iommu"
#define OTHER_KERNEL "apt install linux-image-amd64, and boot that kernel"

bool check_access(const char *path)
{
	char *file = root_path("%s", path);
	bool ok = !faccessat(AT_FDCWD, file, R_OK | W_OK, AT_EACCESS);

	free(file);
	return ok;
}

const char *check_user(void)
{
	struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : "USER";
}

/* The value of "NAME=" in a file of such lines, or false */
static bool config(char *value, size_t size, FILE *file, const char *name)
{
	size_t len = strlen(name);
	char line[256];

	*value = 0;
	rewind(file);
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, name, len) && line[len] == '=') {
			snprintf(value, size, "%s", line + len + 1);
			return true;
		}
	}
	return false;
}

static bool is_set(FILE *file, const char *name)
{
	char value[8];

	return config(value, sizeof(value), file, name) &&
	       (*value == 'y' || *value == 'm');
}

/*
 * Without the kernel's configuration there is no finding about its options.  An
 * iommufd without a version is the kernel's own.
 */
static void check_kernel(struct system *sys, struct findings *findings)
{
	FILE *file = root_open("/boot/config-%s", sys->release) ?:
		     root_open("/lib/modules/%s/build/.config", sys->release);

	if (!file) {
		sys->has_iommufd = host_iommu() &&
				   !root_exists("/sys/module/iommufd/version");
		return;
	}
	sys->has_iommufd = is_set(file, "CONFIG_IOMMUFD");
	if (sys->has_iommufd && !is_set(file, "CONFIG_VFIO_DEVICE_CDEV"))
		found(findings, "kernel",
		      xformat(OWN_TEXT, sys->release),
		      xstrdup(OTHER_KERNEL));
	else if (!sys->has_iommufd && !is_set(file, "CONFIG_VFIO_PCI_CORE"))
		found(findings, "kernel",
		      xformat("Linux %s lacks CONFIG_VFIO_PCI_CORE, which the modules need",
			      sys->release),
		      xstrdup(OTHER_KERNEL));
	fclose(file);
}

/* Is a word of the kernel's command line among @words, NULL at its end? */
static const char *on_cmdline(const char *const *words)
{
	static char line[4096];
	char *word, *rest;

	if (!root_read(line, sizeof(line), "/proc/cmdline"))
		return NULL;
	for (word = strtok_r(line, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		const char *const *w;

		for (w = words; *w; w++)
			if (!strcmp(word, *w))
				return word;
	}
	return NULL;
}

/*
 * Before Linux 6.15, what firmware says of the IOMMU of a device is looked at when a
 * driver gets the device, unless the IOMMU's driver reads it itself, as Intel's and
 * AMD's do, and arm64's do not.
 */
static bool has_smmu(void)
{
	DIR *dir = root_opendir("/sys/class/iommu");
	const char *name = NULL;
	bool found = false;

	while (!found && (name = next_entry(dir)))
		found = !strncmp(name, "smmu", 4);
	if (dir)
		closedir(dir);
	return found;
}

static void check_iommu(struct system *sys, struct findings *findings)
{
	static const char *const off[] = {
		"intel_iommu=off", "amd_iommu=off", "iommu=off", NULL
	};
	DIR *dir = root_opendir("/sys/kernel/iommu_groups");
	const char *word = on_cmdline(off);

	sys->iommu = next_entry(dir);
	sys->late_groups = has_smmu();
	if (dir)
		closedir(dir);
	if (sys->iommu)
		return;
	if (word)
		found(findings, "iommu",
		      xformat("no IOMMU is on: the kernel's command line has %s", word),
		      xformat("sed -i 's/ *%s//' " CHECK_GRUB, word));
	else if (root_exists("/sys/firmware/acpi/tables/DMAR"))
		found(findings, "iommu",
		      xstrdup("no IOMMU is on: this kernel leaves VT-d off unless told"),
		      xstrdup(CHECK_INTEL_ON));
	else
		found(findings, "iommu", xstrdup("there is no IOMMU"),
		      xstrdup("switch on VT-d or AMD-Vi in the firmware's settings"));
}

/* Does the running kernel have a module, by the list that modprobe uses? */
static bool has_module(const struct system *sys, const char *file)
{
	FILE *list = root_open("/lib/modules/%s/modules.dep", sys->release);
	char line[4096], *end;
	bool has = false;

	while (list && !has && fgets(line, sizeof(line), list)) {
		end = strchr(line, ':');
		if (end) {
			*end = 0;
			has = strstr(line, file);
		}
	}
	if (list)
		fclose(list);
	return has;
}

static void check_iommufd(struct system *sys, struct findings *findings)
{
	if (host_iommu())
		return;
	if (sys->has_iommufd || (has_module(sys, "/iommufd.ko") &&
				 !root_exists("/run/iommufd-refused")))
		found(findings, "module", xstrdup("iommufd is not loaded"),
		      xstrdup("modprobe iommufd"));
	else if (root_exists("/run/iommufd-refused"))
		found(findings, "module",
		      xstrdup(KEY_TEXT),
		      xstrdup("mokutil --import /var/lib/dkms/mok.pub && reboot"));
	else
		found(findings, "module",
		      xformat("there is no module iommufd for Linux %s", sys->release),
		      xformat("apt install linux-headers-%s && dkms autoinstall",
			      sys->release));
}

static bool vfio_pci_in_use(void)
{
	DIR *dir = root_opendir("/sys/bus/pci/drivers/" VFIO_PCI);
	const char *name;
	bool in_use = false;

	while (!in_use && (name = next_entry(dir)))
		in_use = strchr(name, ':');
	if (dir)
		closedir(dir);
	return in_use;
}

/* The kernel's own vfio-pci has no version. */
static void check_vfio_pci(struct system *sys, struct findings *findings)
{
	sys->stock = !sys->has_iommufd && root_exists("/sys/module/vfio_pci") &&
		     !root_exists("/sys/module/vfio_pci/version");
	if (!sys->stock)
		return;
	found(findings, "module",
	      xstrdup("the kernel's own vfio-pci is loaded, which has no device files"),
	      xstrdup(vfio_pci_in_use() ? "update-initramfs -u && reboot" :
		      "rmmod vfio_pci && modprobe vfio-pci"));
}

/*
 * With interrupt remapping, the names of interrupt chips begin with IR-.  The ITS of
 * arm64 knows whose interrupt it is without more.
 */
static bool interrupts_isolated(void)
{
	FILE *file = root_open("/proc/interrupts");
	bool isolated = !file;
	char line[8192];

	while (file && !isolated && fgets(line, sizeof(line), file))
		isolated = strstr(line, " IR-") || strstr(line, " ITS-");
	if (file)
		fclose(file);
	return isolated;
}

static void check_interrupts(const struct system *sys, struct findings *findings)
{
	static const char *const off[] = { "intremap=off", "nointremap", NULL };
	const char *word = on_cmdline(off);
	char allowed[8];

	if (!sys->iommu || interrupts_isolated())
		return;
	root_read(allowed, sizeof(allowed), ALLOW);
	if (*allowed == 'Y')
		found_note(findings, "interrupts",
			   xstrdup(UNSAFE_TEXT),
			   xstrdup("echo N >" ALLOW));
	else if (word)
		found(findings, "interrupts",
		      xformat("interrupts are not isolated: the kernel's command line has %s",
			      word),
		      xformat("sed -i 's/ *%s//' " CHECK_GRUB, word));
	else
		found(findings, "interrupts",
		      xstrdup(NO_REMAPPING_TEXT),
		      xstrdup(NO_REMAPPING_CURE));
}

static void check_permissions(struct findings *findings)
{
	struct group *group = NULL;
	struct stat st;

	if (!host_iommu())
		return;
	if (!root_stat(&st, "/dev/iommu")) {
		found(findings, "permissions",
		      xstrdup("iommufd is loaded, but there is no /dev/iommu here"),
		      xstrdup("start this container with --device /dev/iommu"));
		return;
	}
	if (check_access("/dev/iommu"))
		return;
	if (st.st_gid && (st.st_mode & 0060) == 0060)
		group = getgrgid(st.st_gid);
	if (group)
		found(findings, "permissions",
		      xformat("%s may not open /dev/iommu, which the group %s may",
			      check_user(), group->gr_name),
		      xformat("adduser %s %s, and log in anew", check_user(),
			      group->gr_name));
	else
		found(findings, "permissions",
		      xformat("%s may not open /dev/iommu", check_user()),
		      xstrdup(UDEV_CURE));
}

/* Does RLIMIT_MEMLOCK concern this process? */
static bool is_limited(void)
{
	FILE *file = root_open("/proc/self/status");
	unsigned long long caps = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (file)
		fclose(file);
	return !(caps >> 14 & 1); /* CAP_IPC_LOCK */
}

static bool memlock(unsigned long long *limit)
{
	FILE *file = root_open("/proc/self/limits");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "Max locked memory %llu", limit) == 1;
	if (file)
		fclose(file);
	return found;
}

static void check_memlock(struct findings *findings, unsigned long long wanted)
{
	unsigned long long limit;
	char *cure, *text;

	if (!is_limited() || !memlock(&limit) || (wanted && limit >= wanted))
		return;
	cure = xformat(MEMLOCK_CURE, check_user());
	text = xformat("%s may map no more than %llu KiB in all", check_user(),
		       limit / 1024);
	if (wanted) {
		found(findings, "memlock",
		      xformat("%s, of %llu KiB that are wanted", text,
			      (wanted + 1023) / 1024), cure);
		free(text);
	} else if (limit < (unsigned long long)sysconf(_SC_PAGESIZE)) {
		found(findings, "memlock", text, cure);
	} else {
		found_note(findings, "memlock", text, cure);
	}
}

void check_system(struct system *sys, struct findings *findings,
		  const struct options *opt)
{
	memset(sys, 0, sizeof(*sys));
	if (!root_read(sys->release, sizeof(sys->release),
		       "/proc/sys/kernel/osrelease"))
		die(EXIT_SYSTEM, "cannot read /proc/sys/kernel/osrelease");
	check_kernel(sys, findings);
	check_iommu(sys, findings);
	check_iommufd(sys, findings);
	check_vfio_pci(sys, findings);
	check_interrupts(sys, findings);
	check_permissions(findings);
	check_memlock(findings, opt->memory);
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions that do DMA (the VM's profile "sriov").  The host's own driver
 * has the physical function, as on a host whose administrator lends the virtual
 * ones: it gives each of them queues and switches it on.  A virtual function reads
 * the disk all the time, in a context of its own, while other virtual functions and
 * other devices come and go.
 */
#include <dirent.h>
#include <linux/nvme_ioctl.h>
#include <pthread.h>

#include "disk.h"
#include "fault.h"
#include "sriov.h"

#define VFS	2
#define IOVA	0x100000000ULL	/* in all contexts */
#define CHUNK	(16 * PAGE)	/* number of bytes of one read */
#define ROUNDS	((int)patient_rounds(20))

/* Commands of NVMe (base specification 1.4), in the words that are used here */
#define IDENTIFY		0x06
#define VIRT_MGMT		0x1c

#define IDENTIFY_SECONDARY	0x15	/* list of secondary controllers */

#define PRIMARY_ALLOCATE	1
#define SECONDARY_ASSIGN	8
#define SECONDARY_ONLINE	9

#define QUEUES			0
#define INTERRUPTS		1

/* An entry of the list of secondary controllers: that of a virtual function */
struct secondary {
	__u16 id;
	__u16 primary;
	__u8 online;
	__u8 reserved[3];
	__u16 vf;	/* from 1 on */
	__u16 queues;
	__u16 interrupts;
	__u8 reserved2[18];
};

struct secondaries {
	__u8 n;
	__u8 reserved[31];
	struct secondary entry[127];
};

/* The file of the controller that the host's driver has for a device, or -errno */
static int host_controller(const char *bdf, char name[NAME_MAX + 1])
{
	char path[PATH_MAX], state[32] = "";
	struct dirent *entry;
	DIR *dir;
	int i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/nvme", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	name[0] = 0;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "nvme", 4))
			strcpy(name, entry->d_name);
	closedir(dir);
	/* The driver starts the controller in the background */
	snprintf(path, sizeof(path), "nvme/%s/state", name);
	for (i = 0; i < 600 && strcmp(state, "live"); i++) {
		if (pci_read(bdf, path, state, sizeof(state)))
			return -ENODEV;
		usleep(100000);
	}
	snprintf(path, sizeof(path), "/dev/%s", name);
	return ERR(open(path, O_RDWR | O_CLOEXEC));
}

static int admin(int ctrl, struct nvme_admin_cmd *cmd)
{
	int status = ERR(ioctl(ctrl, NVME_IOCTL_ADMIN_CMD, cmd));

	if (status > 0)
		printf("# command %x: status %x\n", cmd->opcode, status);
	return status > 0 ? -EIO : status;
}

static int virt_mgmt(int ctrl, unsigned int id, unsigned int action,
		     unsigned int resource, unsigned int n)
{
	struct nvme_admin_cmd cmd = {
		.opcode = VIRT_MGMT,
		.cdw10 = action | resource << 8 | id << 16,
		.cdw11 = n,
	};

	return admin(ctrl, &cmd);
}

static int find_secondary(int ctrl, unsigned int vf, struct secondary *found)
{
	static struct secondaries list;
	struct nvme_admin_cmd cmd = {
		.opcode = IDENTIFY,
		.addr = (__u64)&list,
		.data_len = sizeof(list),
		.cdw10 = IDENTIFY_SECONDARY,
	};
	int i, rc = admin(ctrl, &cmd);

	for (i = 0; !rc && i < list.n; i++) {
		if (list.entry[i].vf == vf + 1) {
			*found = list.entry[i];
			return 0;
		}
	}
	return rc ?: -ENOENT;
}

/* Give virtual function number vf an admin queue and an I/O queue; switch it on. */
static int switch_on(int ctrl, unsigned int vf)
{
	struct secondary s;
	int rc = find_secondary(ctrl, vf, &s);

	if (rc)
		return rc;
	rc = virt_mgmt(ctrl, s.id, SECONDARY_ASSIGN, INTERRUPTS, 1) ?:
	     virt_mgmt(ctrl, s.id, SECONDARY_ASSIGN, QUEUES, 2) ?:
	     virt_mgmt(ctrl, s.id, SECONDARY_ONLINE, 0, 0) ?:
	     find_secondary(ctrl, vf, &s);
	if (rc)
		return rc;
	return s.online && s.queues == 2 && s.interrupts == 1 ? 0 : -EIO;
}

/*
 * The physical function starts with all queues.  It gives away those that can be
 * given away, which takes effect when it is reset.  It has no driver then: nvme would
 * freeze its queues in this process, and thaw them in another, of which lockdep complains.
 */
static int give_queues_away(const char *pf)
{
	char name[NAME_MAX + 1], file[NAME_MAX + 16], id[16];
	int ctrl = host_controller(pf, name), rc;

	if (ctrl < 0)
		return ctrl;
	snprintf(file, sizeof(file), "nvme/%s/cntlid", name);
	rc = pci_read(pf, file, id, sizeof(id)) ?:
	     virt_mgmt(ctrl, atoi(id), PRIMARY_ALLOCATE, INTERRUPTS, 0) ?:
	     virt_mgmt(ctrl, atoi(id), PRIMARY_ALLOCATE, QUEUES, 0);
	close(ctrl);
	return rc ?: pci_bind(pf, NULL) ?: pci_write(pf, "reset", "1") ?:
	       pci_bind(pf, "nvme");
}

/* No driver of the host takes the virtual functions of a physical one. */
static int create_vfs(const char *pf)
{
	return pci_write(pf, "sriov_drivers_autoprobe", "0") ?:
	       pci_write(pf, "sriov_numvfs", "2");
}

static int remove_vfs(const char *pf)
{
	return pci_write(pf, "sriov_numvfs", "0");
}

FIXTURE(vf)
{
	char pf[BDF_LEN];
	char other_pf[BDF_LEN];
	char vf[VFS][BDF_LEN];
	char *image;	/* of the first MiB of the disk */
	struct disk disk;	/* the first virtual function */
};

FIXTURE_SETUP(vf)
{
	char name[NAME_MAX + 1];
	int i, ctrl;

	self->image = disk_image();
	ASSERT_NE(NULL, self->image);
	ASSERT_EQ(0, module_load(STUB, "/sys/bus/pci/drivers/" STUB));
	ASSERT_EQ(0, module_load("nvme", "/sys/bus/pci/drivers/nvme"));
	ASSERT_EQ(0, pci_behind(SRIOV_PORT, 0, self->pf));
	ASSERT_EQ(0, pci_behind(OTHER_SRIOV_PORT, 0, self->other_pf));
	ASSERT_EQ(0, pci_bind(self->other_pf, STUB));
	ASSERT_EQ(0, pci_bind(self->pf, "nvme"));
	ASSERT_EQ(0, give_queues_away(self->pf));
	ASSERT_EQ(0, create_vfs(self->pf));
	ctrl = host_controller(self->pf, name);
	ASSERT_LE(0, ctrl);
	for (i = 0; i < VFS; i++) {
		ASSERT_EQ(0, pci_virtfn(self->pf, i, self->vf[i]));
		ASSERT_EQ(0, switch_on(ctrl, i));
	}
	close(ctrl);
	/* On arm64 a device has a group once it has had a driver. */
	for (i = 0; i < VFS; i++)
		ASSERT_EQ(0, pci_bind(self->vf[i], "vfio-pci"));
	ASSERT_LE(0, pci_group(self->vf[0]));
	ASSERT_NE(pci_group(self->vf[0]), pci_group(self->vf[1]));
	ASSERT_EQ(0, disk_open_at(&self->disk, self->vf[0]));
}

/* The other tests find the devices without a driver of the host. */
FIXTURE_TEARDOWN(vf)
{
	/* A file that a failed test has left open would keep its device */
	EXPECT_EQ(0, close_range(3, ~0U, 0));
	EXPECT_EQ(0, remove_vfs(self->other_pf));
	EXPECT_EQ(0, remove_vfs(self->pf));
	EXPECT_FALSE(pci_exists(self->vf[0]));
	EXPECT_EQ(0, pci_release(self->other_pf));
	EXPECT_EQ(0, pci_release(self->pf));
	EXPECT_EQ(0, system("modprobe -r nvme"));
}

/*
 * Map new memory, read a part of the disk into it, and unmap it.  Returns 0, -errno
 * or -EBADMSG if the memory has other content.
 */
static int read_once(struct disk *d, const char *image, unsigned int round)
{
	size_t at = round * CHUNK % MIB;
	char *memory = anon_pages(CHUNK / PAGE);
	int rc;

	if (memory == MAP_FAILED)
		return -errno;
	memset(memory, 'm', CHUNK);
	rc = ioas_map(d->iommu, d->ioas, memory, CHUNK, IOVA) ?:
	     nvme_read(&d->nvme, at / d->nvme.block_size, IOVA, CHUNK);
	if (!rc && memcmp(memory, image + at, CHUNK))
		rc = -EBADMSG;
	if (!rc)
		rc = ioas_unmap(d->iommu, d->ioas, IOVA, CHUNK);
	munmap(memory, CHUNK);
	return rc;
}

/* A thread that does something in rounds, until it fails, or is told to stop */
struct worker {
	pthread_t thread;
	int (*work)(struct _test_data_vf *self, unsigned int round);
	struct _test_data_vf *self;
	unsigned int most;	/* rounds, 0: no limit */
	bool stop;
	unsigned int rounds;	/* done */
	int rc;
};

static void *worker_thread(void *arg)
{
	struct worker *w = arg;

	while (!w->rc && !__atomic_load_n(&w->stop, __ATOMIC_RELAXED) &&
	       (!w->most || w->rounds < w->most)) {
		w->rc = w->work(w->self, w->rounds);
		if (!w->rc)
			__atomic_add_fetch(&w->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int worker_start(struct worker *w)
{
	return -pthread_create(&w->thread, NULL, worker_thread, w);
}

static void worker_stop(struct worker *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	pthread_join(w->thread, NULL);
}

static unsigned int rounds(struct worker *w)
{
	return __atomic_load_n(&w->rounds, __ATOMIC_RELAXED);
}

static int reader(struct _test_data_vf *self, unsigned int round)
{
	return read_once(&self->disk, self->image, round);
}

/* The other virtual function is taken, reads the disk, and is given back. */
static int other_vf(struct _test_data_vf *self, unsigned int round)
{
	struct disk disk;
	int rc = disk_open_at(&disk, self->vf[1]);

	if (rc)
		return rc;
	rc = read_once(&disk, self->image, round);
	if (disk_close(&disk) && !rc)
		rc = -EIO;
	return rc ?: pci_bind(self->vf[1], NULL);
}

/* Virtual functions of the other physical one are made, used, and removed. */
static int other_pf(struct _test_data_vf *self, unsigned int round)
{
	char vf[BDF_LEN];
	int rc = create_vfs(self->other_pf) ?:
		 pci_virtfn(self->other_pf, round % VFS, vf) ?:
		 pci_bind(vf, "vfio-pci") ?:
		 bind_anew(vf);

	return rc ?: remove_vfs(self->other_pf);
}

/* A device behind the bridge is taken, does DMA, and is given back. */
static int behind_the_bridge(struct _test_data_vf *self, unsigned int round)
{
	int dev, iommu = iommu_open();
	char *memory = anon_pages(1);
	char bdf[BDF_LEN];
	struct edu edu;
	__u32 ioas;
	int rc;

	(void)self;
	if (iommu < 0 || memory == MAP_FAILED)
		return -ENOMEM;
	memset(memory, round, PAGE);
	rc = pci_behind(BRIDGE, 1 + round % 2, bdf) ?:
	     pci_bind(bdf, "vfio-pci") ?: ioas_alloc(iommu, &ioas) ?:
	     ioas_map(iommu, ioas, memory, PAGE, IOVA);
	if (rc)
		return rc;
	dev = vfio_open(bdf);
	if (dev < 0)
		return dev;
	rc = vfio_bind(dev, iommu, NULL) ?: vfio_attach(dev, ioas, NULL) ?:
	     edu_open(&edu, dev);
	if (rc)
		return rc;
	rc = edu_from_memory(&edu, IOVA, EDU_DMA_MAX);
	memset(memory, ~round, PAGE);
	rc = rc ?: edu_to_memory(&edu, IOVA, EDU_DMA_MAX);
	if (!rc && !filled(memory, round & 0xff, EDU_DMA_MAX))
		rc = -EBADMSG;
	edu_close(&edu);
	close(dev);
	close(iommu);
	munmap(memory, PAGE);
	return rc ?: pci_bind(bdf, NULL);
}

/* Behind SMMUv3 no user can have devices behind the bridge. */
static bool bridge_is_usable(void)
{
	return kernel_isolates_behind_bridges() && iommu_of(EDU) != SMMU;
}

TEST_F_TIMEOUT(vf, reads_while_others_come_and_go, 2 * PATIENCE)
{
	struct worker read = { .work = reader, .self = self };
	struct worker others[] = {
		{ .work = other_vf },
		{ .work = other_pf },
		{ .work = behind_the_bridge },
	};
	unsigned int before;
	size_t i;

	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci")); /* for iommu_of() */
	ASSERT_EQ(0, read_once(&self->disk, self->image, 0));
	ASSERT_EQ(0, worker_start(&read));
	/* Each for itself, so that a failure tells which of them it is... */
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i].self = self;
		if (others[i].work == behind_the_bridge && !bridge_is_usable())
			continue;
		before = rounds(&read);
		EXPECT_EQ(0, others[i].work(self, 0)) TH_LOG("other %zu", i);
		EXPECT_LT(before, rounds(&read)) TH_LOG("other %zu", i);
		others[i].most = ROUNDS;
	}
	/* ...and then all at once */
	before = rounds(&read);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i].most)
			ASSERT_EQ(0, worker_start(&others[i]));
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!others[i].most)
			continue;
		pthread_join(others[i].thread, NULL);
		EXPECT_EQ(0, others[i].rc) TH_LOG("other %zu", i);
		EXPECT_EQ(ROUNDS, (int)others[i].rounds)
			TH_LOG("other %zu", i);
	}
	EXPECT_LT(before, rounds(&read));
	worker_stop(&read);
	EXPECT_EQ(0, read.rc);
	TH_LOG("%u reads", read.rounds);
	EXPECT_EQ(0, disk_close(&self->disk));
}

/* The other one has other memory, or none, at the same IOVA. */
TEST_F_TIMEOUT(vf, reaches_only_what_its_own_context_maps, PATIENCE)
{
	char *mine = anon_pages(1), *others = anon_pages(1);
	struct disk *d = &self->disk, other;

	ASSERT_NE(MAP_FAILED, mine);
	ASSERT_NE(MAP_FAILED, others);
	memset(mine, 'm', PAGE);
	memset(others, 'o', PAGE);
	ASSERT_EQ(0, disk_open_at(&other, self->vf[1]));
	ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, mine, PAGE, IOVA));
	ASSERT_EQ(0, ioas_map(other.iommu, other.ioas, others, PAGE, IOVA));
	ASSERT_EQ(0, nvme_read(&d->nvme, 0, IOVA, PAGE));
	EXPECT_EQ(0, memcmp(mine, self->image, PAGE));
	EXPECT_TRUE(filled(others, 'o', PAGE));

	/*
	 * QEMU's controller does not report a DMA that the IOMMU blocks.  QEMU's AMD-Vi
	 * reports one behind a root port as of bus 0, at address 0.
	 */
	ASSERT_EQ(0, ioas_unmap(d->iommu, d->ioas, IOVA, PAGE));
	memset(mine, 'm', PAGE);
	if (iommu_of(EDU) == AMD)
		nvme_read(&d->nvme, 0, IOVA, PAGE);
	else
		EXPECT_TRUE(DMA_FAULTS((nvme_read(&d->nvme, 0, IOVA, PAGE), true),
				       self->vf[0], "DMA Write", IOVA));
	EXPECT_TRUE(filled(mine, 'm', PAGE));
	EXPECT_TRUE(filled(others, 'o', PAGE));
	ASSERT_EQ(0, nvme_read(&other.nvme, 0, IOVA, PAGE));
	EXPECT_EQ(0, memcmp(others, self->image, PAGE));
	EXPECT_TRUE(filled(mine, 'm', PAGE));
	EXPECT_EQ(0, disk_close(&other));
	EXPECT_EQ(0, disk_close(d));
}

static int remove_all(struct _test_data_vf *self, unsigned int round)
{
	(void)round;
	return remove_vfs(self->pf);
}

/* To remove the virtual functions waits for the user of one, whose DMA goes on. */
TEST_F_TIMEOUT(vf, reads_until_it_is_closed, PATIENCE)
{
	struct worker removal = { .work = remove_all, .self = self, .most = 1 };
	unsigned int i;

	ASSERT_EQ(0, worker_start(&removal));
	sleep(2);
	for (i = 0; i < MIB / CHUNK; i++)
		ASSERT_EQ(0, read_once(&self->disk, self->image, i));
	EXPECT_EQ(0, rounds(&removal));
	EXPECT_TRUE(pci_exists(self->vf[0]));
	EXPECT_EQ(0, disk_close(&self->disk));
	pthread_join(removal.thread, NULL);
	EXPECT_EQ(0, removal.rc);
	EXPECT_FALSE(pci_exists(self->vf[0]));
	EXPECT_FALSE(pci_exists(self->vf[1]));
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA from a device of one process to the BAR of another process's device, each
 * with a context of its own (profile "sriov").  The owner sends his device file
 * to the test.  Whatever the owner does, DMA reaches the BAR while it is sure to
 * answer.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "../userfault.h"
#include "bar.h"
#include "files.h"

/* A process that has the target bound to a context of its own */
struct owner {
	pid_t pid;
	int control;	/* a socket */
};

/* What the owner does with its device file, when it is told to */
typedef int (*owner_call)(int dev);

static int owner_control;	/* the owner's end of the socket */

static int owner_main(int control, const char *bdf)
{
	int iommu = iommu_open(), dev = vfio_open(bdf);
	int rc = vfio_bind(dev, iommu, NULL) ?: files_send(control, &dev, 1);
	owner_call call;

	owner_control = control;
	while (!rc && read(control, &call, sizeof(call)) == sizeof(call)) {
		rc = call(dev);
		if (write(control, &rc, sizeof(rc)) != sizeof(rc))
			break;
		rc = 0;
	}
	return rc ? 1 : 0;
}

/* target: set to the owner's device file */
static int owner_start(struct owner *owner, const char *bdf, int *target)
{
	int control[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control))
		return -errno;
	owner->pid = fork();
	if (owner->pid < 0)
		return -errno;
	if (!owner->pid) {
		close(control[0]);
		_exit(owner_main(control[1], bdf));
	}
	close(control[1]);
	owner->control = control[0];
	return files_receive(owner->control, target, 1);
}

static int owner_tell(const struct owner *owner, owner_call call)
{
	return write(owner->control, &call, sizeof(call)) == sizeof(call) ?
	       0 : -errno;
}

/* The result of the call; -EAGAIN: not within some seconds */
static int owner_result(const struct owner *owner, int seconds)
{
	struct pollfd pfd = { .fd = owner->control, .events = POLLIN };
	int rc;

	if (poll(&pfd, 1, seconds * 1000 * time_factor()) != 1)
		return -EAGAIN;
	return read(owner->control, &rc, sizeof(rc)) == sizeof(rc) ? rc : -EPIPE;
}

static int owner_does(const struct owner *owner, owner_call call)
{
	return owner_tell(owner, call) ?: owner_result(owner, 60);
}

/* Wait for its end, which comes with that of the socket; -EIO: it has failed */
static int owner_end(struct owner *owner, bool killed)
{
	pid_t pid = owner->pid;
	int status;

	close(owner->control);
	owner->pid = 0;
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return (killed ? WIFSIGNALED(status) : !status) ? 0 : -EIO;
}

/* What the test has of the target; the owner alone keeps it open then */
static int let_go(struct pair *pair)
{
	int rc = munmap(pair->bar, pair->bar_length);

	if (close(pair->target))
		rc = -1;
	pair->bar_length = 0;
	pair->target = -1;
	return rc;
}

FIXTURE(peer)
{
	struct pair p;
	struct owner owner;
};

FIXTURE_SETUP(peer)
{
	ASSERT_EQ(0, pair_bind_at(&self->p, TARGET_PORT));
	ASSERT_EQ(0, owner_start(&self->owner, self->p.target_bdf,
				 &self->p.target));
	ASSERT_EQ(0, pair_open_dev(&self->p));
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	ASSERT_LE(LENGTH, self->p.bar_length);
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

FIXTURE_TEARDOWN(peer)
{
	let_go(&self->p);
	if (self->owner.pid)
		EXPECT_EQ(0, owner_end(&self->owner, false));
	EXPECT_EQ(0, pair_close(&self->p));
}

static int reset_by_sysfs(int dev)
{
	char bdf[BDF_LEN];

	(void)dev;
	return pci_behind(TARGET_PORT, 0, bdf) ?: pci_write(bdf, "reset", "1");
}

/* The same without the CPU, which has no mapping of the BAR any more */
static bool reaches_by_dma(struct pair *pair)
{
	struct edu *edu = &pair->edu;

	memset(pair->memory, 'w', PAGE);
	if (edu_from_memory(edu, IOVA, EDU_DMA_MAX) ||
	    edu_to_memory(edu, BAR_IOVA, EDU_DMA_MAX))
		return false;
	memset(pair->memory, '-', PAGE);
	return !edu_from_memory(edu, IOVA, EDU_DMA_MAX) &&
	       !edu_from_memory(edu, BAR_IOVA, EDU_DMA_MAX) &&
	       !edu_to_memory(edu, IOVA, EDU_DMA_MAX) &&
	       filled(pair->memory, 'w', EDU_DMA_MAX);
}

TEST_F_TIMEOUT(peer, dma_both_ways, PATIENCE)
{
	EXPECT_REACHES(3 * PAGE + 100);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_FAULTS();
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(peer, decoding_off, PATIENCE)
{
	ASSERT_EQ(0, owner_does(&self->owner, decoding_off));
	EXPECT_FAULTS();
	EXPECT_READ_FAULTS();
	ASSERT_EQ(0, owner_does(&self->owner, decoding_on));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(peer, power_state, PATIENCE)
{
	ASSERT_EQ(0, owner_does(&self->owner, to_d3));
	EXPECT_FAULTS();
	ASSERT_EQ(0, owner_does(&self->owner, to_d0));
	EXPECT_REACHES(PAGE);
}

/* Gone before each reset begins, and back when it is done */
TEST_F_TIMEOUT(peer, reset, PATIENCE)
{
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, owner_does(&self->owner, device_reset));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);
	ASSERT_EQ(0, owner_does(&self->owner, reset_by_sysfs));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);
	/* It does not come back before decoding is on */
	ASSERT_EQ(0, owner_does(&self->owner, decoding_off));
	EXPECT_STREQ("u", trace_read());
	ASSERT_EQ(0, owner_does(&self->owner, device_reset));
	EXPECT_STREQ("", trace_read());
	EXPECT_FAULTS();
	ASSERT_EQ(0, owner_does(&self->owner, decoding_on));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(peer, attached_while_the_bar_is_away, PATIENCE)
{
	__u32 ioas;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA));
	ASSERT_EQ(0, map_bar(ioas));
	ASSERT_EQ(0, owner_does(&self->owner, decoding_off));
	ASSERT_EQ(0, vfio_attach(self->p.dev, ioas, NULL));
	EXPECT_FAULTS();
	ASSERT_EQ(0, owner_does(&self->owner, decoding_on));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, vfio_attach(self->p.dev, self->p.ioas, NULL));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(peer, owner_closes, PATIENCE)
{
	ASSERT_EQ(0, let_go(&self->p));
	EXPECT_TRUE(reaches_by_dma(&self->p));
	ASSERT_EQ(0, owner_does(&self->owner, close));
	EXPECT_FAULTS();
	EXPECT_EQ(-EEXIST, ioas_map(self->p.iommu, self->p.ioas, self->p.memory,
				    PAGE, BAR_IOVA));

	/* Another user of the device does not bring the mapping back */
	self->p.target = vfio_open(self->p.target_bdf);
	ASSERT_EQ(0, vfio_bind(self->p.target, self->p.iommu, NULL));
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	EXPECT_FAULTS();
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

/* Who has been sent the file keeps it open */
TEST_F_TIMEOUT(peer, owner_is_killed, PATIENCE)
{
	ASSERT_EQ(0, kill(self->owner.pid, SIGKILL));
	ASSERT_EQ(0, owner_end(&self->owner, true));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_REACHES(PAGE);
	self->p.target = -1;
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	self->p.bar_length = 0;
	EXPECT_FAULTS();
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
}

TEST_F_TIMEOUT(peer, owner_is_killed_alone, PATIENCE)
{
	ASSERT_EQ(0, let_go(&self->p));
	ASSERT_EQ(0, kill(self->owner.pid, SIGKILL));
	ASSERT_EQ(0, owner_end(&self->owner, true));
	EXPECT_FAULTS();
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
}

static void *remove_device(void *bdf)
{
	return (void *)(long)pci_remove(bdf);
}

TEST_F_TIMEOUT(peer, unplug, PATIENCE)
{
	pthread_t remover;
	void *rc;

	ASSERT_EQ(0, pthread_create(&remover, NULL, remove_device,
				    self->p.target_bdf));
	/* The removal waits for the last user, who is the test */
	sleep(1);
	ASSERT_EQ(0, owner_does(&self->owner, close));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, let_go(&self->p));
	ASSERT_EQ(0, pthread_join(remover, &rc));
	EXPECT_EQ(NULL, rc);
	EXPECT_FALSE(pci_exists(self->p.target_bdf));
	EXPECT_FAULTS();
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
}

/* The owner goes on without those who had its BAR */
TEST_F_TIMEOUT(peer, closes_first, PATIENCE)
{
	edu_close(&self->p.edu);
	ASSERT_EQ(0, close(self->p.dev));
	ASSERT_EQ(0, close(self->p.iommu));
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, owner_does(&self->owner, device_reset));
	EXPECT_STREQ("", trace_read());
	/* ... and others may have it */
	ASSERT_EQ(0, pair_open_dev(&self->p));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

static void map_for_ever(const struct pair *pair)
{
	struct iommu_ioas_map *map = anon_pages(1);
	struct userfault fault;

	*map = (struct iommu_ioas_map){
		.size = sizeof(*map),
		.flags = IOAS_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = pair->ioas,
		.user_va = (__u64)pair->memory,
		.length = PAGE,
		.iova = IOVA + PAGE,
	};
	if (userfault_start(&fault, map, UFFDIO_REGISTER_MODE_WP))
		_exit(1);
	while (ERR(ioctl(pair->iommu, IOMMU_IOAS_MAP, map)) == -EEXIST)
		;
	_exit(2);
}

/*
 * A MAP waits for a page that its answer is written to, with locks of the IOAS
 * held that has the BAR.  The owner does not wait for that.
 */
TEST_F_TIMEOUT(peer, does_not_hold_up_the_owner, PATIENCE)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		map_for_ever(&self->p);
	/* The call has begun once its IOVA is taken */
	while (ioas_map(self->p.iommu, self->p.ioas, self->p.memory, PAGE,
			IOVA + PAGE) != -EEXIST) {
		ASSERT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas,
					IOVA + PAGE, PAGE));
		usleep(1000);
	}
	sleep(1);
	EXPECT_EQ(0, owner_does(&self->owner, device_reset));
	EXPECT_EQ(0, owner_does(&self->owner, decoding_off));
	EXPECT_FAULTS();
	EXPECT_EQ(0, owner_does(&self->owner, decoding_on));
	EXPECT_REACHES(0);
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->p.iommu, self->p.ioas, IOVA + PAGE,
				      PAGE));
}

/* The owner makes its BAR come and go until it is told something else */
static int comes_and_goes(int dev)
{
	struct pollfd pfd = { .fd = owner_control, .events = POLLIN };
	int rc = 0;

	while (!rc && !poll(&pfd, 1, 0))
		rc = decoding_off(dev) ?: decoding_on(dev) ?:
		     device_reset(dev) ?: to_d3(dev) ?: to_d0(dev);
	return rc;
}

static int stays(int dev)
{
	return dev < 0 ? -EBADF : 0;
}

static int let_stay(const struct owner *owner)
{
	return owner_tell(owner, stays) ?:
	       owner_result(owner, 60) ?:
	       owner_result(owner, 60);
}

/* A process that is killed while it maps, attaches, detaches and unmaps */
static void peer_main(const struct pair *pair)
{
	int iommu = iommu_open(), dev = vfio_open(PAIR_0);
	__u32 ioas;

	if (ioas_alloc(iommu, &ioas) || vfio_bind(dev, iommu, NULL))
		_exit(1);
	while (!ioas_map(iommu, ioas, pair->bar, LENGTH, BAR_IOVA) &&
	       !vfio_attach(dev, ioas, NULL) &&
	       !ioas_map(iommu, ioas, pair->bar, LENGTH, BAR_IOVA + LENGTH) &&
	       !ioas_unmap(iommu, ioas, BAR_IOVA, LENGTH) &&
	       !vfio_detach(dev) &&
	       !ioas_unmap(iommu, ioas, BAR_IOVA + LENGTH, LENGTH))
		;
	_exit(2);
}

TEST_F_TIMEOUT(peer, is_killed_meanwhile, PATIENCE)
{
	unsigned int i, rounds = patient_rounds(20);
	int status;
	pid_t pid;

	ASSERT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	srand(time(NULL));
	ASSERT_EQ(0, owner_tell(&self->owner, comes_and_goes));
	for (i = 0; i < rounds; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			peer_main(&self->p);
		usleep(100000 + rand() % 300000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(0, bind_anew(PAIR_0));
	}
	EXPECT_EQ(0, let_stay(&self->owner));
	EXPECT_REACHES(0);
}

/* The owner is killed while it takes its BAR away and brings it back */
TEST_F_TIMEOUT(peer, owner_is_killed_meanwhile, PATIENCE)
{
	unsigned int i, rounds = patient_rounds(10);

	ASSERT_EQ(0, let_go(&self->p));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, owner_tell(&self->owner, comes_and_goes));
		usleep(100000 + i * 30000);
		ASSERT_EQ(0, kill(self->owner.pid, SIGKILL));
		ASSERT_EQ(0, owner_end(&self->owner, true));
		EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
					LENGTH));
		EXPECT_EQ(0, bind_anew(self->p.target_bdf));
		ASSERT_EQ(0, owner_start(&self->owner, self->p.target_bdf,
					 &self->p.target));
		ASSERT_EQ(0, pair_map_target(&self->p, CMB));
		ASSERT_EQ(0, map_bar(self->p.ioas));
		ASSERT_EQ(0, let_go(&self->p));
	}
	ASSERT_EQ(0, owner_does(&self->owner, close));
	EXPECT_FAULTS();
}

/* Calls of the test while the owner's BAR comes and goes */
TEST_F_TIMEOUT(peer, all_at_once, PATIENCE)
{
	static void *(*const calls[])(void *arg) = {
		race_map, race_attach, race_fault,
	};
	struct race race = { .pair = &self->p };
	pthread_t threads[ARRAY_SIZE(calls)];
	size_t i;

	ASSERT_EQ(0, owner_tell(&self->owner, comes_and_goes));
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, calls[i],
					    &race));
	sleep(5 * time_factor());
	race.stop = true;
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race.failed);
	EXPECT_EQ(0, let_stay(&self->owner));
	EXPECT_REACHES(0);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	EXPECT_FAULTS();
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts that a device sends as writes (MSI), wherever it is attached.  VT-d and
 * AMD-Vi take these writes out of all DMA by their address; behind Arm's SMMU they go
 * through each page table, in which the kernel maps the interrupt controller's page.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "../userfault.h"
#include "mmio.h"
#include "test.h"

#define IOVA		0x40000000ULL
#define LITTLE_WHILE	300000	/* microseconds */
#define EDU_RAISE_IRQ	0x60
#define EDU_ACK_IRQ	0x64

#define SET_MSI(dev, eventfd) \
	vfio_set_irq(dev, VFIO_PCI_MSI_IRQ_INDEX, eventfd)

struct user {
	int dev;
	__u32 dev_id;
	struct edu edu;
	int eventfd;
};

FIXTURE(msi)
{
	int iommu;
	__u32 ioas;
	struct user users[2];	/* each in a group of its own */
};

FIXTURE_SETUP(msi)
{
	static const char * const bdf[] = { EDU, PAIR_0 };
	int i;

	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	for (i = 0; i < 2; i++) {
		struct user *user = &self->users[i];

		user->dev = open_vfio(bdf[i]);
		ASSERT_EQ(0, vfio_bind(user->dev, self->iommu, &user->dev_id));
		ASSERT_EQ(0, edu_open(&user->edu, user->dev));
		user->eventfd = eventfd(0, EFD_CLOEXEC);
		ASSERT_LE(0, user->eventfd);
	}
}

FIXTURE_TEARDOWN(msi)
{
	int i;

	for (i = 0; i < 2; i++) {
		edu_close(&self->users[i].edu);
		EXPECT_EQ(0, close(self->users[i].dev));
		EXPECT_EQ(0, close(self->users[i].eventfd));
	}
	EXPECT_EQ(0, close(self->iommu));
}

/* Does each of ten interrupts arrive once? */
static bool ten_arrive(struct user *user)
{
	struct pollfd pfd = { .fd = user->eventfd, .events = POLLIN };
	bool arrive = true;
	__u64 count;
	int i;

	if (SET_MSI(user->dev, user->eventfd))
		return false;
	for (i = 0; arrive && i < 10; i++) {
		mmio_write32(user->edu.bar + EDU_RAISE_IRQ, 1);
		arrive = poll(&pfd, 1, 10000) == 1 &&
			 read(pfd.fd, &count, 8) == 8 && count == 1;
		mmio_write32(user->edu.bar + EDU_ACK_IRQ, 1);
	}
	return arrive && !poll(&pfd, 1, 100) && !SET_MSI(user->dev, -1);
}

TEST_F_TIMEOUT(msi, arrive, PATIENCE)
{
	struct user *user = &self->users[0];
	__u32 other;

	ASSERT_EQ(0, vfio_attach(user->dev, self->ioas, NULL));
	EXPECT_TRUE(ten_arrive(user));
	/* After a move, and after a detach, too */
	ASSERT_EQ(0, ioas_alloc(self->iommu, &other));
	ASSERT_EQ(0, vfio_attach(user->dev, other, NULL));
	EXPECT_TRUE(ten_arrive(user));
	ASSERT_EQ(0, vfio_attach(user->dev, self->ioas, NULL));
	EXPECT_TRUE(ten_arrive(user));
	ASSERT_EQ(0, vfio_detach(user->dev));
	ASSERT_EQ(0, vfio_attach(user->dev, self->ioas, NULL));
	EXPECT_TRUE(ten_arrive(user));
}

static void expect_both_arrive(struct __test_metadata *_metadata,
			       struct user users[2], __u32 pt)
{
	__u32 hwpt[2];
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vfio_attach(users[i].dev, pt, &hwpt[i]));
		EXPECT_TRUE(ten_arrive(&users[i]));
	}
	EXPECT_EQ(hwpt[0], hwpt[1]);
	EXPECT_TRUE(ten_arrive(&users[0]));
	/* Each comes again to what the other has kept. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vfio_detach(users[i].dev));
		EXPECT_TRUE(ten_arrive(&users[!i]));
		ASSERT_EQ(0, vfio_attach(users[i].dev, pt, &hwpt[i]));
		EXPECT_EQ(hwpt[!i], hwpt[i]);
		EXPECT_TRUE(ten_arrive(&users[i]));
		EXPECT_TRUE(ten_arrive(&users[!i]));
	}
}

TEST_F_TIMEOUT(msi, arrive_in_both_groups_of_an_ioas, PATIENCE)
{
	expect_both_arrive(_metadata, self->users, self->ioas);
}

TEST_F_TIMEOUT(msi, arrive_in_both_groups_of_a_page_table, PATIENCE)
{
	__u32 id;

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->users[0].dev_id, self->ioas,
				0, &id));
	expect_both_arrive(_metadata, self->users, id);
}

/* Calls of another thread: once, or until they are to stop */
struct caller {
	pthread_t thread;
	struct user *user;
	__u32 ioas;
	bool again;
	atomic_bool stop;
	atomic_ulong calls;
	int rc;		/* the first that was not 0 */
};

static void *attach(void *arg)
{
	struct caller *caller = arg;

	caller->rc = vfio_attach(caller->user->dev, caller->ioas, NULL);
	return NULL;
}

static void *set_up(void *arg)
{
	struct caller *caller = arg;
	struct user *user = caller->user;

	do {
		if (!caller->rc)
			caller->rc = SET_MSI(user->dev, user->eventfd);
		if (!caller->rc)
			caller->rc = SET_MSI(user->dev, -1);
		atomic_fetch_add(&caller->calls, 1);
	} while (caller->again && !caller->stop);
	return NULL;
}

/*
 * While the page table of the group comes or goes, nothing is mapped in it for
 * interrupts.  The attach waits for memory that the test provides when it wants to.
 */
TEST_F_TIMEOUT(msi, are_not_set_up_during_an_attach, PATIENCE)
{
	struct user *user = &self->users[0];
	struct caller attacher = { .user = user, .ioas = self->ioas };
	struct caller caller = { .user = user };
	char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct userfault fault;
	int status;
	pid_t pid;

	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	ASSERT_NE(MAP_FAILED, memory);
	memset(memory, 1, PAGE);
	ASSERT_EQ(0, userfault_start(&fault, memory + PAGE,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, 2 * PAGE, IOVA));
	ASSERT_EQ(0, pthread_create(&attacher.thread, NULL, attach, &attacher));
	ASSERT_EQ(0, userfault_wait(&fault));
	ASSERT_EQ(0, pthread_create(&caller.thread, NULL, set_up, &caller));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(!!SET_MSI(user->dev, user->eventfd));
	usleep(LITTLE_WHILE);
	EXPECT_EQ(0, caller.calls);
	/* Who waits can be killed, and other groups do not wait. */
	EXPECT_EQ(0, waitpid(pid, &status, WNOHANG));
	EXPECT_EQ(0, kill(pid, SIGKILL));
	EXPECT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, SET_MSI(self->users[1].dev, self->users[1].eventfd));
	EXPECT_EQ(0, SET_MSI(self->users[1].dev, -1));
	EXPECT_EQ(0, caller.calls);

	ASSERT_EQ(0, userfault_end(&fault, memory));
	ASSERT_EQ(0, pthread_join(attacher.thread, NULL));
	ASSERT_EQ(0, pthread_join(caller.thread, NULL));
	EXPECT_EQ(0, attacher.rc);
	EXPECT_EQ(0, caller.rc);
	EXPECT_TRUE(ten_arrive(user));
}

TEST_F_TIMEOUT(msi, come_and_go_while_the_device_does, PATIENCE)
{
	struct user *user = &self->users[0];
	struct caller caller = { .user = user, .again = true };
	unsigned int i, rounds = patient_rounds(200);
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &other));
	ASSERT_EQ(0, pthread_create(&caller.thread, NULL, set_up, &caller));
	for (i = 0; i < rounds || caller.calls < rounds; i++) {
		ASSERT_EQ(0, vfio_attach(user->dev, self->ioas, NULL));
		if (i % 2)
			ASSERT_EQ(0, vfio_attach(user->dev, other, NULL));
		ASSERT_EQ(0, vfio_detach(user->dev));
	}
	caller.stop = true;
	ASSERT_EQ(0, pthread_join(caller.thread, NULL));
	EXPECT_EQ(0, caller.rc);
	ASSERT_EQ(0, vfio_attach(user->dev, self->ioas, NULL));
	EXPECT_TRUE(ten_arrive(user));
}

TEST_HARNESS_MAIN

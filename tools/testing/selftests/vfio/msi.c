// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts that a device sends as writes (MSI), wherever it is attached.  VT-d and
 * AMD-Vi take these writes out of all DMA by their address; behind Arm's SMMU they go
 * through each page table, in which the kernel maps the interrupt controller's page.
 */
#include <poll.h>
#include <sys/eventfd.h>

#include "mmio.h"
#include "test.h"

#define EDU_RAISE_IRQ	0x60
#define EDU_ACK_IRQ	0x64

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

/* The only MSI of the device signals the eventfd, or no longer does: -1. */
static int set_msi(int dev, int eventfd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(__s32)];
	struct vfio_irq_set *set = (void *)buf;

	set->argsz = sizeof(buf);
	set->flags = VFIO_IRQ_SET_ACTION_TRIGGER |
		     (eventfd < 0 ? VFIO_IRQ_SET_DATA_NONE :
				    VFIO_IRQ_SET_DATA_EVENTFD);
	set->index = VFIO_PCI_MSI_IRQ_INDEX;
	set->start = 0;
	set->count = eventfd < 0 ? 0 : 1;
	memcpy(set->data, &eventfd, sizeof(__s32));
	return ERR(ioctl(dev, VFIO_DEVICE_SET_IRQS, set));
}

/* Does each of ten interrupts arrive once? */
static bool ten_arrive(struct user *user)
{
	struct pollfd pfd = { .fd = user->eventfd, .events = POLLIN };
	bool arrive = true;
	__u64 count;
	int i;

	if (set_msi(user->dev, user->eventfd))
		return false;
	for (i = 0; arrive && i < 10; i++) {
		mmio_write32(user->edu.bar + EDU_RAISE_IRQ, 1);
		arrive = poll(&pfd, 1, 10000) == 1 &&
			 read(pfd.fd, &count, 8) == 8 && count == 1;
		mmio_write32(user->edu.bar + EDU_ACK_IRQ, 1);
	}
	return arrive && !poll(&pfd, 1, 100) && !set_msi(user->dev, -1);
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

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/*
 * The token that the users of an SR-IOV function share, as BIND shows it, beside
 * the group interface, which gives the same answers.
 */
#include <pthread.h>

#include "sriov.h"
#include "../userfault.h"

#define OTHER_TOKEN	"fedcba98-7654-3210-fedc-ba9876543210"
#define OTHER_BYTES	"\xfe\xdc\xba\x98\x76\x54\x32\x10\xfe\xdc\xba\x98\x76\x54\x32\x10"
#define WRONG_BYTES	"\x11\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"

static int bind_arg(int dev, const struct vfio_device_bind_iommufd *arg)
{
	struct vfio_device_bind_iommufd bind = *arg;

	return ERR(ioctl(dev, VFIO_DEVICE_BIND_IOMMUFD, &bind));
}

static int bind_with(int dev, int iommu, const void *token)
{
	return bind_arg(dev, &(struct vfio_device_bind_iommufd) {
		.argsz = sizeof(struct vfio_device_bind_iommufd),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = iommu,
		.token_uuid_ptr = (uintptr_t)token,
	});
}

/* Bind a new file to a new context and close both; token: NULL without */
static int try_token(const char *bdf, const void *token)
{
	int iommu = iommu_open();
	int dev = vfio_open(bdf);
	int rc = dev < 0 ? dev : token ? bind_with(dev, iommu, token) :
		 vfio_bind(dev, iommu, NULL);

	if (!rc)
		rc = get_info(dev);
	close(dev);
	close(iommu);
	return rc;
}

/* The same by the group interface; token: as text */
static int try_group(const char *bdf, const char *token)
{
	struct group_user user;
	int rc = group_user_start(&user, bdf) ?:
		 (token ? get_with_token(&user, bdf, token) :
		  group_user_get_device(&user, bdf)) ?:
		 get_info(user.dev);

	group_user_end(&user);
	return rc;
}

/* A device that takes no token */
FIXTURE(none)
{
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(none)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(none)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(none, is_told_one)
{
	EXPECT_EQ(-EINVAL, bind_with(self->dev, self->iommu, TOKEN_BYTES));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_EQ(-EINVAL, try_token(EDU, TOKEN_BYTES));
	EXPECT_EQ(0, try_token(EDU, NULL));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(-EINVAL, bind_with(self->dev, self->iommu, TOKEN_BYTES));
	EXPECT_EQ(-EINVAL, bind_with(self->dev, self->iommu, NULL));
}

TEST_F(none, the_group_gives_the_same_answer)
{
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	EXPECT_EQ(-EINVAL, try_group(EDU, TOKEN));
	EXPECT_EQ(0, try_group(EDU, NULL));
}

TEST_F(none, flags_and_iommufd_are_looked_at_before_the_token)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN | 2,
		.iommufd = self->iommu,
	};

	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	arg.flags = VFIO_DEVICE_BIND_FLAG_TOKEN | 1U << 31;
	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	arg.flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	arg.iommufd = -1;
	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	/* And the token before the file behind iommufd */
	arg.iommufd = 1000;
	EXPECT_EQ(-EFAULT, bind_arg(self->dev, &arg));
	arg.token_uuid_ptr = (uintptr_t)TOKEN_BYTES;
	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EBADF, bind_arg(self->dev, &arg));
}

TEST_F(none, token_cannot_be_read)
{
	char *memory = anon_pages(2);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, munmap(memory + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, bind_with(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EFAULT, bind_with(self->dev, self->iommu, memory + PAGE));
	EXPECT_EQ(-EFAULT,
		  bind_with(self->dev, self->iommu, memory + PAGE - 15));
	EXPECT_EQ(-EFAULT, bind_with(self->dev, self->iommu, (void *)-1UL));
	EXPECT_EQ(-EFAULT, bind_with(self->dev, self->iommu, (void *)-8UL));
	EXPECT_EQ(-EINVAL,
		  bind_with(self->dev, self->iommu, memory + PAGE - 16));
	ASSERT_EQ(0, mprotect(memory, PAGE, PROT_NONE));
	EXPECT_EQ(-EFAULT, bind_with(self->dev, self->iommu, memory));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	munmap(memory, PAGE);
}

/* The pointer to the token is behind the smallest struct */
TEST_F(none, argsz_says_whether_there_is_a_pointer)
{
	const __u32 min = offsetof(struct vfio_device_bind_iommufd,
				   token_uuid_ptr);
	struct vfio_device_bind_iommufd arg = {
		.argsz = min,
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = self->iommu,
		.token_uuid_ptr = (uintptr_t)TOKEN_BYTES,
	};

	EXPECT_EQ(-EFAULT, bind_arg(self->dev, &arg));
	arg.argsz = min - 1;
	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	arg.argsz = sizeof(arg);
	EXPECT_EQ(-EINVAL, bind_arg(self->dev, &arg));
	/* Without the flag it may be anything */
	arg.flags = 0;
	arg.token_uuid_ptr = 1;
	EXPECT_EQ(0, bind_arg(self->dev, &arg));
}

TEST_F(none, argument_of_a_newer_kernel)
{
	char *memory = anon_pages(2);
	struct vfio_device_bind_iommufd *arg = (void *)memory;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, munmap(memory + PAGE, PAGE));
	arg->iommufd = self->iommu;
	arg->argsz = sizeof(*arg) + 1;
	memory[sizeof(*arg)] = 1;
	EXPECT_EQ(-E2BIG,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, arg)));
	arg->argsz = PAGE;
	memory[sizeof(*arg)] = 0;
	memory[PAGE - 1] = 1;
	EXPECT_EQ(-E2BIG,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, arg)));
	memory[PAGE - 1] = 0;
	arg->argsz = PAGE + 1;
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, arg)));
	arg->argsz = ~0U;
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, arg)));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	arg->argsz = PAGE;
	EXPECT_EQ(0, ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, arg)));
	munmap(memory, PAGE);
}

/* A virtual function of vfio-pci, whose physical one vfio-pci has, too */
FIXTURE(token)
{
	char pf[BDF_LEN];
	char vf[BDF_LEN];
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(token)
{
	ASSERT_EQ(0, find_pf(self->pf));
	ASSERT_EQ(0, vfio_pci_reload("enable_sriov=1"));
	ASSERT_EQ(0, pci_bind(self->pf, "vfio-pci"));
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(token)
{
	close_all();
	EXPECT_EQ(0, no_sriov(self->pf));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

#define ASSERT_VF_CREATED()						\
do {									\
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "1"));		\
	ASSERT_EQ(0, pci_virtfn(self->pf, 0, self->vf));		\
	ASSERT_TRUE(pci_bound_to(self->vf, "vfio-pci"));		\
} while (0)

/* Only who knows the token of the PF gets the VF, by either interface */
#define EXPECT_TOKEN_IS_SHARED()					\
do {									\
	EXPECT_EQ(-EACCES, try_token(self->vf, NULL));			\
	EXPECT_EQ(-EACCES, try_token(self->vf, WRONG_BYTES));		\
	EXPECT_EQ(0, try_token(self->vf, TOKEN_BYTES));			\
	EXPECT_EQ(-EACCES, try_group(self->vf, NULL));			\
	EXPECT_EQ(-EACCES, try_group(self->vf, WRONG_TOKEN));		\
	EXPECT_EQ(0, try_group(self->vf, TOKEN));			\
} while (0)

TEST_F_TIMEOUT(token, set_by_bind, PATIENCE)
{
	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	ASSERT_VF_CREATED();
	EXPECT_TOKEN_IS_SHARED();
}

TEST_F_TIMEOUT(token, set_by_feature, PATIENCE)
{
	int pf = vfio_open(self->pf);

	ASSERT_EQ(0, vfio_bind(pf, self->iommu, NULL));
	ASSERT_EQ(0, set_token(pf, TOKEN_BYTES));
	ASSERT_EQ(0, close(pf));
	ASSERT_VF_CREATED();
	EXPECT_TOKEN_IS_SHARED();
}

TEST_F_TIMEOUT(token, set_by_the_group, PATIENCE)
{
	ASSERT_EQ(0, try_group(self->pf, TOKEN));
	ASSERT_VF_CREATED();
	EXPECT_TOKEN_IS_SHARED();
}

/* Until one is set, it is a random one */
TEST_F_TIMEOUT(token, nobody_knows, PATIENCE)
{
	static const char zero[16];

	ASSERT_VF_CREATED();
	EXPECT_EQ(-EACCES, try_token(self->vf, NULL));
	EXPECT_EQ(-EACCES, try_token(self->vf, TOKEN_BYTES));
	EXPECT_EQ(-EACCES, try_token(self->vf, zero));
}

/* It lives as long as vfio-pci has the PF */
TEST_F_TIMEOUT(token, survives, PATIENCE)
{
	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	/* a user of the PF without a token */
	ASSERT_EQ(0, try_token(self->pf, NULL));
	ASSERT_VF_CREATED();
	ASSERT_EQ(0, try_token(self->vf, TOKEN_BYTES));
	/* the VF */
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
	ASSERT_VF_CREATED();
	EXPECT_EQ(0, try_token(self->vf, TOKEN_BYTES));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
	/* but not the driver */
	ASSERT_EQ(0, pci_bind(self->pf, NULL));
	ASSERT_EQ(0, pci_bind(self->pf, "vfio-pci"));
	ASSERT_VF_CREATED();
	EXPECT_EQ(-EACCES, try_token(self->vf, TOKEN_BYTES));
}

TEST_F_TIMEOUT(token, of_a_pf_is_replaced_while_no_vf_is_in_use, PATIENCE)
{
	int vf;

	ASSERT_EQ(0, try_token(self->pf, OTHER_BYTES));
	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	ASSERT_VF_CREATED();
	EXPECT_EQ(-EACCES, try_token(self->vf, OTHER_BYTES));
	vf = vfio_open(self->vf);
	ASSERT_EQ(0, bind_with(vf, self->iommu, TOKEN_BYTES));

	/* In use: its user shows it, and none sets it */
	EXPECT_EQ(-EACCES, try_token(self->pf, NULL));
	EXPECT_EQ(-EACCES, try_token(self->pf, OTHER_BYTES));
	EXPECT_EQ(-EACCES, try_group(self->pf, NULL));
	EXPECT_EQ(-EACCES, try_group(self->pf, OTHER_TOKEN));
	EXPECT_EQ(0, get_info(vf));
	ASSERT_EQ(0, close(vf));
	EXPECT_EQ(-EACCES, try_token(self->vf, OTHER_BYTES));
	EXPECT_EQ(0, try_token(self->vf, TOKEN_BYTES));
}

/* The PF is closed last: its reset takes VFs away below their users */
TEST_F_TIMEOUT(token, lets_the_user_of_a_pf_in, PATIENCE)
{
	int pf = vfio_open(self->pf), vf;

	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	ASSERT_VF_CREATED();
	vf = vfio_open(self->vf);
	ASSERT_EQ(0, bind_with(vf, self->iommu, TOKEN_BYTES));
	EXPECT_EQ(-EACCES, vfio_bind(pf, self->iommu, NULL));
	EXPECT_EQ(-EACCES, bind_with(pf, self->iommu, WRONG_BYTES));
	EXPECT_EQ(-EINVAL, get_info(pf));
	EXPECT_EQ(0, bind_with(pf, self->iommu, TOKEN_BYTES));
	EXPECT_EQ(0, get_info(pf));
	ASSERT_EQ(0, close(vf));
	ASSERT_EQ(0, close(pf));
}

TEST_F_TIMEOUT(token, is_matched_before_iommufd_is_looked_up, PATIENCE)
{
	int vf;

	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	ASSERT_VF_CREATED();
	vf = vfio_open(self->vf);
	EXPECT_EQ(-EACCES, vfio_bind(vf, 1000, NULL));
	EXPECT_EQ(-EACCES, bind_with(vf, 1000, WRONG_BYTES));
	EXPECT_EQ(-EFAULT, bind_with(vf, 1000, NULL));
	EXPECT_EQ(-EBADF, bind_with(vf, 1000, TOKEN_BYTES));
	EXPECT_EQ(0, bind_with(vf, self->iommu, TOKEN_BYTES));
	/* Nor does it matter for a file that is bound */
	EXPECT_EQ(-EINVAL, bind_with(vf, self->iommu, WRONG_BYTES));
	EXPECT_EQ(-EINVAL, bind_with(vf, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, try_token(self->vf, TOKEN_BYTES));
	EXPECT_EQ(-EACCES, try_token(self->pf, NULL));
	ASSERT_EQ(0, close(vf));
}

/* Else a user who is refused could lock the VFs of another one's PF */
TEST_F_TIMEOUT(token, is_not_set_by_a_bind_that_is_refused, PATIENCE)
{
	struct vfio_device_bind_iommufd *arg = anon_pages(1);
	struct group_user user;
	int pf = vfio_open(self->pf), other;

	ASSERT_NE(MAP_FAILED, arg);
	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	EXPECT_EQ(-EBADF, bind_with(pf, 1000, OTHER_BYTES));

	/* The result cannot be written */
	arg->argsz = sizeof(*arg);
	arg->flags = VFIO_DEVICE_BIND_FLAG_TOKEN;
	arg->iommufd = self->iommu;
	arg->token_uuid_ptr = (uintptr_t)OTHER_BYTES;
	ASSERT_EQ(0, mprotect(arg, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(pf, VFIO_DEVICE_BIND_IOMMUFD, arg)));

	/* Another user has the PF, by a device file and by its group */
	other = vfio_open(self->pf);
	ASSERT_EQ(0, vfio_bind(other, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, bind_with(pf, self->iommu, OTHER_BYTES));
	ASSERT_EQ(0, close(other));
	ASSERT_EQ(0, group_user_start(&user, self->pf));
	ASSERT_EQ(0, group_user_get_device(&user, self->pf));
	EXPECT_EQ(-EPERM, bind_with(pf, self->iommu, OTHER_BYTES));
	group_user_end(&user);

	EXPECT_EQ(-EINVAL, get_info(pf));
	ASSERT_VF_CREATED();
	EXPECT_EQ(-EACCES, try_token(self->vf, OTHER_BYTES));
	EXPECT_EQ(0, try_token(self->vf, TOKEN_BYTES));
	munmap(arg, PAGE);
}

/* A VF whose PF has another driver takes no token */
TEST_F_TIMEOUT(token, is_unused_if_the_pf_is_not_of_vfio, PATIENCE)
{
	ASSERT_EQ(0, pci_bind(self->pf, STUB));
	ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "1"));
	ASSERT_EQ(0, pci_virtfn(self->pf, 0, self->vf));
	ASSERT_EQ(0, pci_bind(self->vf, "vfio-pci"));
	EXPECT_EQ(-EINVAL, try_token(self->vf, TOKEN_BYTES));
	EXPECT_EQ(-EINVAL, try_group(self->vf, TOKEN));
	EXPECT_EQ(0, try_token(self->vf, NULL));
	EXPECT_EQ(0, try_group(self->vf, NULL));
}

struct binder {
	pthread_t thread;
	int dev;
	int iommu;
	const void *token;
	int rc;
};

static void *binder_thread(void *arg)
{
	struct binder *binder = arg;

	binder->rc = bind_with(binder->dev, binder->iommu, binder->token);
	return NULL;
}

/* Nobody waits for the memory that a token is read from */
TEST_F_TIMEOUT(token, vf_goes_while_it_is_read, PATIENCE)
{
	static char content[PAGE] = TOKEN_BYTES;
	struct binder binder = { .iommu = self->iommu };
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct userfault fault;

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	ASSERT_VF_CREATED();
	binder.dev = vfio_open(self->vf);
	ASSERT_LE(0, binder.dev);
	binder.token = page;
	ASSERT_EQ(0, userfault_start(&fault, page,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, pthread_create(&binder.thread, NULL, binder_thread,
				    &binder));
	ASSERT_EQ(0, userfault_wait(&fault));
	EXPECT_EQ(0, try_token(self->vf, TOKEN_BYTES));
	EXPECT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
	EXPECT_FALSE(pci_exists(self->vf));
	EXPECT_EQ(0, userfault_end(&fault, content));
	pthread_join(binder.thread, NULL);
	EXPECT_EQ(-ENODEV, binder.rc);
	EXPECT_EQ(0, close(binder.dev));
	munmap(page, PAGE);
}

/* Binds a VF with its token until told to stop, whether the VF is there or not */
struct user {
	pthread_t thread;
	const char *pf;
	bool stop;
	unsigned int bound;
	unsigned int wrong;
	int last_wrong;
};

static void *user_thread(void *arg)
{
	struct user *user = arg;
	char vf[BDF_LEN];
	int rc;

	while (!__atomic_load_n(&user->stop, __ATOMIC_RELAXED)) {
		if (pci_virtfn(user->pf, 0, vf))
			continue;
		rc = try_token(vf, TOKEN_BYTES);
		if (!rc) {
			user->bound++;
		} else if (!is_of_going_vf(rc)) {
			user->wrong++;
			user->last_wrong = rc;
		}
	}
	return NULL;
}

/* Freed memory must not be used: the kernel checks its slabs */
TEST_F_TIMEOUT(token, is_matched_while_vfs_come_and_go, PATIENCE)
{
	struct user user = { .pf = self->pf };
	int i;

	ASSERT_EQ(0, try_token(self->pf, TOKEN_BYTES));
	pthread_create(&user.thread, NULL, user_thread, &user);
	for (i = 0; i < 20; i++) {
		ASSERT_VF_CREATED();
		usleep(20000 + i * 1000);
		ASSERT_EQ(0, pci_write(self->pf, "sriov_numvfs", "0"));
		ASSERT_FALSE(pci_exists(self->vf));
	}
	__atomic_store_n(&user.stop, true, __ATOMIC_RELAXED);
	pthread_join(user.thread, NULL);
	TH_LOG("bound %u times", user.bound);
	EXPECT_EQ(0, user.wrong) TH_LOG("last: %d", user.last_wrong);
	EXPECT_LT(0, user.bound);
}

TEST_HARNESS_MAIN

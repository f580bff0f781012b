// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults in an IOAS on demand: what the driver pins for them, and which it
 * cannot serve.  Once they are reported by the process that raises them, once by a
 * kernel thread.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../kernel.h"
#include "../userfault.h"
#include "access.h"
#include "demand.h"

#define NPAGES		16UL
#define USER		12345	/* has nothing pinned */
#define LIMIT		4UL	/* pages that it may pin */

FIXTURE(fault)
{
	int fd;
	__u32 ioas;
	struct mock_dev dev;
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(fault)
{
	const char *thread;
};

FIXTURE_VARIANT_ADD(fault, by_caller) { "N" };
FIXTURE_VARIANT_ADD(fault, by_thread) { "Y" };

/* A mock device attached to an IOAS on demand that has small pages mapped */
FIXTURE_SETUP(fault)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_file(FAULT_THREAD, variant->thread));
	ASSERT_EQ(0, iommu_option_set(self->fd, ON_DEMAND, self->ioas, 1));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	self->memory = small_pages(NPAGES * PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->memory,
			      NPAGES * PAGE, AT));
	self->pinned = pinned();
}

FIXTURE_TEARDOWN(fault)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_EQ(0, write_file(FAULT_THREAD, "N"));
	EXPECT_EQ(0, write_file(MOCK_PARAMETERS "attach_ms", "0"));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(self->pinned, pinned());
}

static bool by_thread(const char *thread)
{
	return *thread == 'Y';
}

TEST_F(fault, populates_its_page)
{
	EXPECT_EQ(SUCCESS, TOUCH(3, READ));
	EXPECT_EQ(0, FOUND(3, 1));
	EXPECT_EQ(-EINVAL, FOUND(2, 1));
	EXPECT_EQ(-EINVAL, FOUND(4, 1));
	EXPECT_EQ(0, REFS(0, 3, 0));
	EXPECT_EQ(0, REFS(3, 1, 1));
	EXPECT_EQ(0, REFS(4, 12, 0));
	EXPECT_EQ((long)(PAGE / 1024), FDINFO("pinned"));
	EXPECT_EQ(1, FDINFO("faults"));
	EXPECT_EQ(0, FDINFO("faults-failed"));
}

TEST_F(fault, any_byte_of_a_page_is_as_good_as_the_first)
{
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + 2 * PAGE - 1, WRITE));
	EXPECT_EQ(0, FOUND(1, 1));
	EXPECT_EQ(0, REFS(0, 1, 0));
	EXPECT_EQ(0, REFS(1, 1, 1));
	EXPECT_EQ(0, REFS(2, 14, 0));
}

TEST_F(fault, of_what_is_populated_changes_nothing)
{
	ASSERT_EQ(0, POPULATE(0, 4));
	EXPECT_EQ(SUCCESS, TOUCH(2, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(4, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(4, READ));
	EXPECT_EQ(0, REFS(0, 5, 1));
	EXPECT_EQ(0, REFS(5, 11, 0));
	EXPECT_EQ(3, FDINFO("faults"));
}

/* It may be a page that nobody has touched yet. */
TEST_F(fault, makes_memory)
{
	char *fresh = anon(PAGE);

	ASSERT_NE(NULL, fresh);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, fresh, PAGE, AT + MiB));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	EXPECT_EQ(0, mock_check_refs(self->fd, fresh, PAGE, 1));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, fresh, PAGE,
				    AT + MiB));
}

TEST_F(fault, that_has_nothing_mapped_is_invalid)
{
	EXPECT_EQ(INVALID, TOUCH(NPAGES, READ));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT - PAGE, READ));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0, 0, READ));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0, ALL,
				       READ));
	EXPECT_EQ(0, FDINFO("faults"));
	EXPECT_EQ(4, FDINFO("faults-failed"));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	EXPECT_EQ(INVALID, TOUCH(0, READ));
	EXPECT_EQ(5, FDINFO("faults-failed"));
}

TEST_F(fault, permissions)
{
	static const struct {
		__u32 flags;
		__u32 perm;
		int answer;
	} cases[] = {
		{ READABLE, READ, SUCCESS },
		{ READABLE, EXEC, SUCCESS },
		{ READABLE, 0, SUCCESS },
		{ READABLE, WRITE, INVALID },
		{ READABLE, READ | WRITE, INVALID },
		{ WRITEABLE, WRITE, SUCCESS },
		{ WRITEABLE, READ, INVALID },
		{ WRITEABLE, EXEC, INVALID },
		{ RW, READ | WRITE | EXEC | IOMMU_PGFAULT_PERM_PRIV, SUCCESS },
	};
	unsigned int i;
	__u64 iova;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		iova = AT + (i + 1) * MiB;
		ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas,
					    FIXED | cases[i].flags,
					    self->memory, PAGE, &iova));
		EXPECT_EQ(cases[i].answer,
			  touch_pasid(self->fd, self->dev.dev_id, 0, iova,
				      cases[i].perm))
			TH_LOG("case %u", i);
		EXPECT_EQ(0, REFS(0, 1, cases[i].answer == SUCCESS));
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, iova, PAGE));
	}
}

TEST_F(fault, that_finds_no_memory_is_invalid)
{
	ASSERT_EQ(0, munmap(self->memory + 2 * PAGE, PAGE));
	EXPECT_EQ(INVALID, TOUCH(2, READ));
	EXPECT_EQ(SUCCESS, TOUCH(1, READ));
	EXPECT_EQ(SUCCESS, TOUCH(3, READ));
	/* What comes there is found by the next fault. */
	ASSERT_NE(MAP_FAILED, mmap(self->memory + 2 * PAGE, PAGE,
				   PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
				   0));
	EXPECT_EQ(SUCCESS, TOUCH(2, READ));
	EXPECT_EQ(0, FOUND(1, 3));
	EXPECT_EQ(1, FDINFO("faults-failed"));
}

TEST_F(fault, that_may_not_write_memory_is_invalid)
{
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_READ));
	EXPECT_EQ(INVALID, TOUCH(0, READ));
	ASSERT_EQ(0, mprotect(self->memory, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(0, READ));
}

/* All pages of a request, or the request is INVALID. */
TEST_F(fault, of_several_pages)
{
	struct mock_answers since = mock_answers();

	ASSERT_EQ(0, mock_fault_pages(self->fd, self->dev.dev_id, 2, 3));
	EXPECT_ANSWERS(since, 0, 1, 0);
	EXPECT_EQ(0, FOUND(2, 3));
	EXPECT_EQ(0, REFS(2, 3, 1));
	EXPECT_EQ(0, REFS(5, 1, 0));
	ASSERT_EQ(0, mock_fault_pages(self->fd, self->dev.dev_id, 14, 3));
	EXPECT_ANSWERS(since, 0, 1, 1);
	EXPECT_EQ(5, FDINFO("faults"));
	EXPECT_EQ(1, FDINFO("faults-failed"));
}

TEST_F(fault, released_memory_is_found_again)
{
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	ASSERT_EQ(0, RELEASE(0, 1));
	EXPECT_EQ(0, REFS(0, 1, 0));
	/* Other memory has come in its place. */
	ASSERT_EQ(0, madvise(self->memory, PAGE, MADV_DONTNEED));
	self->memory[0] = 7;
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
	EXPECT_EQ(0, REFS(0, 1, 1));
}

/* As everywhere, what is pinned is what devices see, whatever the process does. */
TEST_F(fault, pinned_memory_stays)
{
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	ASSERT_EQ(0, madvise(self->memory, PAGE, MADV_DONTNEED));
	self->memory[0] = 7;
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(SUCCESS, TOUCH(0, WRITE));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	ASSERT_EQ(0, RELEASE(0, 1));
	EXPECT_EQ(SUCCESS, TOUCH(0, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
}

TEST_F(fault, after_fork_memory_is_the_parents)
{
	int pipes[2], status;
	pid_t child;
	char byte;

	self->memory[1 * PAGE] = 3;
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	ASSERT_EQ(0, pipe2(pipes, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) ? 99 : self->memory[1 * PAGE]);
	}
	close(pipes[0]);
	EXPECT_EQ(SUCCESS, TOUCH(1, WRITE));
	self->memory[0] = 55;
	self->memory[1 * PAGE] = 66;
	EXPECT_EQ(0, FOUND(0, 2));
	EXPECT_EQ(0, REFS(0, 2, 1));
	close(pipes[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(3, WEXITSTATUS(status));
}

TEST_F(fault, in_memory_of_a_process_that_is_gone_is_invalid)
{
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(-ioas_map(self->fd, self->ioas, self->memory, 2 * PAGE,
				AT + MiB) ?:
		      touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				  WRITE));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(SUCCESS, WEXITSTATUS(status));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + MiB + PAGE, WRITE));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT + MiB, 2 * PAGE));
}

/* The memory of another process, by whoever raises the fault */
TEST_F(fault, in_memory_of_another_process)
{
	int ready[2], end[2];
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe2(ready, O_CLOEXEC));
	ASSERT_EQ(0, pipe2(end, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(end[1]);
		byte = -ioas_map(self->fd, self->ioas, self->memory, 2 * PAGE,
				 AT + MiB);
		if (write(ready[1], &byte, 1) == 1)
			byte = read(end[0], &byte, 1);
		_exit(0);
	}
	close(end[0]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_EQ(0, byte);
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	EXPECT_EQ((long)(PAGE / 1024), FDINFO("pinned"));
	/* It is not ours, which the two had in common. */
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->dev.hwpt_id,
					  self->memory, PAGE, AT + MiB));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT + MiB, 2 * PAGE));
	close(end[1]);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(ready[0]);
	close(ready[1]);
}

/* Huge pages */

static char *two_huge_pages(void)
{
	char *memory = huge_pages(2 * HUGE);

	return memory;
}

TEST_F(fault, of_a_huge_page_populates_all_of_it)
{
	char *memory = two_huge_pages();

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, 2 * HUGE,
			      AT + HUGE));
	self->memory = memory - HUGE;
	EXPECT_EQ(SUCCESS, TOUCH(512 + 100, WRITE));
	EXPECT_EQ(0, FOUND(512, 512));
	EXPECT_EQ(-EINVAL, FOUND(1024, 1));
	EXPECT_EQ((long)(HUGE / 1024), FDINFO("pinned"));
	EXPECT_EQ(512, pinned() - self->pinned);
	/* It is released as a whole only. */
	EXPECT_EQ(0, RELEASE(512, 511));
	EXPECT_EQ(0, FOUND(512, 512));
	EXPECT_EQ(0, RELEASE(512, 1024));
	EXPECT_EQ(-EINVAL, FOUND(512, 1));
	EXPECT_EQ(0, FDINFO("pinned"));
}

TEST_F(fault, of_a_huge_page_populates_what_is_mapped_of_it)
{
	char *memory = two_huge_pages();

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory + 100 * PAGE,
			      200 * PAGE, AT + HUGE));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + HUGE + 50 * PAGE, WRITE));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
				    memory + 100 * PAGE, 200 * PAGE,
				    AT + HUGE));
	EXPECT_EQ(200, pinned() - self->pinned);
}

TEST_F(fault, of_a_huge_page_leaves_what_is_populated)
{
	char *memory = two_huge_pages();

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, 2 * HUGE,
			      AT + HUGE));
	self->memory = memory - HUGE;
	ASSERT_EQ(0, POPULATE(512 + 10, 10));
	ASSERT_EQ(0, PIN(512 + 400, 1));
	EXPECT_EQ(SUCCESS, TOUCH(512 + 100, WRITE));
	EXPECT_EQ(0, FOUND(512 + 10, 391));
	EXPECT_EQ(-EINVAL, FOUND(512 + 9, 1));
	EXPECT_EQ(-EINVAL, FOUND(512 + 401, 1));
	EXPECT_EQ(391, pinned() - self->pinned);
	EXPECT_EQ(SUCCESS, TOUCH(512, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(1023, WRITE));
	EXPECT_EQ(0, FOUND(512, 512));
	EXPECT_EQ(512, pinned() - self->pinned);
}

/* Nobody has touched it: the kernel chooses, and the driver takes that. */
TEST_F(fault, makes_a_huge_page)
{
	char *memory = anon_aligned(HUGE, HUGE);

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, madvise(memory, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, HUGE, AT + HUGE));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + HUGE, WRITE));
	EXPECT_EQ(512, pinned() - self->pinned);
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, memory, HUGE,
				    AT + HUGE));
}

TEST_F(fault, of_a_huge_page_while_huge_pages_are_off)
{
	char *memory = two_huge_pages();

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas, 0));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, 2 * HUGE,
			      AT + HUGE));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + HUGE, WRITE));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, memory, HUGE,
				    AT + HUGE));
}

/* Limits */

/* Map as a user who may pin LIMIT pages. */
static int map_by_user(int fd, __u32 ioas, const void *va, __u64 length,
		       __u64 iova)
{
	const struct rlimit limit = { LIMIT * PAGE, LIMIT * PAGE };
	int rc;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || seteuid(USER))
		return -errno;
	rc = ioas_map(fd, ioas, va, length, iova);
	return seteuid(0) ? -errno : rc;
}

TEST_F(fault, over_the_limit_is_invalid)
{
	unsigned int i;

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	ASSERT_EQ(0, map_by_user(self->fd, self->ioas, self->memory,
				 NPAGES * PAGE, AT));
	for (i = 0; i < LIMIT; i++)
		EXPECT_EQ(SUCCESS, TOUCH(2 * i, WRITE));
	EXPECT_EQ(INVALID, TOUCH(1, WRITE));
	EXPECT_EQ(-ENOMEM, POPULATE(1, 1));
	EXPECT_EQ(SUCCESS, TOUCH(0, WRITE));
	EXPECT_EQ(0, REFS(1, 1, 0));
	EXPECT_EQ(1, FDINFO("faults-failed"));
	/* What is released counts no more. */
	ASSERT_EQ(0, RELEASE(0, 1));
	EXPECT_EQ(SUCCESS, TOUCH(1, WRITE));
	EXPECT_EQ(INVALID, TOUCH(0, WRITE));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	ASSERT_EQ(0, map_by_user(self->fd, self->ioas, self->memory,
				 NPAGES * PAGE, AT));
	EXPECT_EQ(0, POPULATE(4, LIMIT));
	EXPECT_EQ(-ENOMEM, POPULATE(4, LIMIT + 1));
}

/* The rest of a huge page over the limit is left out. */
TEST_F(fault, of_a_huge_page_over_the_limit)
{
	char *memory = two_huge_pages();

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, map_by_user(self->fd, self->ioas, memory, 2 * HUGE,
				 AT + HUGE));
	self->memory = memory - HUGE;
	EXPECT_EQ(SUCCESS, TOUCH(512 + 7, WRITE));
	EXPECT_EQ(0, FOUND(512 + 7, 1));
	EXPECT_EQ(-EINVAL, FOUND(512 + 6, 1));
	EXPECT_EQ(-EINVAL, FOUND(512 + 8, 1));
	EXPECT_EQ(1, pinned() - self->pinned);
	EXPECT_EQ(SUCCESS, TOUCH(512 + 8, WRITE));
	EXPECT_EQ(2, pinned() - self->pinned);
	EXPECT_EQ(SUCCESS, TOUCH(512, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(513, WRITE));
	EXPECT_EQ(INVALID, TOUCH(514, WRITE));
}

/* Files */

TEST_F(fault, in_a_file)
{
	int file = memfd_create("fault", MFD_CLOEXEC);
	char *memory;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, NPAGES * PAGE));
	memory = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, file, 0, NPAGES * PAGE,
				   AT + MiB));
	/* With CMA the kernel pins pages of a file only by a user address. */
	if (by_thread(variant->thread) && kernel_has_cma()) {
		EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0,
					       AT + MiB, WRITE));
	} else {
		EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
					       AT + MiB + 2 * PAGE, WRITE));
		EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
					    memory + 2 * PAGE, PAGE,
					    AT + MiB + 2 * PAGE));
		EXPECT_EQ(1, pinned() - self->pinned);
	}
	ASSERT_EQ(0, ftruncate(file, 4 * PAGE));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + MiB + 5 * PAGE, WRITE));
	munmap(memory, NPAGES * PAGE);
	close(file);
}

/* A kernel thread waits for no program: it could not be killed. */
TEST_F(fault, of_memory_with_userfaultfd)
{
	char *page = anon(PAGE);
	struct userfault userfault;

	if (!by_thread(variant->thread))
		SKIP(return, "this process would wait for itself");
	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, page, PAGE, AT + MiB));
	ASSERT_EQ(0, userfault_start(&userfault, page,
				     UFFDIO_REGISTER_MODE_MISSING));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	ASSERT_EQ(0, userfault_end(&userfault, self->memory));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, page, PAGE,
				    AT + MiB));
}

/* A private mapping of a file of a file system, which may be FUSE's */
TEST_F(fault, of_a_file_system)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			  file, 0);

	ASSERT_NE(MAP_FAILED, page);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, page, PAGE, AT + MiB));
	EXPECT_EQ(by_thread(variant->thread) ? INVALID : SUCCESS,
		  touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB, WRITE));
	EXPECT_EQ(0, ioas_demand(self->fd, self->ioas,
				 IOMMU_IOAS_DEMAND_POPULATE, AT + MiB, PAGE));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0, AT + MiB,
				       WRITE));
	close(file);
}

/* Attachments */

TEST_F(fault, of_another_device)
{
	struct mock_dev other;
	__u32 hwpt;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt));
	ASSERT_EQ(0, mock_attach(self->fd, hwpt, &other));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, other.dev_id, 0, AT, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(1, WRITE));
	EXPECT_EQ(0, FOUND(0, 2));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory, 2 * PAGE,
				    AT));
	EXPECT_EQ(0, REFS(0, 2, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd, other.id));
	EXPECT_EQ(SUCCESS, TOUCH(2, WRITE));
	EXPECT_EQ(0, FOUND(0, 3));
}

/* A mate is in its group, and has its page table. */
TEST_F(fault, of_another_device_of_the_group)
{
	struct mock_dev mate;

	ASSERT_EQ(0, mock_mate(self->fd, &self->dev, self->ioas, &mate));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, mate.dev_id, 0, AT, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
}

TEST_F(fault, of_a_device_that_is_attached_elsewhere)
{
	__u32 normal;

	ASSERT_EQ(0, ioas_alloc(self->fd, &normal));
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, normal));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(INVALID, TOUCH(0, WRITE));
	EXPECT_EQ(0, FDINFO("faults-failed"));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas));
	EXPECT_EQ(SUCCESS, TOUCH(1, WRITE));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(0, FOUND(1, 1));
}

TEST_F(fault, with_a_pasid)
{
	struct mock_dev dev;
	__u32 hwpt;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->ioas,
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, dev.dev_id, self->ioas,
				IOMMU_HWPT_ALLOC_PASID, &hwpt));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, hwpt));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, dev.id, 5, hwpt));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, dev.dev_id, 6, AT, WRITE));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, dev.id, 5));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, dev.dev_id, 0, AT, WRITE));
}

/*
 * Faults that come when the device uses the page table, and before the call
 * that attaches it has returned: the device asks again.
 */
#define ATTACH_MS	MOCK_PARAMETERS "attach_ms"

struct attach {
	int fd;
	struct mock_dev dev;
	__u32 pt_id;
	__u32 pasid;	/* 0: none */
	bool replaces;	/* what the PASID is attached to */
	pthread_t thread;
	int rc;
};

static void *attach(void *arg)
{
	struct attach *a = arg;

	if (!a->pasid)
		a->rc = mock_replace(a->fd, &a->dev, a->pt_id);
	else if (a->replaces)
		a->rc = mock_pasid_replace(a->fd, a->dev.id, a->pasid,
					   a->pt_id);
	else
		a->rc = mock_pasid_attach(a->fd, a->dev.id, a->pasid, a->pt_id);
	return NULL;
}

static bool is_attaching(void)
{
	FILE *file = fopen(MOCK_PARAMETERS "attaching", "re");
	bool yes = file && fgetc(file) == 'Y';

	if (file)
		fclose(file);
	return yes;
}

/* Begin an attach, up to where it takes time. */
static int attach_begin(struct attach *a)
{
	char ms[16];
	int i, rc;

	snprintf(ms, sizeof(ms), "%u", 1000 * time_factor());
	rc = write_file(ATTACH_MS, ms) ?:
	     -pthread_create(&a->thread, NULL, attach, a);
	for (i = 0; !rc && !is_attaching() && i < 30000; i++)
		usleep(1000);
	return rc ?: is_attaching() ? 0 : -ETIME;
}

static int attach_end(struct attach *a)
{
	return -pthread_join(a->thread, NULL) ?: write_file(ATTACH_MS, "0") ?:
								   a->rc;
}

/* From a page table without page faults */
TEST_F_TIMEOUT(fault, before_an_attach_is_over, 60)
{
	struct attach a = { .fd = self->fd, .pt_id = self->ioas };
	__u32 normal;

	ASSERT_EQ(0, ioas_alloc(self->fd, &normal));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, normal));
	EXPECT_EQ(INVALID, TOUCH(3, WRITE));
	a.dev = self->dev;
	ASSERT_EQ(0, attach_begin(&a));
	EXPECT_EQ(SUCCESS, TOUCH(3, WRITE));
	EXPECT_EQ(0, REFS(3, 1, 0));
	ASSERT_EQ(0, attach_end(&a));
	self->dev = a.dev;
	EXPECT_EQ(SUCCESS, TOUCH(3, WRITE));
	EXPECT_EQ(0, FOUND(3, 1));
	EXPECT_EQ(INVALID, TOUCH(NPAGES, WRITE));
}

/* From one whose faults the driver serves, where there is no such page */
TEST_F_TIMEOUT(fault, before_a_replace_is_over, 60)
{
	struct attach a = { .fd = self->fd, .pt_id = self->ioas };
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, iommu_option_set(self->fd, ON_DEMAND, other, 1));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, other));
	EXPECT_EQ(INVALID, TOUCH(3, WRITE));
	a.dev = self->dev;
	ASSERT_EQ(0, attach_begin(&a));
	EXPECT_EQ(SUCCESS, TOUCH(3, WRITE));
	EXPECT_EQ(0, REFS(3, 1, 0));
	ASSERT_EQ(0, attach_end(&a));
	self->dev = a.dev;
	EXPECT_EQ(SUCCESS, TOUCH(3, WRITE));
	EXPECT_EQ(0, FOUND(3, 1));

	/* One that fails leaves faults as they were. */
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->memory, PAGE, 0));
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->fd, &self->dev, other));
	EXPECT_EQ(INVALID, TOUCH(NPAGES, WRITE));
	EXPECT_EQ(SUCCESS, TOUCH(4, WRITE));
}

/* A device with PASIDs, at a page table of the IOAS that is for PASIDs, too */
static int attach_for_pasids(struct attach *a, __u32 ioas)
{
	return mock_attach_flags(a->fd, ioas, MOCK_FLAGS_DEVICE_PASID,
				 &a->dev) ?:
	       hwpt_alloc(a->fd, a->dev.dev_id, ioas, IOMMU_HWPT_ALLOC_PASID,
			  &a->pt_id) ?:
	       mock_replace(a->fd, &a->dev, a->pt_id);
}

TEST_F_TIMEOUT(fault, before_an_attach_of_a_pasid_is_over, 60)
{
	struct attach a = { .fd = self->fd, .pasid = 5 };

	ASSERT_EQ(0, attach_for_pasids(&a, self->ioas));
	ASSERT_EQ(0, attach_begin(&a));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(0, REFS(0, 1, 0));
	ASSERT_EQ(0, attach_end(&a));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, a.dev.id, 5));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
}

TEST_F_TIMEOUT(fault, before_a_replace_of_a_pasid_is_over, 60)
{
	struct attach a = { .fd = self->fd, .pasid = 5, .replaces = true };
	__u32 other, empty;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, iommu_option_set(self->fd, ON_DEMAND, other, 1));
	ASSERT_EQ(0, attach_for_pasids(&a, self->ioas));
	ASSERT_EQ(0, hwpt_alloc(self->fd, a.dev.dev_id, other,
				IOMMU_HWPT_ALLOC_PASID, &empty));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, a.dev.id, 5, empty));
	EXPECT_EQ(INVALID, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
	ASSERT_EQ(0, attach_begin(&a));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(0, REFS(0, 1, 0));
	ASSERT_EQ(0, attach_end(&a));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, a.dev.dev_id, 5, AT, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, a.dev.id, 5));
}

/* With a queue user space decides, and populates what it wants to. */
TEST_F(fault, goes_to_the_queue_that_the_page_table_has)
{
	struct mock_answers since = mock_answers();
	__u32 queue, hwpt, cookie;
	int file = fault_queue_alloc(self->fd, &queue);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       queue, &hwpt));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, hwpt));
	ASSERT_EQ(0, raise_fault(self->fd, self->dev.dev_id, 0, AT, WRITE));
	EXPECT_ANSWERS(since, 1, 0, 0);
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	cookie = queue_take(file);
	EXPECT_EQ(1, cookie);
	EXPECT_EQ(0, POPULATE(0, 2));
	EXPECT_EQ(1, queue_answer(file, cookie, SUCCESS));
	EXPECT_ANSWERS(since, 0, 1, 0);
	EXPECT_EQ(0, FOUND(0, 2));
	EXPECT_EQ(0, FDINFO("faults"));
	close(file);
}

TEST_F(fault, in_a_copy_shares_memory)
{
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, self->ioas, NPAGES * PAGE,
			       AT + MiB, AT));
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	ASSERT_EQ(SUCCESS, touch_pasid(self->fd, self->dev.dev_id, 0,
				       AT + MiB, WRITE));
	EXPECT_EQ(0, REFS(0, 1, 1));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT + MiB));
	ASSERT_EQ(0, RELEASE(0, 1));
	EXPECT_EQ(0, REFS(0, 1, 1));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas, AT + MiB,
				NPAGES * PAGE));
	EXPECT_EQ(0, REFS(0, 1, 0));
}

TEST_F(fault, of_memory_that_an_access_has_pinned)
{
	int access = access_create(self->fd, self->ioas, NEEDS_PIN);
	__u32 id;

	ASSERT_LE(0, access);
	ASSERT_EQ(0, access_pin(self->fd, access, AT, PAGE, self->memory,
				PIN_WRITE, &id));
	/* The process gets another page, the device that of the access. */
	ASSERT_EQ(SUCCESS, TOUCH(0, WRITE));
	EXPECT_EQ(0, FOUND(0, 1));
	EXPECT_EQ(0, REFS(0, 1, 1));
	EXPECT_EQ(1, pinned() - self->pinned);
	ASSERT_EQ(0, access_unpin(self->fd, access, id));
	EXPECT_EQ(0, REFS(0, 1, 1));
	close(access);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_IOAS_MAP_FILE: memory of files, compared with a user mapping. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../../tracing.h"
#include "access.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define SIZE		(2 * HUGE)
#define PAGES		(SIZE / PAGE)
#define HOLES		16
#define HUGETLBFS	"/tmp/hugetlbfs"
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define SHMEM_THP	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

enum kind { MEMFD, HUGETLB, HUGETLBFS_FILE, TMPFS_FILE };

/* A new file, deleted already; returns its descriptor or -errno */
static int file_in(const char *dir)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/file-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int file_make(enum kind kind, size_t size)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	switch (kind) {
	case MEMFD:
		fd = memfd_create("test", flags);
		break;
	case HUGETLB:
		fd = memfd_create("test", flags | MFD_HUGETLB);
		break;
	case HUGETLBFS_FILE:
		fd = file_in(HUGETLBFS);
		break;
	default:
		fd = file_in("/tmp");
	}
	if (fd < 0 || ftruncate(fd, size))
		return -1;
	return fd;
}

static void *file_mmap(int file, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Open the file anew */
static int file_reopen(int file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return open(path, flags | O_CLOEXEC);
}

/* Number of huge pages that are reserved; -1 on error */
static int reserved(void)
{
	const char *at = strstr(contents("/proc/meminfo"), "HugePages_Rsvd:");
	int n;

	return at && sscanf(at, "HugePages_Rsvd: %d", &n) == 1 ? n : -1;
}

/* Number of mappings of this process */
static int mappings(void)
{
	const char *at;
	int n = 0;

	for (at = contents("/proc/self/maps"); (at = strchr(at, '\n')); at++)
		n++;
	return n;
}

FIXTURE(file)
{
	int fd;
	int file;
	__u32 ioas_id;
	struct mock_dev dev;
	long pinned;
};

FIXTURE_VARIANT(file)
{
	enum kind kind;
	bool thp;
	__u32 scratch;
};

/* Kind, whether shmem has huge pages, bytes of scratch memory */
FIXTURE_VARIANT_ADD(file, memfd) { MEMFD, false, SCRATCH };
FIXTURE_VARIANT_ADD(file, memfd_little_scratch) { MEMFD, false, 24 };
FIXTURE_VARIANT_ADD(file, memfd_thp) { MEMFD, true, SCRATCH };
FIXTURE_VARIANT_ADD(file, memfd_hugetlb) { HUGETLB, false, SCRATCH };
FIXTURE_VARIANT_ADD(file, hugetlb_little_scratch) { HUGETLB, false, 24 };
FIXTURE_VARIANT_ADD(file, hugetlbfs) { HUGETLBFS_FILE, false, SCRATCH };
FIXTURE_VARIANT_ADD(file, tmpfs) { TMPFS_FILE, false, SCRATCH };

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, write_file(NR_HUGEPAGES, "6"));
	mkdir(HUGETLBFS, 0700);
	ASSERT_EQ(0, mount("none", HUGETLBFS, "hugetlbfs", 0, "pagesize=2M"));
	ASSERT_EQ(0, write_file(SHMEM_THP, variant->thp ? "always" : "never"));

	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_limit(self->fd, variant->scratch));
	self->file = file_make(variant->kind, SIZE);
	ASSERT_LE(0, self->file);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	close(self->fd);
	close(self->file);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, umount2(HUGETLBFS, MNT_DETACH));
	EXPECT_EQ(0, write_file(SHMEM_THP, "never"));
	EXPECT_EQ(0, write_file(NR_HUGEPAGES, "0"));
}

static bool is_hugetlb(const struct _fixture_variant_file *variant)
{
	return variant->kind == HUGETLB || variant->kind == HUGETLBFS_FILE;
}

static int map_file(struct _test_data_file *self, __u64 start, __u64 length,
		    __u64 iova)
{
	return ioas_map_file(self->fd, self->ioas_id, self->file, start, length,
			     iova);
}

static int unmap(struct _test_data_file *self, __u64 iova, __u64 length)
{
	return ioas_unmap(self->fd, self->ioas_id, iova, length);
}

static int check(struct _test_data_file *self, const void *va, __u64 length,
		 __u64 iova)
{
	return mock_check_map(self->fd, self->dev.hwpt_id, va, length, iova);
}

static bool is_zero(const char *p, size_t length)
{
	return !*p && !memcmp(p, p + 1, length - 1);
}

/* Holes that nobody has ever mapped */
TEST_F(file, of_holes)
{
	char *p;

	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	EXPECT_EQ(PAGES, PINNED());
	p = file_mmap(self->file, SIZE);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(is_zero(p, SIZE));
	EXPECT_EQ(0, check(self, p, SIZE, AT));
	EXPECT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
}

TEST_F(file, that_a_process_has_written)
{
	char *p = file_mmap(self->file, SIZE);

	ASSERT_NE(NULL, p);
	memset(p, 'x', SIZE);
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	EXPECT_EQ(PAGES, PINNED());
	EXPECT_EQ(0, check(self, p, SIZE, AT));
	EXPECT_EQ('x', p[0]);
	EXPECT_EQ(0, memcmp(p, p + 1, SIZE - 1));
	EXPECT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
}

/* Some pages are there, some are not */
TEST_F(file, with_holes)
{
	char *p = file_mmap(self->file, SIZE);
	size_t i;

	ASSERT_NE(NULL, p);
	for (i = 0; i < HUGE; i += 3 * PAGE)
		p[i] = 'x';
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	EXPECT_EQ(PAGES, PINNED());
	EXPECT_EQ(0, check(self, p, SIZE, AT));
	for (i = 0; i < HUGE; i += PAGE)
		ASSERT_EQ(i % (3 * PAGE) ? 0 : 'x', p[i]);
}

/*
 * Huge pages come to holes by a mapping of the process: the file is opened and
 * mapped once for all of them, and nothing remains of that.
 */
TEST_F(file, with_many_holes)
{
	int file, nmappings;
	char *p;

	if (!is_hugetlb(variant))
		SKIP(return, "only hugetlbfs fills holes by a mapping");
	ASSERT_EQ(0, write_file(NR_HUGEPAGES, "18"));
	file = file_make(variant->kind, HOLES * HUGE);
	ASSERT_LE(0, file);
	nmappings = mappings();
	ASSERT_EQ(0, tracing_start_calls("dentry_open vm_mmap"));
	EXPECT_EQ(0, ioas_map_file(self->fd, self->ioas_id, file, 0,
				   HOLES * HUGE, AT));
	EXPECT_EQ(1, calls("dentry_open"));
	EXPECT_EQ(1, calls("vm_mmap"));
	EXPECT_EQ(0, tracing_stop());
	EXPECT_EQ(nmappings, mappings());
	EXPECT_EQ(0, reserved());
	EXPECT_EQ(HOLES * HUGE / PAGE, PINNED());

	p = file_mmap(file, HOLES * HUGE);
	ASSERT_NE(NULL, p);
	EXPECT_TRUE(is_zero(p, HOLES * HUGE));
	EXPECT_EQ(0, check(self, p, HOLES * HUGE, AT));
	close(file);
}

/* Allocated, but never cleared: pages must be clear when they are pinned */
TEST_F(file, that_was_preallocated)
{
	char *p;

	ASSERT_EQ(0, fallocate(self->file, 0, 0, SIZE));
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	p = file_mmap(self->file, SIZE);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, check(self, p, SIZE, AT));
	EXPECT_TRUE(is_zero(p, SIZE));
}

TEST_F(file, at_every_offset)
{
	static const struct {
		__u64 start, length;
	} parts[] = {
		{ 0, HALF }, { HALF, HALF }, { HALF, PAGE }, { PAGE, PAGE },
		{ 3 * HALF, 5 * HALF }, { HUGE - HALF, PAGE },
		{ HUGE - PAGE, 2 * PAGE }, { HUGE, HUGE }, { HALF, HUGE },
		{ HUGE / 2, HUGE }, { SIZE - HALF, HALF }, { HALF, SIZE - PAGE },
	};
	char *p = file_mmap(self->file, SIZE);
	__u64 first, last;
	size_t i;

	ASSERT_NE(NULL, p);
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		first = parts[i].start / PAGE;
		last = (parts[i].start + parts[i].length - 1) / PAGE;
		ASSERT_EQ(0, map_file(self, parts[i].start, parts[i].length,
				      AT));
		EXPECT_EQ(last - first + 1, PINNED());
		EXPECT_EQ(0, check(self, p + parts[i].start, parts[i].length,
				   AT));
		ASSERT_EQ(0, unmap(self, AT, parts[i].length));
		EXPECT_EQ(0, PINNED());
	}
}

TEST_F(file, pins_each_page_once_a_mapping)
{
	char *p = file_mmap(self->file, SIZE);

	ASSERT_NE(NULL, p);
	p[0] = 'x';
	ASSERT_EQ(0, map_file(self, 0, 4 * PAGE, AT));
	ASSERT_EQ(0, map_file(self, PAGE, PAGE, AT + HUGE));
	EXPECT_EQ(5, PINNED());
	EXPECT_EQ(0, mock_check_refs(self->fd, p, PAGE, 1));
	EXPECT_EQ(0, mock_check_refs(self->fd, p + PAGE, PAGE, 2));
	ASSERT_EQ(0, unmap(self, AT, 4 * PAGE));
	EXPECT_EQ(1, PINNED());
	EXPECT_EQ(0, mock_check_refs(self->fd, p, PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, p + PAGE, PAGE, 1));
	EXPECT_EQ(0, check(self, p + PAGE, PAGE, AT + HUGE));
}

TEST_F(file, copy_is_pinned_once)
{
	char *p = file_mmap(self->file, SIZE);
	__u32 other;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, HUGE,
			       AT + 2 * SIZE, AT + HUGE / 2));
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, SIZE, AT, AT));
	EXPECT_EQ(PAGES, PINNED());
	ASSERT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(PAGES / 2, PINNED());
	EXPECT_EQ(0, check(self, p + HUGE / 2, HUGE, AT + 2 * SIZE));
	ASSERT_EQ(0, unmap(self, AT + 2 * SIZE, HUGE));
	EXPECT_EQ(0, PINNED());
}

TEST_F(file, past_its_end)
{
	EXPECT_EQ(-EINVAL, map_file(self, 0, SIZE + HALF, AT));
	EXPECT_EQ(-EINVAL, map_file(self, SIZE, PAGE, AT));
	EXPECT_EQ(-EINVAL, map_file(self, SIZE - PAGE, 2 * PAGE, AT));
	EXPECT_EQ(-EINVAL, map_file(self, 1ULL << 62, PAGE, AT));
	EXPECT_EQ(-EINVAL, map_file(self, 1ULL << 63, PAGE, AT));
	EXPECT_EQ(-EINVAL, map_file(self, -PAGE, PAGE, AT));
	EXPECT_EQ(-EOVERFLOW, map_file(self, -PAGE, 2 * PAGE, AT));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, map_file(self, SIZE - PAGE, PAGE, AT));
}

TEST_F(file, that_is_open_for_less)
{
	int ro = file_reopen(self->file, O_RDONLY);
	int wo = file_reopen(self->file, O_WRONLY);
	__u64 iova = AT;

	ASSERT_LE(0, ro);
	ASSERT_LE(0, wo);
	EXPECT_EQ(-EACCES, ioas_map_file(self->fd, self->ioas_id, ro, 0, PAGE,
					 AT));
	EXPECT_EQ(-EACCES, ioas_map_file(self->fd, self->ioas_id, wo, 0, PAGE,
					 AT));
	EXPECT_EQ(-EACCES, ioas_map_file_flags(self->fd, self->ioas_id,
					       FIXED | WRITEABLE, wo, 0, PAGE,
					       &iova));
	EXPECT_EQ(-EACCES, ioas_map_file_flags(self->fd, self->ioas_id,
					       FIXED | READABLE, wo, 0, PAGE,
					       &iova));
	EXPECT_EQ(0, PINNED());
	/* Holes are filled all the same */
	EXPECT_EQ(0, ioas_map_file_flags(self->fd, self->ioas_id,
					 FIXED | READABLE, ro, 0, SIZE, &iova));
	EXPECT_EQ(PAGES, PINNED());
	close(ro);
	close(wo);
	/* A mapping without write permission cannot get it by a copy */
	EXPECT_EQ(-EPERM, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				    PAGE, AT + SIZE, AT));
}

TEST_F(file, closed_after_map)
{
	char *p = file_mmap(self->file, SIZE);
	struct mock_dev dev;

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	close(self->file);
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(PAGES, PINNED());
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, p, SIZE, AT));
	ASSERT_EQ(0, munmap(p, SIZE));
	ASSERT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
}

TEST_F(file, truncated_after_map)
{
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	ASSERT_EQ(0, ftruncate(self->file, 0));
	EXPECT_EQ(PAGES, PINNED());
	EXPECT_EQ(-EINVAL, map_file(self, 0, PAGE, AT + SIZE));
	ASSERT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
}

TEST_F(file, truncated_before_attach)
{
	struct mock_dev dev;
	char *p;

	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	ASSERT_EQ(0, ftruncate(self->file, HUGE));
	EXPECT_EQ(-EINVAL, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, ftruncate(self->file, SIZE));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	p = file_mmap(self->file, SIZE);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, p, SIZE, AT));
}

TEST_F(file, with_a_hole_punched_after_map)
{
	char *p = file_mmap(self->file, SIZE);

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	ASSERT_EQ(0, fallocate(self->file,
			       FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       HUGE));
	EXPECT_EQ(PAGES, PINNED());
	/* The device keeps the old page; the file has a new one */
	EXPECT_EQ(-EINVAL, check(self, p, PAGE, AT));
	EXPECT_EQ(0, check(self, p + HUGE, HUGE, AT + HUGE));
	ASSERT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
}

TEST_F(file, mapped_by_a_process_that_is_gone)
{
	struct mock_dev dev;
	int status;
	char *p;

	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	if (!fork())
		_exit(-map_file(self, 0, SIZE, AT));
	ASSERT_LT(0, wait(&status));
	ASSERT_EQ(0, status);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(PAGES, PINNED());
	p = file_mmap(self->file, SIZE);
	ASSERT_NE(NULL, p);
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, p, SIZE, AT));
}

TEST_F(file, that_a_software_device_reaches_too)
{
	char *p = file_mmap(self->file, SIZE), buf[PAGE + 2];
	__u32 id;
	int soft;

	ASSERT_NE(NULL, p);
	memset(p, 'x', SIZE);
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	soft = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, soft);
	ASSERT_EQ(0, access_pin(self->fd, soft, AT + PAGE, 3 * PAGE, p + PAGE,
				PIN_WRITE, &id));
	EXPECT_EQ(PAGES, PINNED());

	memset(buf, 'd', sizeof(buf));
	EXPECT_EQ(0, access_rw(self->fd, soft, AT + PAGE - 1, sizeof(buf), buf,
			       RW_WRITE));
	EXPECT_EQ('x', p[PAGE - 2]);
	EXPECT_EQ(0, memcmp(p + PAGE - 1, buf, sizeof(buf)));
	EXPECT_EQ('x', p[2 * PAGE + 1]);
	p[HUGE] = 'y';
	EXPECT_EQ(0, access_rw(self->fd, soft, AT + HUGE - 1, 2, buf, RW_SLOW));
	EXPECT_EQ('x', buf[0]);
	EXPECT_EQ('y', buf[1]);

	/* The access drops its item when the memory is unmapped */
	EXPECT_EQ(0, unmap(self, AT, SIZE));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, soft, id));
	close(soft);
}

/* Without a device only the software device pins, and only its range */
TEST_F(file, that_only_a_software_device_reaches)
{
	char *p = file_mmap(self->file, SIZE), byte;
	__u32 id;
	int soft;

	ASSERT_NE(NULL, p);
	memset(p, 'x', SIZE);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, map_file(self, 0, SIZE, AT));
	soft = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, soft);
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, access_pin(self->fd, soft, AT, 2 * PAGE, p, 0, &id));
	EXPECT_EQ(2, PINNED());
	EXPECT_EQ(0, access_rw(self->fd, soft, AT + HUGE, 1, &byte, 0));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(2, PINNED());

	/* Pinned pages stay; other pages are not of the file any more */
	ASSERT_EQ(0, ftruncate(self->file, 0));
	byte = 0;
	EXPECT_EQ(0, access_rw(self->fd, soft, AT + PAGE, 1, &byte, 0));
	EXPECT_EQ('x', byte);
	EXPECT_EQ(-EINVAL, access_rw(self->fd, soft, AT + HUGE, 1, &byte, 0));
	EXPECT_EQ(0, access_unpin(self->fd, soft, id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-EINVAL, access_rw(self->fd, soft, AT + PAGE, 1, &byte, 0));
	EXPECT_EQ(-EINVAL, access_pin(self->fd, soft, AT, PAGE, p, 0, &id));
	EXPECT_EQ(0, PINNED());
	close(soft);
}

TEST_F(file, at_an_iova_that_fits_huge_pages)
{
	__u64 iova = 0;

	ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas_id, RW,
					 self->file, PAGE, SIZE - PAGE, &iova));
	EXPECT_EQ(PAGE, iova & (HUGE - 1));
}

/* If the huge pages are reserved by others, there are none for holes */
TEST_F(file, without_a_huge_page_left)
{
	char *others;

	if (!is_hugetlb(variant))
		SKIP(return, "only hugetlbfs runs out of huge pages");
	others = mmap(NULL, 5 * HUGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, others);
	EXPECT_EQ(-ENOMEM, map_file(self, 0, SIZE, AT));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(5, reserved());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, map_file(self, 0, HUGE, AT));
	/* The others can use their pages */
	memset(others, 'x', 5 * HUGE);
	ASSERT_EQ(0, munmap(others, 5 * HUGE));
	EXPECT_EQ(0, map_file(self, HUGE, HUGE, AT + HUGE));
}

static bool can_seal(const struct _fixture_variant_file *variant)
{
	return variant->kind == MEMFD || variant->kind == HUGETLB;
}

static int seal(int file, int seals)
{
	return fcntl(file, F_ADD_SEALS, seals) ? -errno : 0;
}

TEST_F(file, sealed_against_writing)
{
	static const int seals[] = { F_SEAL_FUTURE_WRITE, F_SEAL_WRITE };
	__u64 iova = AT;
	size_t i;

	if (!can_seal(variant))
		SKIP(return, "has no seals");
	for (i = 0; i < ARRAY_LEN(seals); i++) {
		ASSERT_EQ(0, seal(self->file, seals[i]));
		EXPECT_EQ(-EPERM, map_file(self, 0, PAGE, AT));
		iova = AT;
		EXPECT_EQ(-EPERM, ioas_map_file_flags(self->fd, self->ioas_id,
						      FIXED | WRITEABLE,
						      self->file, 0, PAGE,
						      &iova));
		EXPECT_EQ(0, PINNED());
		/* Holes are filled all the same */
		ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas_id,
						 FIXED | READABLE, self->file,
						 i * HUGE, HUGE, &iova));
		EXPECT_EQ(PAGES / 2, PINNED());
		ASSERT_EQ(0, unmap(self, AT, HUGE));
	}
}

/* As with a user mapping, whether pages are pinned or not */
TEST_F(file, cannot_be_sealed_while_writeable)
{
	if (!can_seal(variant))
		SKIP(return, "has no seals");
	ASSERT_EQ(0, map_file(self, 0, PAGE, AT));
	EXPECT_EQ(-EBUSY, seal(self->file, F_SEAL_WRITE));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-EBUSY, seal(self->file, F_SEAL_WRITE));
	ASSERT_EQ(0, unmap(self, AT, PAGE));
	EXPECT_EQ(0, seal(self->file, F_SEAL_WRITE));
}

TEST_F(file, can_be_sealed_while_readable)
{
	__u64 iova = AT;

	if (!can_seal(variant))
		SKIP(return, "has no seals");
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, ioas_map_file_flags(self->fd, self->ioas_id,
					 FIXED | READABLE, self->file, 0, PAGE,
					 &iova));
	EXPECT_EQ(0, seal(self->file, F_SEAL_WRITE | F_SEAL_SHRINK |
				      F_SEAL_GROW | F_SEAL_SEAL));
	EXPECT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	EXPECT_EQ(1, PINNED());
}

/* Arguments; the file is a memfd of two pages */
FIXTURE(map_file)
{
	int fd;
	int file;
	__u32 ioas_id;
	struct mock_dev dev;
	long pinned;
};

FIXTURE_SETUP(map_file)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->file = file_make(MEMFD, 2 * PAGE);
	ASSERT_LE(0, self->file);
	self->pinned = pinned();
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(map_file)
{
	EXPECT_EQ(0, PINNED());
	close(self->fd);
	close(self->file);
}

static int map_fd(struct _test_data_map_file *self, int file)
{
	return ioas_map_file(self->fd, self->ioas_id, file, 0, PAGE, AT);
}

TEST_F(map_file, bad_descriptors)
{
	int path = file_reopen(self->file, O_PATH);
	int closed = dup(self->file);

	ASSERT_LE(0, path);
	close(closed);
	EXPECT_EQ(-EBADF, map_fd(self, -1));
	EXPECT_EQ(-EBADF, map_fd(self, closed));
	EXPECT_EQ(-EBADF, map_fd(self, 1 << 30));
	EXPECT_EQ(-EBADF, map_fd(self, path));
}

TEST_F(map_file, files_of_another_kind)
{
	static const char *const paths[] = {
		"/dev/zero", "/dev/null", "/tmp", "/proc/self/exe", "/dev/iommu",
		"/proc/self/maps", "/sys/kernel/mm",
	};
	int pipes[2];
	size_t i;
	int file;

	for (i = 0; i < ARRAY_LEN(paths); i++) {
		file = open(paths[i], O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, file);
		EXPECT_EQ(-EINVAL, map_fd(self, file))
			TH_LOG("%s", paths[i]);
		close(file);
	}
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, map_fd(self, pipes[0]));
	EXPECT_EQ(-EINVAL, map_fd(self, self->fd));
}

TEST_F(map_file, arguments)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = FIXED | RW,
		.ioas_id = self->ioas_id,
		.fd = self->file,
		.length = PAGE,
		.iova = AT,
	}, bad;

	bad = arg;
	bad.flags = FIXED;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad.flags = FIXED | RW | 8;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.length = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.ioas_id = BAD_ID;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad.ioas_id = self->dev.hwpt_id;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.iova = AT + 1;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.start = 1;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.iova = ~0ULL & ~(PAGE - 1);
	bad.length = 2 * PAGE;
	EXPECT_EQ(-EOVERFLOW, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	bad = arg;
	bad.size = 39;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_MAP_FILE, &bad));
	/* If the result cannot be written, nothing is mapped */
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_MAP_FILE,
				read_only(&arg, sizeof(arg))));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));

	ASSERT_EQ(0, call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_EQ(-EEXIST, call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

/* Of two mistakes, the one that is looked for first is reported */
TEST_F(map_file, order_of_mistakes)
{
	static const struct {
		struct iommu_ioas_map_file arg;
		int rc;
	} calls[] = {
		{ { .flags = 8, .iova = ~0ULL }, -EOPNOTSUPP },
		{ { .flags = 8, .length = ~0ULL }, -EOPNOTSUPP },
		{ { .iova = ~0ULL, .ioas_id = BAD_ID }, -EOVERFLOW },
		{ { .length = ~0ULL, .ioas_id = BAD_ID }, -EOVERFLOW },
		{ { .flags = RW, .iova = ~0ULL, .length = PAGE }, -EOVERFLOW },
		{ { .ioas_id = BAD_ID }, -EINVAL },
		{ { .flags = RW, .ioas_id = BAD_ID }, -ENOENT },
		{ { .flags = RW, .ioas_id = BAD_ID, .start = -PAGE,
		    .length = 2 * PAGE }, -ENOENT },
		{ { .flags = RW, .fd = -1 }, -EINVAL },
		{ { .flags = RW, .fd = -1, .start = -PAGE,
		    .length = 2 * PAGE }, -EOVERFLOW },
		{ { .flags = RW, .fd = -1, .length = PAGE }, -EBADF },
	};
	struct iommu_ioas_map_file arg;
	size_t i;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		arg = calls[i].arg;
		arg.size = sizeof(arg);
		if (!arg.ioas_id)
			arg.ioas_id = self->ioas_id;
		if (!arg.fd)
			arg.fd = self->file;
		EXPECT_EQ(calls[i].rc,
			  call(self->fd, IOMMU_IOAS_MAP_FILE, &arg))
			TH_LOG("call %zu", i);
	}
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

/* A file may end in the middle of a page */
TEST_F(map_file, that_ends_in_a_page)
{
	ASSERT_EQ(0, ftruncate(self->file, PAGE + HALF));
	EXPECT_EQ(-EINVAL, ioas_map_file(self->fd, self->ioas_id, self->file, 0,
					 2 * PAGE, AT));
	EXPECT_EQ(0, ioas_map_file(self->fd, self->ioas_id, self->file, 0,
				   PAGE + HALF, AT));
	EXPECT_EQ(2, PINNED());
	EXPECT_EQ(PAGE + HALF, ioas_empty(self->fd, self->ioas_id));
}

/* Memory that is allocated beyond the end does not belong to the file */
TEST_F(map_file, preallocated_past_the_end)
{
	ASSERT_EQ(0, fallocate(self->file, FALLOC_FL_KEEP_SIZE, 0, 8 * PAGE));
	EXPECT_EQ(-EINVAL, ioas_map_file(self->fd, self->ioas_id, self->file, 0,
					 3 * PAGE, AT));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

TEST_HARNESS_MAIN

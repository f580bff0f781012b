// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software devices that copy: any bytes, across mappings, as the owner of the
 * memory or as another process, pinned or not, with accesses that pin or do
 * not.
 */
#include "access.h"
#include "hwpt.h"

#define AT	(64 * MiB)
#define SRC	(1024 * MiB)	/* where copies come from */
#define WINDOW	(4 * PAGE)	/* of IOVA that is mapped */
#define SPREAD	(32 * PAGE)	/* of memory that it is spread over */

/* One mapping of the window: its length, and where its memory is */
struct piece {
	unsigned int length;
	unsigned int memory;
};

/* Mappings that begin and end at any byte */
static const struct piece odd_pieces[] = {
	{ 1, 9 * PAGE + 5 },
	{ 1021, 20 * PAGE + 4000 },
	{ 3080, 1 },
	{ 4096, 11 * PAGE + 77 },
	{ 6, 9 * PAGE - 3 },
	{ 2048, 3 * PAGE + 1024 },
	{ 6132, 24 * PAGE + 1000 },
};

/* Mappings in units of the mock's page */
static const struct piece half_pieces[] = {
	{ HALF, 9 * PAGE },
	{ PAGE, 20 * PAGE + HALF },
	{ HALF, HALF },
	{ HALF, 11 * PAGE + HALF },
	{ PAGE + HALF, 3 * PAGE },
};

/* Mappings that an access can pin */
static const struct piece page_pieces[] = {
	{ PAGE, 9 * PAGE },
	{ PAGE, 4 * PAGE },
	{ 2 * PAGE, 20 * PAGE },
};

FIXTURE(rw)
{
	int fd;
	int access;
	__u32 ioas_id;
	__u32 flags;
	struct mock_dev dev;
	char *memory;
	char *buf;
	char *image;	/* the expected content of the window */
	char *noise;	/* to be written, from any byte on */
	unsigned int writes;
	long pinned;
};

FIXTURE_VARIANT(rw)
{
	const struct piece *pieces;
	unsigned int n;
	__u32 create_flags;
	unsigned int domains;
	__u32 flags;
	bool copy;	/* mapped elsewhere and copied, with little scratch */
	bool every;	/* byte; other variants test one in 13 */
};

FIXTURE_VARIANT_ADD(rw, odd_owner)
{
	.pieces = odd_pieces,
	.n = ARRAY_LEN(odd_pieces),
	.every = true,
};

FIXTURE_VARIANT_ADD(rw, odd_other)
{
	.pieces = odd_pieces,
	.n = ARRAY_LEN(odd_pieces),
	.flags = RW_SLOW,
};

FIXTURE_VARIANT_ADD(rw, device_owner)
{
	.pieces = half_pieces,
	.n = ARRAY_LEN(half_pieces),
	.domains = 1,
};

FIXTURE_VARIANT_ADD(rw, device_other)
{
	.pieces = half_pieces,
	.n = ARRAY_LEN(half_pieces),
	.domains = 1,
	.flags = RW_SLOW,
	.every = true,
};

FIXTURE_VARIANT_ADD(rw, pinning_owner)
{
	.pieces = page_pieces,
	.n = ARRAY_LEN(page_pieces),
	.create_flags = NEEDS_PIN,
};

FIXTURE_VARIANT_ADD(rw, pinning_other)
{
	.pieces = page_pieces,
	.n = ARRAY_LEN(page_pieces),
	.create_flags = NEEDS_PIN,
	.flags = RW_SLOW,
};

FIXTURE_VARIANT_ADD(rw, copied_owner)
{
	.pieces = odd_pieces,
	.n = ARRAY_LEN(odd_pieces),
	.copy = true,
};

FIXTURE_VARIANT_ADD(rw, two_copied_other)
{
	.pieces = half_pieces,
	.n = ARRAY_LEN(half_pieces),
	.domains = 2,
	.flags = RW_SLOW,
	.copy = true,
};

FIXTURE_SETUP(rw)
{
	unsigned int i, at = 0;
	__u32 src_id, hwpt_id;

	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &src_id));
	ASSERT_EQ(0, mock_limit(self->fd, variant->copy ? 16 : SCRATCH));
	self->flags = variant->flags;
	self->memory = small_pages(SPREAD);
	self->buf = anon(WINDOW + PAGE);
	self->image = anon(WINDOW);
	self->noise = anon(WINDOW);
	ASSERT_NE(NULL, self->memory);
	ASSERT_NE(NULL, self->buf);
	ASSERT_NE(NULL, self->image);
	ASSERT_NE(NULL, self->noise);
	for (i = 0; i < WINDOW; i++)
		self->noise[i] = i * 11 + i / 239;
	self->pinned = pinned();

	if (variant->domains)
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	if (variant->domains == 2)
		ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id,
					self->ioas_id, 0, &hwpt_id));
	self->access = access_create(self->fd, self->ioas_id,
				     variant->create_flags);
	ASSERT_LE(0, self->access);

	for (i = 0; i < SPREAD; i++)
		self->memory[i] = i * 7 + i / 251;
	for (i = 0; i < variant->n; i++) {
		const struct piece *p = &variant->pieces[i];

		ASSERT_EQ(0, variant->copy ?
			  ioas_map_by_copy(self->fd, self->ioas_id, src_id, SRC,
					   self->memory + p->memory, p->length,
					   AT + at) :
			  ioas_map(self->fd, self->ioas_id,
				   self->memory + p->memory, p->length,
				   AT + at));
		memcpy(self->image + at, self->memory + p->memory, p->length);
		at += p->length;
	}
	ASSERT_EQ(WINDOW, at);
}

FIXTURE_TEARDOWN(rw)
{
	EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	close(self->access);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Does the memory have the expected content, in a part of the window? */
static bool part_is_right(struct _test_data_rw *self,
			  const struct _fixture_variant_rw *variant,
			  unsigned int start, unsigned int end)
{
	unsigned int i, at = 0, from, to;

	for (i = 0; i < variant->n; i++) {
		const struct piece *p = &variant->pieces[i];

		from = start > at ? start - at : 0;
		to = end < at + p->length ? end - at : p->length;
		if (end > at && from < to &&
		    memcmp(self->image + at + from,
			   self->memory + p->memory + from, to - from))
			return false;
		at += p->length;
	}
	return true;
}

static bool memory_is_right(struct _test_data_rw *self,
			    const struct _fixture_variant_rw *variant)
{
	return part_is_right(self, variant, 0, WINDOW);
}

#define AROUND	80U	/* bytes */

/* Both are a rw_fn. */
static bool read_is_right(struct _test_data_rw *self,
			  const struct _fixture_variant_rw *variant,
			  unsigned int start, unsigned int length)
{
	(void)variant;
	self->buf[length] = 0x5a;
	self->buf[0] = ~self->image[start];
	return !access_rw(self->fd, self->access, AT + start, length, self->buf,
			  self->flags) &&
	       !memcmp(self->buf, self->image + start, length) &&
	       self->buf[length] == 0x5a;
}

/* The bytes around are compared, too, and now and then the whole window. */
static bool write_is_right(struct _test_data_rw *self,
			   const struct _fixture_variant_rw *variant,
			   unsigned int start, unsigned int length)
{
	const char *noise = self->noise + self->writes++ % PAGE;
	unsigned int end = start + length + AROUND;

	memcpy(self->image + start, noise, length);
	if (access_rw(self->fd, self->access, AT + start, length, noise,
		      self->flags | RW_WRITE))
		return false;
	if (self->writes % 64 == 0)
		return memory_is_right(self, variant);
	return part_is_right(self, variant, start < AROUND ? 0 : start - AROUND,
			     end < WINDOW ? end : WINDOW);
}

typedef bool (*rw_fn)(struct _test_data_rw *self,
		      const struct _fixture_variant_rw *variant,
		      unsigned int start, unsigned int length);

static bool range_is_right(struct _test_data_rw *self,
			   const struct _fixture_variant_rw *variant, rw_fn fn,
			   unsigned int start, unsigned int length)
{
	if (fn(self, variant, start, length))
		return true;
	printf("# %u bytes at %u\n", length, start);
	return false;
}

/*
 * Try each offset in two pages, with some lengths, and each length up to two
 * pages, at some offsets.
 */
static bool every_alignment(struct _test_data_rw *self,
			    const struct _fixture_variant_rw *variant, rw_fn fn)
{
	static const unsigned int lengths[] = {
		1, 8, 65, PAGE - 1, PAGE + 1, 2 * PAGE,
	};
	static const unsigned int starts[] = {
		0, 1, 63, HALF + 8, PAGE - 1, 2 * PAGE - 1,
	};
	unsigned int i, j, step = variant->every ? patient_step() : 13;

	for (i = 0; i < 2 * PAGE; i += step) {
		for (j = 0; j < ARRAY_LEN(lengths); j++)
			if (!range_is_right(self, variant, fn, i, lengths[j]))
				return false;
		for (j = 0; j < ARRAY_LEN(starts); j++)
			if (!range_is_right(self, variant, fn, starts[j],
					    i + 1))
				return false;
	}
	return true;
}

TEST_F_TIMEOUT(rw, read_every_alignment, 240)
{
	const long before = pinned();

	EXPECT_TRUE(every_alignment(self, variant, read_is_right));
	EXPECT_EQ(before, pinned());
}

TEST_F_TIMEOUT(rw, write_every_alignment, 240)
{
	EXPECT_TRUE(every_alignment(self, variant, write_is_right));
	/* Memory that is not mapped is unchanged. */
	EXPECT_EQ((char)(6 * PAGE * 7 + 6 * PAGE / 251),
		  self->memory[6 * PAGE]);
}

TEST_F(rw, errnos)
{
	const int fd = self->fd, access = self->access;
	const char *image = self->image;
	__u64 iova = AT + WINDOW;
	char *buf = self->buf;
	unsigned int way;

	ASSERT_EQ(0, ioas_map_flags(fd, self->ioas_id, FIXED | READABLE,
				    self->memory + 30 * PAGE, PAGE, &iova));
	iova += PAGE;
	ASSERT_EQ(0, ioas_map_flags(fd, self->ioas_id, FIXED | WRITEABLE,
				    self->memory + 31 * PAGE, PAGE, &iova));
	memset(buf, 0x33, PAGE);

	for (way = 0; way <= RW_WRITE; way++) {
		const __u32 flags = self->flags | way;

		EXPECT_EQ(-EINVAL, access_rw(fd, access, AT, 0, buf, flags));
		EXPECT_EQ(-ENOMEM, access_rw(fd, access, AT, ACCESS_MAX + 1,
					     buf, flags));
		EXPECT_EQ(-ENOMEM, access_rw(fd, access, AT, ALL, buf, flags));
		EXPECT_EQ(-EOVERFLOW, access_rw(fd, access, ALL, 2, buf,
						flags));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, ALL, 1, buf, flags));
		EXPECT_EQ(-EOPNOTSUPP, access_rw(fd, access, AT, 1, buf,
						 flags | 2));
		EXPECT_EQ(-EOPNOTSUPP, access_rw(fd, access, AT, 1, buf,
						 flags | 8));
		EXPECT_EQ(-EFAULT, access_rw(fd, access, AT, 1, NULL, flags));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT - 1, 1, buf,
					     flags));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, AT - 1, 2, buf,
					     flags));
		EXPECT_EQ(-ENOENT, access_rw(fd, access, iova + PAGE, 1, buf,
					     flags));
	}
	/* Nothing was copied before the part that cannot be. */
	EXPECT_EQ(-EPERM, access_rw(fd, access, AT + WINDOW - 2, 4, buf,
				    self->flags | RW_WRITE));
	EXPECT_EQ(-ENOENT, access_rw(fd, access, iova + PAGE - 1, 2, buf,
				     self->flags | RW_WRITE));
	EXPECT_EQ(0x33, buf[0]);
	EXPECT_EQ(-EPERM, access_rw(fd, access, iova - 1, 2, buf, self->flags));
	EXPECT_EQ(0x33, buf[0]);

	EXPECT_EQ(0, access_rw(fd, access, iova - 1, 1, buf, self->flags));
	EXPECT_EQ(self->memory[31 * PAGE - 1], buf[0]);
	EXPECT_EQ(0, access_rw(fd, access, iova, PAGE, image,
			       self->flags | RW_WRITE));
	EXPECT_EQ(0, memcmp(self->memory + 31 * PAGE, image, PAGE));
	EXPECT_TRUE(memory_is_right(self, variant));
}

/*
 * The address has other memory by now.  An access sees the memory that is
 * pinned, as devices do, or else the memory that the address has now.
 */
TEST_F(rw, memory_that_was_replaced)
{
	const struct piece *p = &variant->pieces[1];
	const __u64 iova = AT + variant->pieces[0].length;
	char *va = self->memory + p->memory;
	char *page = (char *)((uintptr_t)va & ~(PAGE - 1));
	char before = *va;

	ASSERT_EQ(page, mmap(page, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	*va = ~before;
	ASSERT_EQ(0, access_rw(self->fd, self->access, iova, 1, self->buf,
			       self->flags));
	EXPECT_EQ(variant->domains ? before : (char)~before, self->buf[0]);

	self->buf[0] = 0x11;
	ASSERT_EQ(0, access_rw(self->fd, self->access, iova, 1, self->buf,
			       self->flags | RW_WRITE));
	EXPECT_EQ(variant->domains ? (char)~before : 0x11, *va);
	ASSERT_EQ(0, access_rw(self->fd, self->access, iova, 1, self->buf,
			       self->flags));
	EXPECT_EQ(0x11, self->buf[0]);
}

TEST_F(rw, memory_that_is_gone)
{
	const struct piece *p = &variant->pieces[1];
	const __u64 iova = AT + variant->pieces[0].length;
	char *va = self->memory + p->memory;
	char *page = (char *)((uintptr_t)va & ~(PAGE - 1));
	int rc = variant->domains ? 0 : -EFAULT;

	/* Memory that was mapped for writing is pinned for writing. */
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(self->flags ? rc : 0,
		  access_rw(self->fd, self->access, iova, 2, self->buf,
			    self->flags));
	EXPECT_EQ(rc, access_rw(self->fd, self->access, iova, 2, self->buf,
				self->flags | RW_WRITE));
	ASSERT_EQ(0, munmap(page, PAGE));
	EXPECT_EQ(rc, access_rw(self->fd, self->access, iova, 2, self->buf,
				self->flags));
	EXPECT_EQ(rc, access_rw(self->fd, self->access, iova, 2, self->buf,
				self->flags | RW_WRITE));
}

/* An item keeps its pages, and the access reads them whatever follows. */
TEST_F(rw, pinned_by_an_item)
{
	const struct piece *p = &variant->pieces[1];
	const __u64 iova = AT + variant->pieces[0].length;
	char *va = self->memory + p->memory;
	__u32 id;
	int rc;

	rc = access_pin(self->fd, self->access, iova, 1, va, PIN_WRITE, &id);
	if (!variant->create_flags) {
		EXPECT_EQ(-EOPNOTSUPP, rc);
		return;
	}
	ASSERT_EQ(0, rc);
	ASSERT_EQ(0, munmap(va, PAGE));
	EXPECT_EQ(0, access_rw(self->fd, self->access, iova, PAGE, self->buf,
			       self->flags));
	EXPECT_EQ(0, memcmp(self->image + variant->pieces[0].length, self->buf,
			    PAGE));
	ASSERT_EQ(0, access_unpin(self->fd, self->access, id));
	EXPECT_EQ(-EFAULT, access_rw(self->fd, self->access, iova, PAGE,
				     self->buf, self->flags));
}

/* 16 MiB at once, in huge pages */
TEST_F(rw, much)
{
	char *va = huge_pages(ACCESS_MAX), *buf = anon(ACCESS_MAX);
	const __u64 iova = 2 * AT;
	__u64 i;

	ASSERT_NE(NULL, va);
	ASSERT_NE(NULL, buf);
	for (i = 0; i < ACCESS_MAX; i += 512)
		va[i] = i >> 9;
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, va, ACCESS_MAX, iova));
	ASSERT_EQ(0, access_rw(self->fd, self->access, iova, ACCESS_MAX, buf,
			       self->flags));
	EXPECT_EQ(0, memcmp(va, buf, ACCESS_MAX));
	memset(buf, 0x42, ACCESS_MAX);
	ASSERT_EQ(0, access_rw(self->fd, self->access, iova + 1, ACCESS_MAX - 2,
			       buf, self->flags | RW_WRITE));
	EXPECT_EQ(0, memcmp(va + 1, buf, ACCESS_MAX - 2));
	EXPECT_EQ(0, va[0]);
	EXPECT_EQ(1, va[ACCESS_MAX - 1]);
}

TEST_HARNESS_MAIN

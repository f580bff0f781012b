// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls on two IOASes, each with a real device that comes and goes,
 * compared with a model that is simple enough to be right: a list of mappings,
 * each a slice of some memory.  The model has the result of every call, and the
 * number of pinned pages.  Mappings consist of whole pages; random_mock.c has a
 * larger model.
 */
#include "common.h"

#define AT	(256 * HUGE)
#define PAGES	96U		/* of IOVA from AT on, and of memory */
#define ROUNDS	4000
#define MAX	PAGES

struct mapping {
	unsigned int ioas;
	unsigned int page;	/* IOVA, in pages from AT */
	unsigned int pages;
	unsigned int memory;	/* number of the MAP that it comes from */
	unsigned int offset;	/* pages into that */
};

struct model {
	struct mapping mappings[2 * MAX];
	unsigned int n;
	unsigned int maps;
	bool attached[2];
};

static unsigned int next(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

static bool overlaps(const struct mapping *m, unsigned int ioas,
		     unsigned int page, unsigned int pages)
{
	return m->ioas == ioas && page < m->page + m->pages &&
	       m->page < page + pages;
}

static bool is_free(const struct model *model, unsigned int ioas,
		    unsigned int page, unsigned int pages)
{
	unsigned int i;

	for (i = 0; i < model->n; i++)
		if (overlaps(&model->mappings[i], ioas, page, pages))
			return false;
	return true;
}

static void add(struct model *model, const struct mapping *mapping)
{
	model->mappings[model->n++] = *mapping;
}

/* The result that MAP must have; the model follows */
static int model_map(struct model *model, unsigned int ioas, unsigned int page,
		     unsigned int pages)
{
	struct mapping new = { ioas, page, pages, model->maps, 0 };

	if (!is_free(model, ioas, page, pages))
		return -EEXIST;
	model->maps++;
	add(model, &new);
	return 0;
}

static int model_unmap(struct model *model, unsigned int ioas,
		       unsigned int page, unsigned int pages, __u64 *length)
{
	struct mapping *m;
	unsigned int i, j;

	for (i = 0; i < model->n; i++) {
		m = &model->mappings[i];
		if (overlaps(m, ioas, page, pages) &&
		    (m->page < page || m->page + m->pages > page + pages))
			return -ENOENT;
	}
	*length = 0;
	for (i = j = 0; i < model->n; i++) {
		m = &model->mappings[i];
		if (overlaps(m, ioas, page, pages))
			*length += m->pages * PAGE;
		else
			model->mappings[j++] = *m;
	}
	model->n = j;
	return *length ? 0 : -ENOENT;
}

static const struct mapping *find(const struct model *model, unsigned int ioas,
				  unsigned int page)
{
	unsigned int i;

	for (i = 0; i < model->n; i++)
		if (overlaps(&model->mappings[i], ioas, page, 1))
			return &model->mappings[i];
	return NULL;
}

/* A copy has the borders of its source */
static int model_copy(struct model *model, unsigned int dst, unsigned int to,
		      unsigned int src, unsigned int from, unsigned int pages)
{
	unsigned int page, end = from + pages;
	const struct mapping *m;
	struct mapping new;

	for (page = from; page < end; page++)
		if (!find(model, src, page))
			return -ENOENT;
	if (!is_free(model, dst, to, pages))
		return -EEXIST;
	for (page = from; page < end; page += new.pages) {
		m = find(model, src, page);
		new.ioas = dst;
		new.page = to + page - from;
		new.pages = m->page + m->pages - page;
		if (new.pages > end - page)
			new.pages = end - page;
		new.memory = m->memory;
		new.offset = m->offset + page - m->page;
		add(model, &new);
	}
	return 0;
}

/* Whether this page of a mapping is in one before it that is attached, too */
static bool counted(const struct model *model, unsigned int before,
		    unsigned int memory, unsigned int offset)
{
	const struct mapping *m;
	unsigned int i;

	for (i = 0; i < before; i++) {
		m = &model->mappings[i];
		if (model->attached[m->ioas] && m->memory == memory &&
		    offset >= m->offset && offset < m->offset + m->pages)
			return true;
	}
	return false;
}

static long model_pinned(const struct model *model)
{
	const struct mapping *m;
	unsigned int i, page;
	long count = 0;

	for (i = 0; i < model->n; i++) {
		m = &model->mappings[i];
		if (!model->attached[m->ioas])
			continue;
		for (page = 0; page < m->pages; page++)
			if (!counted(model, i, m->memory, m->offset + page))
				count++;
	}
	return count;
}

FIXTURE(model)
{
	int fd;
	int dev[2];
	__u32 ioas_id[2];
	char *memory;
	struct model model;
	long pinned;
};

FIXTURE_VARIANT(model)
{
	unsigned int seed;
	bool small_pages;
};

FIXTURE_VARIANT_ADD(model, first)
{
	.seed = 1,
};

FIXTURE_VARIANT_ADD(model, second)
{
	.seed = 77777,
};

FIXTURE_VARIANT_ADD(model, small_pages)
{
	.seed = 4711,
	.small_pages = true,
};

FIXTURE_SETUP(model)
{
	static const char *const bdf[] = { EDU, PAIR_0 };
	__u32 id;
	int i;

	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id[i]));
		if (variant->small_pages) {
			ASSERT_EQ(0, iommu_option_set(self->fd,
						      IOMMU_OPTION_HUGE_PAGES,
						      self->ioas_id[i], 0));
		}
		self->dev[i] = vfio_open_bound(bdf[i], self->fd, &id);
		ASSERT_LE(0, self->dev[i]);
	}
	self->memory = anon_aligned(PAGES * PAGE, HUGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(model)
{
	close(self->dev[0]);
	close(self->dev[1]);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* A call: on pages from page on, in one IOAS, to the other */
struct step {
	unsigned int ioas;
	unsigned int other;
	unsigned int page;
	unsigned int to;
	unsigned int pages;
};

static struct step any_step(const struct model *model, unsigned int *state)
{
	const struct mapping *m;
	struct step step;

	step.ioas = next(state) % 2;
	step.other = next(state) % 2;
	step.page = next(state) % PAGES;
	step.to = next(state) % PAGES;
	step.pages = 1 + next(state) % (next(state) % 2 ? 4 : 32);
	/* Often a mapping that exists */
	if (model->n && next(state) % 2) {
		m = &model->mappings[next(state) % model->n];
		step.ioas = m->ioas;
		step.page = m->page;
		step.pages = m->pages;
	}
	if (step.pages > PAGES - step.page)
		step.pages = PAGES - step.page;
	if (step.pages > PAGES - step.to)
		step.to = PAGES - step.pages;
	return step;
}

/* Each returns the result of the call; want: the result in the model. */

static int step_map(struct _test_data_model *self, const struct step *step,
		    int *want)
{
	*want = model_map(&self->model, step->ioas, step->page, step->pages);
	return ioas_map(self->fd, self->ioas_id[step->ioas],
			self->memory + step->to * PAGE, step->pages * PAGE,
			AT + step->page * PAGE);
}

static int step_unmap(struct _test_data_model *self, const struct step *step,
		      int *want)
{
	__u64 length = step->pages * PAGE, want_length = length;
	int rc;

	*want = model_unmap(&self->model, step->ioas, step->page, step->pages,
			    &want_length);
	if (*want)
		want_length = length;
	rc = ioas_unmap_len(self->fd, self->ioas_id[step->ioas],
			    AT + step->page * PAGE, &length);
	return length == want_length ? rc : -ERANGE;
}

static int step_copy(struct _test_data_model *self, const struct step *step,
		     int *want)
{
	*want = model_copy(&self->model, step->other, step->to, step->ioas,
			   step->page, step->pages);
	return ioas_copy(self->fd, self->ioas_id[step->other],
			 self->ioas_id[step->ioas], step->pages * PAGE,
			 AT + step->to * PAGE, AT + step->page * PAGE);
}

static int step_attach(struct _test_data_model *self, const struct step *step,
		       int *want)
{
	bool *attached = &self->model.attached[step->ioas];

	*want = 0;
	*attached = !*attached;
	return *attached ? vfio_attach(self->dev[step->ioas],
				       self->ioas_id[step->ioas], NULL) :
			   vfio_detach(self->dev[step->ioas]);
}

TEST_F_TIMEOUT(model, agrees, 120)
{
	static int (*const steps[])(struct _test_data_model *self,
				    const struct step *step, int *want) = {
		step_map, step_map, step_unmap, step_unmap,
		step_copy, step_copy, step_copy, step_attach,
	};
	unsigned int state = variant->seed, worked = 0, round;
	struct step step;
	int rc, want;

	for (round = 0; round < ROUNDS; round++) {
		step = any_step(&self->model, &state);
		rc = steps[next(&state) % ARRAY_LEN(steps)](self, &step, &want);
		ASSERT_EQ(want, rc) {
			TH_LOG("round %u", round);
		}
		worked += !rc;
		if (round % 4)
			continue;
		ASSERT_EQ(model_pinned(&self->model), PINNED()) {
			TH_LOG("round %u", round);
		}
	}
	/* Enough calls failed and worked to be significant */
	EXPECT_LT(ROUNDS / 4, worked);
	EXPECT_GT(ROUNDS * 3 / 4, worked);
}

TEST_HARNESS_MAIN

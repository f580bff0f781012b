// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in an IOAS on demand race with each other, with calls that populate and
 * release, and with what ends them: unmap, detach, and the last close.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../userfault.h"
#include "demand.h"

#define NPAGES		64UL
#define SECONDS		3

/* What the threads of a test share */
struct shared {
	int fd;
	__u32 ioas;
	struct mock_dev dev;
	char *memory;
	atomic_bool stop;
};

struct racer {
	pthread_t thread;
	struct shared *shared;
	unsigned int seed;
	unsigned long rounds;
	int rc;		/* of a call that must not fail like that */
};

FIXTURE(race)
{
	struct shared shared;
	struct mock_answers since;
	long pinned;
};

FIXTURE_VARIANT(race)
{
	const char *thread;
};

FIXTURE_VARIANT_ADD(race, by_caller) { "N" };
FIXTURE_VARIANT_ADD(race, by_thread) { "Y" };

FIXTURE_SETUP(race)
{
	struct shared *s = &self->shared;

	s->fd = mock_open(&s->ioas);
	ASSERT_LE(0, s->fd);
	ASSERT_EQ(0, write_file(FAULT_THREAD, variant->thread));
	ASSERT_EQ(0, iommu_option_set(s->fd, ON_DEMAND, s->ioas, 1));
	ASSERT_EQ(0, mock_attach(s->fd, s->ioas, &s->dev));
	s->memory = small_pages(NPAGES * PAGE);
	ASSERT_NE(NULL, s->memory);
	ASSERT_EQ(0, ioas_map(s->fd, s->ioas, s->memory, NPAGES * PAGE, AT));
	self->since = mock_answers();
	self->pinned = pinned();
}

FIXTURE_TEARDOWN(race)
{
	if (self->shared.fd >= 0)
		close(self->shared.fd);
	EXPECT_EQ(0, write_file(FAULT_THREAD, "N"));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_answers().pending);
	EXPECT_EQ(self->pinned, pinned());
}

/* One of few pages, so that threads meet */
static unsigned long some_page(struct racer *r)
{
	return rand_r(&r->seed) % NPAGES;
}

static void *raise_faults(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;
	int rc;

	while (!s->stop && !r->rc) {
		rc = raise_fault(s->fd, s->dev.dev_id, 0,
				 AT + some_page(r) * PAGE, WRITE);
		/* The device may be gone. */
		r->rc = rc == -ENOENT ? 0 : rc;
		r->rounds++;
	}
	return NULL;
}

static int demand(struct racer *r, __u32 op)
{
	unsigned long page = some_page(r), n = 1 + some_page(r) % 16;

	if (n > NPAGES - page)
		n = NPAGES - page;
	return ioas_demand(r->shared->fd, r->shared->ioas, op,
			   AT + page * PAGE, n * PAGE);
}

static void *call_demand(void *arg)
{
	struct racer *r = arg;
	int rc;

	while (!r->shared->stop && !r->rc) {
		rc = demand(r, r->rounds % 4);
		/* Not mapped, not pinned, no page table, or pinned */
		r->rc = rc == -ENOENT || rc == -ENODEV || rc == -EBUSY ? 0 : rc;
		r->rounds++;
	}
	return NULL;
}

static void *map_and_unmap(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;

	while (!s->stop && !r->rc) {
		r->rc = ioas_unmap(s->fd, s->ioas, AT, NPAGES * PAGE);
		if (!r->rc)
			r->rc = mock_check_refs(s->fd, s->memory, NPAGES * PAGE,
						0);
		if (!r->rc)
			r->rc = ioas_map(s->fd, s->ioas, s->memory,
					 NPAGES * PAGE, AT);
		r->rounds++;
	}
	return NULL;
}

/* Another page table comes, gets what is populated, and goes. */
static void *add_and_remove(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;
	struct mock_dev dev;
	__u32 hwpt;

	while (!s->stop && !r->rc) {
		r->rc = mock_attach(s->fd, s->ioas, &dev);
		if (!r->rc)
			r->rc = hwpt_alloc(s->fd, dev.dev_id, s->ioas, 0,
					   &hwpt);
		if (!r->rc)
			r->rc = mock_replace(s->fd, &dev, hwpt) ?:
				raise_fault(s->fd, dev.dev_id, 0,
					    AT + some_page(r) * PAGE, WRITE) ?:
				iommu_destroy(s->fd, dev.id) ?:
				iommu_destroy(s->fd, hwpt);
		r->rounds++;
	}
	return NULL;
}

/* The one device is elsewhere now and then. */
static void *move_away_and_back(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;
	struct mock_dev dev = s->dev;
	__u32 other;

	r->rc = ioas_alloc(s->fd, &other);
	while (!s->stop && !r->rc) {
		r->rc = mock_replace(s->fd, &dev, other);
		if (!r->rc)
			r->rc = mock_check_refs(s->fd, s->memory, NPAGES * PAGE,
						0);
		if (!r->rc)
			r->rc = mock_replace(s->fd, &dev, s->ioas);
		r->rounds++;
	}
	return NULL;
}

#define NRACERS 4

static void run(struct __test_metadata *_metadata, struct shared *shared,
		void *(*const fns[NRACERS])(void *arg))
{
	struct racer racers[NRACERS] = {};
	unsigned int i;

	for (i = 0; i < NRACERS; i++) {
		racers[i].shared = shared;
		racers[i].seed = i + getpid();
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, fns[i],
					    &racers[i]));
	}
	sleep(SECONDS);
	shared->stop = true;
	for (i = 0; i < NRACERS; i++) {
		ASSERT_EQ(0, pthread_join(racers[i].thread, NULL));
		EXPECT_EQ(0, racers[i].rc) {
			TH_LOG("racer %u", i);
		}
		EXPECT_LT(patient_rounds(20), racers[i].rounds) {
			TH_LOG("racer %u", i);
		}
	}
	EXPECT_EQ(0, mock_answers().pending);
}

TEST_F_TIMEOUT(race, with_each_other_and_calls, 60)
{
	static void *(*const fns[NRACERS])(void *arg) = {
		raise_faults, raise_faults, call_demand, call_demand,
	};
	struct shared *s = &self->shared;

	run(_metadata, s, fns);
	/* Nothing but what fdinfo has is pinned. */
	EXPECT_EQ(fdinfo_of(s->fd, s->ioas, "pinned") * 1024 / (long)PAGE,
		  pinned() - self->pinned);
	EXPECT_EQ(0, ioas_unmap(s->fd, s->ioas, AT, NPAGES * PAGE));
	EXPECT_EQ(0, fdinfo_of(s->fd, s->ioas, "pinned"));
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F_TIMEOUT(race, with_unmap, 60)
{
	static void *(*const fns[NRACERS])(void *arg) = {
		raise_faults, raise_faults, call_demand, map_and_unmap,
	};

	run(_metadata, &self->shared, fns);
}

TEST_F_TIMEOUT(race, with_other_page_tables, 60)
{
	static void *(*const fns[NRACERS])(void *arg) = {
		raise_faults, call_demand, map_and_unmap, add_and_remove,
	};

	run(_metadata, &self->shared, fns);
}

TEST_F_TIMEOUT(race, with_replace, 60)
{
	static void *(*const fns[NRACERS])(void *arg) = {
		raise_faults, raise_faults, call_demand, move_away_and_back,
	};

	run(_metadata, &self->shared, fns);
}

/* What is at work when the process ends: no call is left, nor is a pin. */
TEST_F_TIMEOUT(race, with_the_end_of_the_process, 120)
{
	struct shared *s = &self->shared;
	struct racer racers[3] = {};
	unsigned int i, j;
	pid_t child;
	int status;

	for (i = 0; i < patient_rounds(40) + 5; i++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			close(s->fd);
			s->fd = mock_open(&s->ioas);
			if (s->fd < 0 ||
			    iommu_option_set(s->fd, ON_DEMAND, s->ioas, 1) ||
			    mock_attach(s->fd, s->ioas, &s->dev) ||
			    ioas_map(s->fd, s->ioas, s->memory, NPAGES * PAGE,
				     AT))
				_exit(1);
			for (j = 0; j < 3; j++) {
				racers[j].shared = s;
				racers[j].seed = i * 3 + j;
				pthread_create(&racers[j].thread, NULL,
					       j < 2 ? raise_faults :
						       call_demand, &racers[j]);
			}
			usleep(1000 * (i % 10));
			kill(getpid(), SIGKILL);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
	}
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_answers().pending);
}

/* A call that waits for a page, by userfaultfd */
static void *populate_all(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;

	r->rc = ioas_demand(s->fd, s->ioas, IOMMU_IOAS_DEMAND_POPULATE,
			    AT + MiB, PAGE);
	return NULL;
}

static void *unmap_all(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;

	r->rc = ioas_unmap(s->fd, s->ioas, AT + MiB, PAGE);
	return NULL;
}

static void *fault_once(void *arg)
{
	struct racer *r = arg;
	struct shared *s = r->shared;

	r->rc = raise_fault(s->fd, s->dev.dev_id, 0, AT + MiB, WRITE);
	return NULL;
}

/*
 * Calls that wait for memory while others claim it: three mappings, of a page
 * each.  The first and the last page come late.
 */
#define LATE	(AT + MiB)

FIXTURE(late)
{
	int fd;
	__u32 ioas;
	struct mock_dev dev;
	char *page[3];
	struct userfault first;
	struct userfault last;
	long pinned;
};

FIXTURE_SETUP(late)
{
	int i;

	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommu_option_set(self->fd, ON_DEMAND, self->ioas, 1));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	for (i = 0; i < 3; i++) {
		self->page[i] = anon(PAGE);
		ASSERT_NE(NULL, self->page[i]);
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->page[i], PAGE,
				      LATE + i * PAGE));
	}
	self->page[1][0] = 1;
	ASSERT_EQ(0, userfault_start(&self->first, self->page[0],
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, userfault_start(&self->last, self->page[2],
				     UFFDIO_REGISTER_MODE_MISSING));
	self->pinned = pinned();
}

FIXTURE_TEARDOWN(late)
{
	close(self->first.fd);
	close(self->last.fd);
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(self->pinned, pinned());
}

/* Make a call about some of the pages, here or in a child */
static int late_call(const struct _test_data_late *self, __u32 op,
		     unsigned long page, unsigned long n)
{
	return ioas_demand(self->fd, self->ioas, op, LATE + page * PAGE,
			   n * PAGE);
}

static pid_t late_child(const struct _test_data_late *self, __u32 op,
			unsigned long page, unsigned long n)
{
	pid_t pid = fork();

	if (!pid)
		_exit(late_call(self, op, page, n) ? 1 : 0);
	return pid;
}

static pid_t late_unmap(const struct _test_data_late *self, unsigned long page,
			unsigned long n)
{
	pid_t pid = fork();

	if (!pid)
		_exit(ioas_unmap(self->fd, self->ioas, LATE + page * PAGE,
				 n * PAGE) ? 1 : 0);
	return pid;
}

/* Wait until an unmap has claimed a page: a call on it fails. */
static int late_claimed(const struct _test_data_late *self, __u32 op,
			unsigned long page)
{
	int i, rc = 0;

	for (i = 0; !rc && i < 1000 * (int)time_factor(); i++) {
		usleep(10000);
		rc = late_call(self, op, page, 1);
	}
	return rc;
}

static int end_child(pid_t pid)
{
	int status;

	if (kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFSIGNALED(status) ? 0 : -EINVAL;
}

#define PINS_OF(n, pins)						\
	mock_check_refs(self->fd, self->page[n], PAGE, pins)

/* A POPULATE that fails leaves nothing, even where an unmap waits for others */
TEST_F_TIMEOUT(late, populate_is_undone_while_an_unmap_waits, 60)
{
	const __u32 op = IOMMU_IOAS_DEMAND_POPULATE;
	pid_t other, populate, unmap;

	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	other = late_child(self, op, 0, 1);
	ASSERT_LT(0, other);
	ASSERT_EQ(0, userfault_wait(&self->first));
	populate = late_child(self, op, 1, 2);
	ASSERT_LT(0, populate);
	ASSERT_EQ(0, userfault_wait(&self->last));
	EXPECT_EQ(0, PINS_OF(1, 1));
	unmap = late_unmap(self, 0, 2);
	ASSERT_LT(0, unmap);
	EXPECT_EQ(-ENOENT, late_claimed(self, op, 1));
	EXPECT_EQ(0, end_child(populate));
	EXPECT_EQ(0, PINS_OF(1, 0));
	/* The unmap gives up, too, and all is as it was. */
	EXPECT_EQ(0, end_child(unmap));
	EXPECT_EQ(0, end_child(other));
	EXPECT_EQ(0, late_call(self, op, 1, 1));
	EXPECT_EQ(0, PINS_OF(1, 1));
}

/* So what it undoes are its own pins. */
TEST_F_TIMEOUT(late, unmap_waits_for_a_pin_that_has_its_page, 60)
{
	const __u32 op = IOMMU_IOAS_DEMAND_PIN;
	pid_t pin, unmap;
	int status;

	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	pin = late_child(self, op, 1, 2);
	ASSERT_LT(0, pin);
	ASSERT_EQ(0, userfault_wait(&self->last));
	unmap = late_unmap(self, 1, 1);
	ASSERT_LT(0, unmap);
	EXPECT_EQ(-ENOENT, late_claimed(self, IOMMU_IOAS_DEMAND_POPULATE, 1));
	usleep(200000);
	EXPECT_EQ(0, waitpid(unmap, &status, WNOHANG));
	EXPECT_EQ(0, PINS_OF(1, 1));
	EXPECT_EQ(0, end_child(pin));
	ASSERT_EQ(unmap, waitpid(unmap, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, PINS_OF(1, 0));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->page[1], PAGE,
			      LATE + PAGE));
	ASSERT_EQ(0, late_call(self, op, 1, 1));
	EXPECT_EQ(-EBUSY, late_call(self, IOMMU_IOAS_DEMAND_RELEASE, 1, 1));
}

/* A fault is not INVALID because of an unmap that fails in the end. */
TEST_F_TIMEOUT(late, a_fault_is_repeated_while_an_unmap_waits, 60)
{
	const __u32 op = IOMMU_IOAS_DEMAND_RELEASE;
	const __u32 dev_id = self->dev.dev_id;
	const __u64 iova = LATE + PAGE;
	pid_t other, unmap;
	int status;

	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	other = late_child(self, IOMMU_IOAS_DEMAND_POPULATE, 0, 1);
	ASSERT_LT(0, other);
	ASSERT_EQ(0, userfault_wait(&self->first));
	unmap = late_unmap(self, 0, 2);
	ASSERT_LT(0, unmap);
	EXPECT_EQ(-ENOENT, late_claimed(self, op, 1));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, dev_id, 0, iova, WRITE));
	EXPECT_EQ(0, PINS_OF(1, 0));
	EXPECT_EQ(0, fdinfo_of(self->fd, self->ioas, "faults"));
	EXPECT_EQ(0, fdinfo_of(self->fd, self->ioas, "faults-failed"));

	EXPECT_EQ(0, end_child(unmap));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, dev_id, 0, iova, WRITE));
	EXPECT_EQ(0, PINS_OF(1, 1));
	EXPECT_EQ(1, fdinfo_of(self->fd, self->ioas, "faults"));

	/* What is populated is so until the unmap cannot fail any more. */
	unmap = late_unmap(self, 0, 2);
	ASSERT_LT(0, unmap);
	EXPECT_EQ(-ENOENT, late_claimed(self, IOMMU_IOAS_DEMAND_POPULATE, 1));
	EXPECT_EQ(SUCCESS, touch_pasid(self->fd, dev_id, 0, iova, WRITE));
	EXPECT_EQ(0, PINS_OF(1, 1));
	EXPECT_EQ(0, end_child(other));
	ASSERT_EQ(unmap, waitpid(unmap, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(INVALID, touch_pasid(self->fd, dev_id, 0, iova, WRITE));
	EXPECT_EQ(1, fdinfo_of(self->fd, self->ioas, "faults-failed"));
}

/* Calls on an IOAS that ceases to be on demand */
struct toggled {
	int fd;
	__u32 ioas;
	atomic_int stop;
	unsigned int refused;
	unsigned int wrong;
};

static void *demand_all(void *arg)
{
	struct toggled *toggled = arg;
	__u32 op;
	int rc;

	for (op = 0; !toggled->stop; op = (op + 1) % 4) {
		rc = ioas_demand(toggled->fd, toggled->ioas, op, AT, HUGE);
		if (rc == -EOPNOTSUPP)
			toggled->refused++;
		else if (rc != -ENODEV && rc != -ENOENT)
			toggled->wrong++;
	}
	return NULL;
}

/* Without a fault there is a page table only while it is not on demand */
TEST_F_TIMEOUT(race, with_the_option, 60)
{
	struct toggled toggled = { .fd = self->shared.fd };
	char *memory = small_pages(HUGE);
	pthread_t threads[2];
	struct mock_dev dev;
	unsigned int i;

	ASSERT_EQ(0, ioas_alloc(toggled.fd, &toggled.ioas));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, demand_all,
					    &toggled));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, iommu_option_set(toggled.fd, ON_DEMAND,
					      toggled.ioas, 1));
		usleep(i % 10 * 20);
		ASSERT_EQ(0, iommu_option_set(toggled.fd, ON_DEMAND,
					      toggled.ioas, 0));
		ASSERT_EQ(0, ioas_map(toggled.fd, toggled.ioas, memory, HUGE,
				      AT));
		ASSERT_EQ(0, mock_attach(toggled.fd, toggled.ioas, &dev));
		EXPECT_EQ(0, mock_check_map(toggled.fd, dev.hwpt_id, memory,
					    HUGE, AT));
		ASSERT_EQ(0, ioas_unmap(toggled.fd, toggled.ioas, AT, HUGE));
		ASSERT_EQ(0, iommu_destroy(toggled.fd, dev.id));
	}
	toggled.stop = 1;
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_LT(0, toggled.refused);
	EXPECT_EQ(0, toggled.wrong);
}

/*
 * While a call waits for its page, other pages are served, and a fault and an
 * unmap of this one wait for the call.
 */
TEST_F_TIMEOUT(race, with_a_call_that_waits, 60)
{
	struct shared *s = &self->shared;
	struct racer call = { .shared = s }, unmap = { .shared = s };
	struct racer fault = { .shared = s };
	struct userfault userfault;
	char *page = anon(PAGE);

	ASSERT_NE(NULL, page);
	ASSERT_EQ(0, ioas_map(s->fd, s->ioas, page, PAGE, AT + MiB));
	ASSERT_EQ(0, userfault_start(&userfault, page,
				     UFFDIO_REGISTER_MODE_MISSING));
	ASSERT_EQ(0, pthread_create(&call.thread, NULL, populate_all, &call));
	if (!pin_can_wait()) {
		ASSERT_EQ(0, pthread_join(call.thread, NULL));
		EXPECT_EQ(-EFAULT, call.rc);
		close(userfault.fd);
		return;
	}
	ASSERT_EQ(0, userfault_wait(&userfault));
	EXPECT_EQ(SUCCESS, touch_pasid(s->fd, s->dev.dev_id, 0, AT, WRITE));
	EXPECT_EQ(0, ioas_demand(s->fd, s->ioas, IOMMU_IOAS_DEMAND_RELEASE, AT,
				 PAGE));
	EXPECT_EQ(0, ioas_unmap(s->fd, s->ioas, AT, NPAGES * PAGE));
	ASSERT_EQ(0, pthread_create(&fault.thread, NULL, fault_once, &fault));
	usleep(200000);
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(fault.thread, NULL));
	ASSERT_EQ(0, pthread_create(&unmap.thread, NULL, unmap_all, &unmap));
	usleep(200000);
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(unmap.thread, NULL));
	ASSERT_EQ(0, userfault_end(&userfault, s->memory));
	ASSERT_EQ(0, pthread_join(call.thread, NULL));
	ASSERT_EQ(0, pthread_join(fault.thread, NULL));
	ASSERT_EQ(0, pthread_join(unmap.thread, NULL));
	EXPECT_EQ(0, call.rc);
	EXPECT_EQ(0, fault.rc);
	EXPECT_EQ(0, unmap.rc);
	EXPECT_EQ(0, fdinfo_of(s->fd, s->ioas, "pinned"));
}

TEST_HARNESS_MAIN

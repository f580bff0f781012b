// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzzer of /dev/iommu, guided by coverage
 *
 * Usage: fuzz [-s SEED] [-t SECONDS] [-w WORKERS] [-p FILE]
 *
 * Each worker takes a program (see fuzz.h) that has found new coverage, changes
 * it a little, or makes one up, and has a process of its own run it, in up to
 * three threads.  The kernel tells what code they have run (KCOV); a program
 * that has run code which no other had run is kept.  Ends with exit code 1 when
 * the kernel complains or a process does not end, and shows the programs that
 * ran then; -p runs a program from a file again and again.  Also ends with exit
 * code 1 if a worker ended early, no program had any coverage, or a device cannot be
 * opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/kcov.h>

#include "fuzz.h"

#define CORPUS		4096
#define EDGES		1048576U
#define MAX_WORKERS	8
#define TRACE		65536U	/* words of a thread's trace */
#define PROGRAM_SECONDS	5		/* then a program is ended ... */
#define HUNG_SECONDS	60		/* ... and should be gone after */

/* The state of the fuzzer, shared by all workers */
struct state {
	atomic_uint executions;
	atomic_uint edges;
	atomic_uint killed;
	atomic_uint hung;
	atomic_uint nprograms;
	atomic_flag adding;
	atomic_bool stop;
	struct program corpus[CORPUS];
	struct program running[MAX_WORKERS];
	struct program before[MAX_WORKERS];
	atomic_uchar seen[EDGES];
	atomic_uint succeeded[256];	/* calls of each row of `ops` */
};

static struct state *state;
static unsigned int nworkers = 4;
static unsigned int seconds = 60;
static unsigned int factor = 1;
static uint64_t seed;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* xorshift64*: a sequence that is the same for the same seed */
static uint64_t rng;

static uint64_t random_value(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * 2685821657736338717ULL;
}

static unsigned int below(unsigned int n)
{
	return (random_value() >> 32) % n;
}

/* Programs */

static unsigned int random_op(void)
{
	static unsigned int total;
	unsigned int i, n;

	if (!total)
		for (i = 0; i < nops; i++)
			total += 1 + ops[i].weight;
	n = below(total);
	for (i = 0; n > ops[i].weight; i++)
		n -= 1 + ops[i].weight;
	return i;
}

static void random_call(struct call *call)
{
	unsigned int i;

	call->op = random_op();
	call->thread = below(2) ? 0 : below(MAX_THREADS);
	call->fail = below(16) ? 0 : 1 + below(below(4) ? 12 : 200);
	for (i = 0; i < VALUES; i++)
		call->values[i] = random_value();
}

static void insert_call(struct program *program, unsigned int at,
			const struct call *call)
{
	if (program->n == MAX_CALLS)
		program->n--;
	if (at > program->n)
		at = program->n;
	memmove(&program->calls[at + 1], &program->calls[at],
		(program->n - at) * sizeof(*call));
	program->calls[at] = *call;
	program->n++;
}

static void remove_call(struct program *program, unsigned int at)
{
	program->n--;
	memmove(&program->calls[at], &program->calls[at + 1],
		(program->n - at) * sizeof(program->calls[0]));
}

static const struct program *random_program(void)
{
	unsigned int n = state->nprograms;

	/* The latest programs lead further most often */
	if (below(2) && n > 16)
		return &state->corpus[n - 1 - below(n / 8 + 1)];
	return &state->corpus[below(n)];
}

static void mutate(struct program *program)
{
	unsigned int at = program->n ? below(program->n) : 0;
	struct call *call = &program->calls[at];
	const struct program *other;
	struct call new;

	switch (program->n ? below(9) : 0) {
	case 0:
	case 1:
		random_call(&new);
		insert_call(program, below(program->n + 1), &new);
		break;
	case 2:
		remove_call(program, at);
		break;
	case 3:
		new = *call;
		insert_call(program, below(program->n + 1), &new);
		break;
	case 4:
		call->thread = below(MAX_THREADS);
		break;
	case 5:
		call->fail = below(3) ? 1 + below(20) : 0;
		break;
	case 6:
		other = random_program();
		if (!other->n)
			break;
		new = other->calls[below(other->n)];
		insert_call(program, below(program->n + 1), &new);
		break;
	case 7:
		/* Keep the low 5 bits, which decide how odd the value is */
		call->values[below(VALUES)] += (uint64_t)(1 + below(64)) << 5;
		break;
	case 8:
		call->values[below(VALUES)] = random_value();
		break;
	}
}

static void make_program(struct program *program)
{
	unsigned int i, n;

	if (!state->nprograms || !below(16)) {
		program->n = 4 + below(12);
		for (i = 0; i < program->n; i++)
			random_call(&program->calls[i]);
		return;
	}
	*program = *random_program();
	for (i = 0, n = 1 + below(4); i < n; i++)
		mutate(program);
}

static void keep_program(const struct program *program)
{
	unsigned int n;

	while (atomic_flag_test_and_set(&state->adding))
		usleep(100);
	n = state->nprograms;
	if (n < CORPUS)
		state->nprograms = n + 1;
	else
		n = below(CORPUS);
	state->corpus[n] = *program;
	atomic_flag_clear(&state->adding);
}

static void print_program(const char *what, const struct program *program)
{
	unsigned int i, j;

	printf("# %s\n", what);
	for (i = 0; i < program->n; i++) {
		const struct call *call = &program->calls[i];

		printf("%u %u %u", call->op, call->thread, call->fail);
		for (j = 0; j < VALUES; j++)
			printf(" %llx", call->values[j]);
		printf(" # %s\n", ops[call->op].name);
	}
}

static void read_program(const char *path, struct program *program)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f)
		die(path);
	while (program->n < MAX_CALLS && fgets(line, sizeof(line), f)) {
		struct call *call = &program->calls[program->n];
		char *p = line;
		int i;

		if (*line == '#' || *line == '\n')
			continue;
		call->op = strtoul(p, &p, 10) % nops;
		call->thread = strtoul(p, &p, 10) % MAX_THREADS;
		call->fail = strtoul(p, &p, 10);
		for (i = 0; i < VALUES; i++)
			call->values[i] = strtoull(p, &p, 16);
		program->n++;
	}
	fclose(f);
}

/* The process that runs a program */

struct thread {
	const struct program *program;
	unsigned int number;
	int kcov;
};

static void *run_thread(void *arg)
{
	struct thread *thread = arg;
	const struct call *call;
	unsigned int i;
	int nth;

	nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ioctl(thread->kcov, KCOV_ENABLE, KCOV_TRACE_PC);
	for (i = 0; i < thread->program->n; i++) {
		call = &thread->program->calls[i];
		if (call->thread == thread->number && run_call(call, nth))
			state->succeeded[call->op]++;
	}
	return NULL;
}

static void run_program(const struct program *program, const int *kcov)
{
	struct thread threads[MAX_THREADS];
	pthread_t handles[MAX_THREADS];
	unsigned int i, mask = 1;

	signal(SIGALRM, SIG_DFL);
	alarm(PROGRAM_SECONDS * factor);
	run_prologue();
	for (i = 0; i < program->n; i++)
		mask |= 1 << program->calls[i].thread;
	for (i = 0; i < MAX_THREADS; i++) {
		threads[i] = (struct thread){ program, i, kcov[i] };
		if (i && mask & 1 << i &&
		    pthread_create(&handles[i], NULL, run_thread, &threads[i]))
			mask ^= 1 << i;
	}
	run_thread(&threads[0]);
	for (i = 1; i < MAX_THREADS; i++)
		if (mask & 1 << i)
			pthread_join(handles[i], NULL);
	run_epilogue();
}

/* Workers */

struct worker {
	unsigned int number;
	int kcov[MAX_THREADS];
	unsigned long *trace[MAX_THREADS];
};

static void open_kcov(struct worker *worker, unsigned int i)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, TRACE))
		die("/sys/kernel/debug/kcov");
	worker->kcov[i] = fd;
	worker->trace[i] = mmap(NULL, TRACE * sizeof(long),
				PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (worker->trace[i] == MAP_FAILED)
		die("mmap of kcov");
}

/* Count edges, from one place in the code to the next, that are new */
static unsigned int new_edges(unsigned long *trace)
{
	unsigned long i, n = trace[0], last = 0, edge;
	unsigned int found = 0;

	if (n >= TRACE)
		n = TRACE - 1;
	for (i = 1; i <= n; i++) {
		edge = (last * 31 ^ trace[i]) * 0x9e3779b97f4a7c15UL >> 44;
		last = trace[i];
		if (!state->seen[edge % EDGES] &&
		    !atomic_exchange(&state->seen[edge % EDGES], 1))
			found++;
	}
	trace[0] = 0;
	return found;
}

static void show_stack(pid_t pid)
{
	char command[128];

	snprintf(command, sizeof(command),
		 "cat /proc/%d/task/*/stack; echo w >/proc/sysrq-trigger", pid);
	if (system(command))
		perror(command);
}

/* Wait for the end of a program's process; kill it if it takes too long */
static void await(pid_t pid, bool kill_soon)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	if (kill_soon) {
		usleep(below(below(2) ? 20000 : 200000) * factor);
		kill(pid, SIGKILL);
		state->killed++;
	}
	if (!poll(&pfd, 1, (2 * PROGRAM_SECONDS + 1) * factor * 1000)) {
		kill(pid, SIGKILL);
		if (!poll(&pfd, 1, HUNG_SECONDS * factor * 1000)) {
			state->hung++;
			state->stop = true;
			show_stack(pid);
			return;
		}
	}
	waitpid(pid, NULL, 0);
	close(pidfd);
}

static void execute(struct worker *worker, const struct program *program)
{
	bool kill_soon = !below(16);
	unsigned int i, found = 0;
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid) {
		run_program(program, worker->kcov);
		_exit(0);
	}
	await(pid, kill_soon);
	for (i = 0; i < MAX_THREADS; i++)
		found += new_edges(worker->trace[i]);
	state->edges += found;
	state->executions++;
	if (found)
		keep_program(program);
}

static void work(unsigned int number, const struct program *only)
{
	struct worker worker = { .number = number };
	struct program *program = &state->running[number];
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	rng = seed + 0x9e3779b97f4a7c15ULL * (number + 1);
	ops_setup();
	for (i = 0; i < MAX_THREADS; i++)
		open_kcov(&worker, i);
	while (!state->stop) {
		state->before[number] = *program;
		if (only)
			*program = *only;
		else
			make_program(program);
		execute(&worker, program);
	}
}

/* The kernel's log */

static bool is_complaint(const char *line)
{
	static const char *const words[] = {
		"BUG:", "WARNING:", "KASAN", "UBSAN", "Oops", "INFO: ",
		"general protection", "unable to handle", "refcount_t:",
		"DMA PTE for vPFN", "Bad page state", "ODEBUG", "kernel BUG",
		"scheduling while atomic", "possible recursive locking",
		"possible circular locking", "Slab cache still has objects",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++)
		if (strstr(line, words[i]))
			return true;
	return false;
}

static unsigned int complaints(int kmsg)
{
	unsigned int n = 0;
	char line[2048];
	ssize_t length;

	for (;;) {
		length = read(kmsg, line, sizeof(line) - 1);
		if (length < 0 && errno == EPIPE)
			continue; /* some lines were lost */
		if (length <= 0)
			return n;
		line[length] = 0;
		if (is_complaint(line)) {
			printf("%s", line);
			n++;
		}
	}
}

static long pinned(void)
{
	long acquired = 0, released = 0;
	unsigned long value;
	char name[64];
	FILE *f;
	int fd;

	fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	if (write(fd, "1", 1) != 1)
		die("/proc/sys/vm/stat_refresh");
	close(fd);
	f = fopen("/proc/vmstat", "re");
	while (f && fscanf(f, "%63s %lu", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			acquired = value;
		else if (!strcmp(name, "nr_foll_pin_released"))
			released = value;
	}
	if (!f)
		die("/proc/vmstat");
	fclose(f);
	return acquired - released;
}

static void write_zero(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

#define DEBUGFS	"/sys/kernel/debug/"

/* Let any allocation fail, without a call trace; do not panic on an oops */
static void prepare(void)
{
	write_zero(DEBUGFS "failslab/verbose");
	write_zero(DEBUGFS "failslab/ignore-gfp-wait");
	write_zero(DEBUGFS "fail_page_alloc/verbose");
	write_zero(DEBUGFS "fail_page_alloc/ignore-gfp-wait");
	write_zero(DEBUGFS "fail_page_alloc/min-order");
	write_zero(DEBUGFS "fail_usercopy/verbose");
	write_zero("/proc/sys/kernel/panic_on_oops");
}

static void print_state(time_t start)
{
	printf("%4ld s: %u executions, %u edges, %u programs kept, %u killed\n",
	       (long)(time(NULL) - start), state->executions, state->edges,
	       state->nprograms, state->killed);
	fflush(stdout);
}

/* Returns the path of a program to run, or NULL */
static const char *parse(int argc, char **argv)
{
	const char *path = NULL;
	int opt;

	while ((opt = getopt(argc, argv, "s:t:w:p:")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = atoi(optarg);
			break;
		case 'w':
			nworkers = atoi(optarg);
			break;
		case 'p':
			path = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (!nworkers || nworkers > MAX_WORKERS)
		exit(2);
	if (getenv("TIME_FACTOR"))
		factor = atoi(getenv("TIME_FACTOR"));
	return path;
}

static void start_workers(const struct program *only)
{
	unsigned int i;
	pid_t pid;

	for (i = 0; i < nworkers; i++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			work(i, only);
			_exit(0);
		}
	}
}

/*
 * Collect the workers that have ended, or wait for all of them.  Returns the
 * number of workers that ended before the stop, or with an error.
 */
static unsigned int reap(int options)
{
	unsigned int failed = 0;
	int status;

	while (waitpid(-1, &status, options) > 0) {
		if (state->stop && !status)
			continue;
		printf("a worker ended, with status %#x\n", status);
		failed++;
	}
	return failed;
}

/*
 * Watch the workers until the time is over; returns the number of crashes.
 * failed: set to the number of workers that did not do their work.
 */
static unsigned int watch(int kmsg, time_t start, unsigned int *failed)
{
	unsigned int i, crashes = 0;

	*failed = 0;
	while (!state->stop && time(NULL) < start + seconds) {
		usleep(500000);
		crashes += complaints(kmsg);
		*failed += reap(WNOHANG);
		if (crashes || *failed)
			state->stop = true;
		if ((time(NULL) - start) % 20 == 0) {
			print_state(start);
			sleep(1);
		}
	}
	for (i = 0; crashes && i < nworkers; i++) {
		print_program("running", &state->running[i]);
		print_program("before it", &state->before[i]);
	}
	state->stop = true;
	if (!state->hung)
		*failed += reap(0);
	return crashes + complaints(kmsg) + state->hung;
}

/* Print the rows of `ops` of which no call succeeded. */
static void print_failures(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < nops; i++) {
		if (state->succeeded[i] || (ops[i].run && !ops[i].tells))
			continue;
		printf("%s%s", n++ ? "; " : "fuzz: never succeeded: ",
		       ops[i].name);
	}
	if (n)
		printf("\n");
}

/* Print how often each call of the only program succeeded. */
static void print_successes(const struct program *program)
{
	const struct op *op;
	unsigned int i;

	for (i = 0; i < program->n; i++) {
		op = &ops[program->calls[i].op];
		if (!op->run || op->tells)
			printf("# %s: succeeded %u times\n", op->name,
			       state->succeeded[program->calls[i].op]);
	}
}

int main(int argc, char **argv)
{
	unsigned int crashes, failed;
	struct program only = {};
	const char *path;
	time_t start;
	long pins;
	int kmsg;

	if (getrandom(&seed, 4, 0) != 4)
		die("getrandom");
	path = parse(argc, argv);
	if (path)
		read_program(path, &only);

	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (state == MAP_FAILED)
		die("mmap");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		die("/dev/kmsg");
	if (ops_check())
		return 1;
	prepare();
	complaints(kmsg);
	pins = pinned();
	printf("fuzz: seed %llu, %u workers, %u s\n", (unsigned long long)seed,
	       nworkers, seconds);
	fflush(stdout);

	start = time(NULL);
	start_workers(path ? &only : NULL);
	crashes = watch(kmsg, start, &failed);
	if (!crashes && pinned() != pins) {
		printf("pages that nobody uses are pinned: %ld\n",
		       pinned() - pins);
		crashes++;
	}
	print_state(start);
	printf("fuzz: %u executions, %u edges, %u crashes\n", state->executions,
	       state->edges, crashes);
	if (!state->executions || !state->edges) {
		printf("fuzz: nothing was fuzzed; are the modules built with KCOV_INSTRUMENT=y?\n");
		failed++;
	}
	if (path)
		print_successes(&only);
	else
		print_failures();
	return crashes || failed;
}

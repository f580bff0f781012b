/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program is a list of calls, each a row of the table `ops` and a few random
 * values.  What a value means depends on the field that it is for, and most
 * values mean something valid: an ID that there is, an address in memory that
 * there is.  So changing a value changes the call, and seldom spoils it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

#define MAX_CALLS	24
#define MAX_THREADS	3
#define VALUES		10

/* A user without capabilities, and with a low RLIMIT_MEMLOCK */
#define USER		12345
#define USER_PAGES	64UL

/**
 * struct call - A call of a program
 * @op: Row of `ops`
 * @thread: Number of the thread that makes it
 * @fail: Number of the allocation, or copy of user memory, that fails; 0: none
 * @values: Random values, from which its fields are made
 */
struct call {
	__u8 op;
	__u8 thread;
	__u16 fail;
	__u64 values[VALUES];
};

struct program {
	__u32 n;
	struct call calls[MAX_CALLS];
};

/* Kinds of objects that IDs are of */
enum kind {
	ANY,
	IOAS,
	HWPT,
	DEVICE,
	TEST,
	VIOMMU,
	VDEVICE,
	VEVENTQ,
	HW_QUEUE,
	PINS,
	QUEUE,
	KINDS
};

/* Kinds of files */
enum file {
	IOMMU,		/* /dev/iommu */
	VFIO,		/* /dev/vfio/devices/vfioN */
	ACCESS,		/* of the mock */
	MEMFD,		/* memory */
	MMIO,		/* of the mock */
	DMA_BUF,	/* of a BAR, or of the mock */
	IMPORT,		/* of the mock: of a dma-buf */
	VEVENTS,	/* of a vIOMMU */
	CONTAINER,	/* /dev/vfio/vfio */
	GROUP,		/* /dev/vfio/N */
	FAULT,		/* a fault queue */
	EMULATED,	/* the emulated device */
	FILES,
	EITHER		/* IOMMU or CONTAINER, which have calls in common */
};

/* Types of fields, of 32 bits unless the name says otherwise */
enum type {
	END,
	ID,		/* of an object, of kind arg */
	FILE_NO,	/* a file descriptor, of kind arg */
	FLAGS,		/* any of the bits of arg */
	BELOW,		/* a number below arg */
	BELOW16,
	BELOW64,
	IS,		/* arg */
	IS16,
	IS64,
	IOVA,		/* 64 bits, as are the next four types */
	LENGTH,
	OFFSET,		/* in a file */
	ADDRESS,
	RANGES,		/* address of an array of struct iommu_iova_range */
	OUT_ID,		/* 32 bits: the call makes an object of kind arg */
	OUT_FILE	/* the call makes a file of kind arg */
};

struct field {
	enum type type;
	size_t offset;
	__u64 arg;
};

/**
 * struct op - Something that a program can do
 * @name: Its name in printed programs
 * @request: Number of the ioctl, unless @run is set
 * @file: Kind of file that the ioctl is called on
 * @size: Size of the struct that is the ioctl's argument, whose first field has
 *	it, or 0 when the argument is a number
 * @fields: The other fields of the struct
 * @run: Function to call instead of an ioctl
 * @weight: Number of times that it is in the draw, besides once
 * @no_failing: The kernel's own code called here complains when an allocation
 *	fails
 * @tells: run() says whether it succeeded
 */
struct op {
	const char *name;
	unsigned long request;
	enum file file;
	size_t size;
	struct field fields[VALUES];
	void (*run)(const struct call *call);
	unsigned int weight;
	bool no_failing;
	bool tells;
};

extern const struct op ops[];
extern const unsigned int nops;

unsigned int ops_check(void);
void ops_setup(void);
void run_prologue(void);
bool run_call(const struct call *call, int nth);
void run_epilogue(void);

#endif

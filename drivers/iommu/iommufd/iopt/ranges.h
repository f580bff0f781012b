/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_RANGES_H
#define __IOPT_RANGES_H

#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct iopt_range - A range in a tree of disjoint ranges
 * @rb: In iopt_ranges::tree.
 * @start: First.
 * @last: Last, inclusive.  May change while in the tree, as long as none
 *	overlap.
 */
struct iopt_range {
	struct rb_node rb;
	unsigned long start;
	unsigned long last;
};

/**
 * struct iopt_ranges - Disjoint ranges
 * @tree: struct iopt_range by start, and so by last.
 * @highest: The highest range, NULL for none.
 *
 * An insertion into an interval tree has to update what each node above the new
 * one knows of the ranges below.  Disjoint ranges need no such knowledge.  So a
 * range that is above all others, or below them, is inserted and found without
 * a look at the rest.
 */
struct iopt_ranges {
	struct rb_root_cached tree;
	struct iopt_range *highest;
};

#define IOPT_RANGES_INIT	((struct iopt_ranges){ .tree = RB_ROOT_CACHED })

static inline bool iopt_ranges_empty(const struct iopt_ranges *ranges)
{
	return RB_EMPTY_ROOT(&ranges->tree.rb_root);
}

static inline struct iopt_range *iopt_rb_range(struct rb_node *rb)
{
	return rb_entry_safe(rb, struct iopt_range, rb);
}

/**
 * iopt_range_next() - Find the next range that begins at a limit or below
 * @range: A range in the tree.
 * @last: The limit, inclusive.
 *
 * Return: the next range, or NULL.
 */
static inline struct iopt_range *iopt_range_next(struct iopt_range *range,
						 unsigned long last)
{
	struct iopt_range *next = iopt_rb_range(rb_next(&range->rb));

	return next && next->start <= last ? next : NULL;
}

struct iopt_range *iopt_ranges_first(struct iopt_ranges *ranges,
				     unsigned long start, unsigned long last);
void iopt_ranges_insert(struct iopt_ranges *ranges, struct iopt_range *range);
void iopt_ranges_remove(struct iopt_ranges *ranges, struct iopt_range *range);

#endif

// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disjoint ranges, see struct iopt_ranges
 */
#include "ranges.h"

/**
 * iopt_ranges_first() - Find the lowest range that overlaps a given one
 * @ranges: The ranges.
 * @start: First of the given range.
 * @last: Last of the given range, inclusive.
 *
 * Return: the range found, or NULL.
 */
struct iopt_range *iopt_ranges_first(struct iopt_ranges *ranges,
				     unsigned long start, unsigned long last)
{
	struct iopt_range *found = iopt_rb_range(ranges->tree.rb_leftmost);
	struct rb_node *rb = ranges->tree.rb_root.rb_node;

	if (!found || start > ranges->highest->last)
		return NULL;
	/* Some end at @start or beyond: which is the lowest of them? */
	if (found->last < start) {
		while (rb) {
			struct iopt_range *range = iopt_rb_range(rb);

			if (range->last < start) {
				rb = rb->rb_right;
			} else {
				found = range;
				rb = rb->rb_left;
			}
		}
	}
	return found->start <= last ? found : NULL;
}

/**
 * iopt_ranges_insert() - Add a range
 * @ranges: The ranges.
 * @range: The range, which overlaps none of them.
 */
void iopt_ranges_insert(struct iopt_ranges *ranges, struct iopt_range *range)
{
	struct rb_node **link = &ranges->tree.rb_root.rb_node;
	struct rb_node *parent = NULL;
	bool lowest = true;

	if (!ranges->highest || range->start > ranges->highest->last) {
		if (ranges->highest) {
			parent = &ranges->highest->rb;
			link = &parent->rb_right;
			lowest = false;
		}
		ranges->highest = range;
	}
	while (*link) {
		parent = *link;
		if (range->start < iopt_rb_range(parent)->start) {
			link = &parent->rb_left;
		} else {
			link = &parent->rb_right;
			lowest = false;
		}
	}
	rb_link_node(&range->rb, parent, link);
	rb_insert_color_cached(&range->rb, &ranges->tree, lowest);
}

/**
 * iopt_ranges_remove() - Remove a range
 * @ranges: The ranges.
 * @range: One of them.
 */
void iopt_ranges_remove(struct iopt_ranges *ranges, struct iopt_range *range)
{
	if (range == ranges->highest)
		ranges->highest = iopt_rb_range(rb_prev(&range->rb));
	rb_erase_cached(&range->rb, &ranges->tree);
}

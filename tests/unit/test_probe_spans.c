/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Span lists as the BPF programs build them: nesting, lost exits, merging, carrying over. */
#include <criterion/criterion.h>
#include <string.h>

#include "capture.h"

static int lost[CAPTURE_LOSS_REASONS];

#define span_lose(hop, reason) (void)(hop), lost[reason]++
#define SPAN_OPAQUE(x) (void)(x)
#include "spans.h"

enum { OUTER = 1, INNER, LEAF, OTHER };

static struct span_list list;

static void setup(void)
{
	memset(&list, 0, sizeof(list));
	memset(lost, 0, sizeof(lost));
	spans_reset(&list);
}

TestSuite(spans, .init = setup);

static const struct capture_span *span(int i)
{
	return &list.rec.spans[i];
}

static uint32_t n_spans(void)
{
	return list.rec.call.n_spans;
}

static void expect_span(int i, int hop, int depth, int parent, uint64_t enter, uint64_t leave)
{
	cr_expect_eq(span(i)->hop, hop, "hop of span %d", i);
	cr_expect_eq(span(i)->depth, depth, "depth of span %d", i);
	cr_expect_eq(span(i)->parent, parent, "parent of span %d", i);
	cr_expect_eq(span(i)->enter_ns, enter, "entry of span %d", i);
	cr_expect_eq(span(i)->exit_ns, leave, "exit of span %d", i);
}

Test(spans, nested_hops_are_a_tree_in_order_of_entry)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	cr_expect_eq(span_pop(&list, INNER, 900, 3, -5), 1);
	span_push(&list, LEAF, 900, 4);
	cr_expect_eq(span_pop(&list, LEAF, 900, 6, 7), 1);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 9, 0), 0);
	cr_assert_eq(n_spans(), 3);
	expect_span(0, OUTER, 0, SPAN_NONE, 1, 9);
	expect_span(1, INNER, 1, 0, 2, 3);
	expect_span(2, LEAF, 1, 0, 4, 6);
	cr_expect_eq(span(1)->ret, -5);
	cr_expect_eq(span(2)->busy_ns, 2);
	cr_expect_eq(list.rec.call.h.flags, 0);
}

Test(spans, a_lost_exit_does_not_shift_later_spans)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_push(&list, OTHER, 950, 3); /* above INNER's frame: INNER has returned */
	span_pop(&list, OTHER, 950, 4, 0);
	span_pop(&list, OUTER, 1000, 5, 0);
	expect_span(1, INNER, 1, 0, 2, 0);
	expect_span(2, OTHER, 1, 0, 3, 4);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 1);
	cr_expect(list.rec.call.h.flags & CAPTURE_F_EXIT_LOST);
}

Test(spans, the_outer_exit_closes_what_is_open_inside)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_push(&list, LEAF, 800, 3);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 4, 0), 0);
	expect_span(2, LEAF, 2, 1, 3, 0);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 2);
}

Test(spans, an_exit_without_entry_changes_nothing)
{
	cr_expect_eq(span_pop(&list, OUTER, 1000, 1, 0), -1);
	span_push(&list, OUTER, 1000, 1);
	cr_expect_eq(span_pop(&list, INNER, 900, 2, 0), -1);
	cr_expect_eq(span_pop(&list, OUTER, 1008, 2, 0), -1);
	cr_expect_eq(list.n_frames, 1);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 0);
}

Test(spans, a_tail_call_nests_in_its_caller)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 1000, 2);
	cr_expect_eq(span_pop(&list, INNER, 1000, 3, 0), 1);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 4, 0), 0);
	expect_span(1, INNER, 1, 0, 2, 3);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 0);
}

Test(spans, a_hop_whose_return_is_not_looked_at_ends_with_what_encloses_it)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_no_exit(&list);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 5, 0), 0);
	expect_span(1, INNER, 1, 0, 2, 5);
	cr_expect_eq(span(1)->busy_ns, 3);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 0);
	cr_expect_eq(list.rec.call.h.flags, 0);
}

Test(spans, such_a_hop_ends_when_a_hop_beside_it_is_entered)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_no_exit(&list);
	span_push(&list, OTHER, 950, 4);
	expect_span(1, INNER, 1, 0, 2, 4);
	expect_span(2, OTHER, 1, 0, 4, 0);
	span_pop(&list, OTHER, 950, 5, 0);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 6, 0), 0);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 0);
}

Test(spans, such_a_hop_may_be_told_what_it_returned)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_left(&list, 950, 3, -1); /* its return is looked at */
	span_no_exit(&list);
	span_left(&list, 800, 3, -1); /* within it */
	cr_expect_eq(list.n_frames, 2);
	span_left(&list, 900, 4, -7);
	cr_expect_eq(list.n_frames, 1);
	expect_span(1, INNER, 1, 0, 2, 4);
	cr_expect_eq(span(1)->ret, -7);
	span_left(&list, 2000, 5, 0);
	cr_expect_eq(list.n_frames, 1, "the outer hop's return is looked at");
}

Test(spans, such_a_hop_whose_return_is_seen_ends_there)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	span_no_exit(&list);
	cr_expect_eq(span_pop(&list, INNER, 900, 3, 6), 1);
	span_push(&list, LEAF, 900, 4);
	span_pop(&list, OUTER, 1000, 5, 0);
	expect_span(1, INNER, 1, 0, 2, 3);
	cr_expect_eq(span(1)->ret, 6);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 1, "LEAF is another hop");
}

Test(spans, recursion_with_a_lost_exit_closes_the_right_frame)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, OUTER, 900, 2);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 3, 0), 0);
	expect_span(0, OUTER, 0, SPAN_NONE, 1, 3);
	expect_span(1, OUTER, 1, 0, 2, 0);
}

Test(spans, a_system_call_on_another_stack_leaves_functions_open)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, CAPTURE_HOP_SYSCALL | 1, 5000, 2); /* a signal handler's stack */
	cr_expect_eq(list.n_frames, 2);
	span_push(&list, CAPTURE_HOP_SYSCALL | 2, 5000, 3); /* the first must be over */
	cr_expect_eq(list.n_frames, 2);
	cr_expect_eq(lost[CAPTURE_LOSS_EXIT_MISSED], 1);
}

static void cross(int hop, uint64_t sp, uint64_t enter, uint64_t leave)
{
	span_push(&list, hop, sp, enter);
	span_pop(&list, hop, sp, leave, leave);
}

Test(spans, repeats_are_merged_when_the_list_is_half_full)
{
	span_push(&list, OUTER, 1000, 0);
	for (int i = 0; i < 100; i++)
		cross(INNER, 900, 10 * i + 1, 10 * i + 3);
	span_pop(&list, OUTER, 1000, 9999, 0);
	cr_assert_eq(n_spans(), SPAN_MERGE_FROM);
	cr_expect_eq(span(SPAN_MERGE_FROM - 1)->n, 100 - (SPAN_MERGE_FROM - 2));
	cr_expect_eq(span(SPAN_MERGE_FROM - 1)->busy_ns, 2 * (100 - (SPAN_MERGE_FROM - 2)));
	cr_expect_eq(span(SPAN_MERGE_FROM - 1)->exit_ns, 993);
	cr_expect_eq(list.rec.call.lost_spans, 0);
}

Test(spans, children_of_merged_spans_are_merged)
{
	span_push(&list, OUTER, 1000, 0);
	for (int i = 0; i < 50; i++) {
		span_push(&list, INNER, 900, 10 * i + 1);
		cross(LEAF, 800, 10 * i + 2, 10 * i + 3);
		span_pop(&list, INNER, 900, 10 * i + 4, 0);
	}
	span_pop(&list, OUTER, 1000, 9999, 0);
	cr_expect_leq(n_spans(), SPAN_MERGE_FROM + 2);
	uint32_t crossings = 0;

	for (uint32_t i = 0; i < n_spans(); i++)
		crossings += span(i)->hop == LEAF ? span(i)->n : 0;
	cr_expect_eq(crossings, 50);
}

Test(spans, different_hops_fill_the_list_and_the_rest_is_counted)
{
	span_push(&list, OUTER, 1000, 0);
	for (int i = 0; i < 100; i++)
		cross(100 + i, 900, i + 1, i + 1);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 200, 0), 0);
	cr_expect_eq(n_spans(), CAPTURE_MAX_SPANS);
	cr_expect_eq(list.rec.call.lost_spans, 100 - (CAPTURE_MAX_SPANS - 1));
	cr_expect_eq(lost[CAPTURE_LOSS_SPANS_FULL], 100 - (CAPTURE_MAX_SPANS - 1));
	cr_expect(list.rec.call.h.flags & CAPTURE_F_SPANS_LOST);
	cr_expect_eq(span(0)->exit_ns, 200);
}

Test(spans, hops_deeper_than_the_stack_are_counted_and_the_rest_stays_right)
{
	for (int i = 0; i < 20; i++)
		span_push(&list, 100 + i, 1000 - i, i + 1);
	for (int i = 19; i >= 0; i--)
		span_pop(&list, 100 + i, 1000 - i, 50 - i, 0);
	cr_expect_eq(n_spans(), CAPTURE_MAX_DEPTH);
	cr_expect_eq(list.rec.call.lost_spans, 20 - CAPTURE_MAX_DEPTH);
	expect_span(15, 115, 15, 14, 16, 35);
	expect_span(0, 100, 0, SPAN_NONE, 1, 50);
}

Test(spans, carrying_over_keeps_what_is_open_and_what_is_new)
{
	span_push(&list, OUTER, 1000, 1);
	cross(LEAF, 900, 2, 3); /* of the first call only */
	span_push(&list, INNER, 900, 4);
	span_pop(&list, INNER, 900, 5, 0);
	uint32_t mark = n_spans(); /* the first call ended here */

	span_push(&list, OTHER, 900, 6); /* on the way to the second call */
	cross(LEAF, 800, 7, 8);
	spans_carry(&list, mark);
	span_push(&list, INNER, 800, 9);
	span_pop(&list, INNER, 800, 10, 0);
	span_pop(&list, OTHER, 900, 11, 0);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 12, 0), 0);
	cr_assert_eq(n_spans(), 4);
	expect_span(0, OUTER, 0, SPAN_NONE, 1, 12);
	expect_span(1, OTHER, 1, 0, 6, 11);
	expect_span(2, LEAF, 2, 1, 7, 8);
	expect_span(3, INNER, 2, 1, 9, 10);
}

Test(spans, carrying_over_gives_spans_of_a_closed_parent_to_the_outermost)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	cross(OTHER, 800, 3, 4);
	uint32_t mark = n_spans();

	cross(LEAF, 800, 5, 6);
	span_pop(&list, INNER, 900, 7, 0);
	spans_carry(&list, mark);
	cr_assert_eq(n_spans(), 2);
	expect_span(1, LEAF, 2, 0, 5, 6);
	cr_expect_eq(span_pop(&list, OUTER, 1000, 8, 0), 0);
	expect_span(0, OUTER, 0, SPAN_NONE, 1, 8);
}

Test(spans, carrying_over_with_nothing_new_keeps_the_open_hops_only)
{
	span_push(&list, OUTER, 1000, 1);
	span_push(&list, INNER, 900, 2);
	cross(LEAF, 800, 3, 4);
	spans_carry(&list, CAPTURE_MAX_SPANS);
	cr_assert_eq(n_spans(), 2);
	expect_span(0, OUTER, 0, SPAN_NONE, 1, 0);
	expect_span(1, INNER, 1, 0, 2, 0);
	span_pop(&list, INNER, 900, 9, 0);
	expect_span(1, INNER, 1, 0, 2, 9);
}

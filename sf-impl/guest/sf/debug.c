// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * /sys/kernel/debug/sf/calls: what has been asked of the host so far, a line for
 * each function that has been: its name, calls, errors, bytes of data.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "sf.h"

static const struct {
	u32 number;
	const char *name;
} functions[] = {
#define SHFL_FN(number, name, ...) { number, #name },
#include "shfl.def"
};

static struct dentry *directory;

static int calls_show(struct seq_file *out, void *unused)
{
	const struct shfl_statistic *each;
	int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		each = &shfl_statistics[functions[i].number];
		if (atomic64_read(&each->calls))
			seq_printf(out, "%s %lld %lld %lld\n", functions[i].name,
				   atomic64_read(&each->calls), atomic64_read(&each->errors),
				   atomic64_read(&each->bytes));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calls);

void sf_debug_init(void)
{
	directory = debugfs_create_dir("sf", NULL);
	debugfs_create_file("calls", 0444, directory, NULL, &calls_fops);
}

void sf_debug_exit(void)
{
	debugfs_remove(directory);
}

# SPDX-License-Identifier: GPL-2.0-or-later
#
# guest_bench's table: medians of the rounds, ratios (above 1: ours is faster), and calls by MiB or
# file. Reads the list of jobs, then what guest_bench_jobs.sh prints.
BEGIN {
	FS = "|"
	print "| job | mode | ours | in-tree | 9p none | 9p loose | ours / in-tree | ours / 9p |" \
		" calls: ours | in-tree | 9p none | 9p loose |"
	print "|---|---|---|---|---|---|---|---|---|---|---|---|"
}

NF == 8 { rows[++row_count] = $0 }

NF == 1 {
	split($0, words, " ")
	key = words[2] " " words[3]
	if (words[1] == "time")
		times[key, ++rounds[key]] = words[4]
	if (words[1] == "calls")
		calls[key] = words[4]
}

function median(key, n, i, j, swap) {
	n = rounds[key]
	for (i = 2; i <= n; i++) {
		for (j = i; j > 1 && times[key, j - 1] > times[key, j]; j--) {
			swap = times[key, j]
			times[key, j] = times[key, j - 1]
			times[key, j - 1] = swap
		}
	}
	return n % 2 ? times[key, (n + 1) / 2] : (times[key, n / 2] + times[key, n / 2 + 1]) / 2
}

# How many times as fast as the other.
function ratio(ours, theirs, unit) {
	return unit == "s" ? theirs / ours : ours / theirs
}

function faster(a, b, unit) {
	return ratio(a, b, unit) > 1 ? a : b
}

function judged(value, target) {
	return sprintf(value < target ? "%.2f (target %s: missed)" : "%.2f (target %s)", value, target)
}

function show(value, unit) {
	return sprintf(unit == "s" ? "%.3f s" : "%.1f", value)
}

END {
	for (row = 1; row <= row_count; row++) {
		split(rows[row], job, "|")
		unit = job[4]
		ours = median(job[3] " " job[1])
		tree = median("in-tree " job[1])
		none = median("9p-none " job[1])
		loose = median("9p-loose " job[1])
		other = job[7] == "none" ? none : job[7] == "loose" ? loose : faster(none, loose, unit)
		printf "| %s | %s | %s | %s | %s | %s | %s | %s of %s |", job[2], job[3],
			show(ours, unit), show(tree, unit), show(none, unit), show(loose, unit),
			judged(ratio(ours, tree, unit), job[6]), judged(ratio(ours, other, unit), job[8]),
			job[7]
		printf " %.2f | %.2f | %.2f | %.2f |\n", calls[job[3] " " job[1]] / job[5],
			calls["in-tree " job[1]] / job[5], calls["9p-none " job[1]] / job[5],
			calls["9p-loose " job[1]] / job[5]
	}
	printf "\nMedians of %d rounds; MiB/s or seconds; calls for each MiB or file.\n",
		rounds["in-tree create"]
}

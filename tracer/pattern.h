/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings that BPF programs compare: see bpf/filter.h. 0 or negative errno. */
#ifndef PATTERN_H
#define PATTERN_H

#include "../bpf/filter.h"

/* A share's name: 1 to PATTERN_MAX bytes of UTF-8. -EINVAL: it is none. */
int pattern_name(const char *text, struct pattern *ret);

/*
 * A path in a share: separators of either kind, one in front or not, those at
 * the end do not matter. -EINVAL: not UTF-8, too long, or the whole share.
 */
int pattern_path(const char *text, struct pattern *ret);

#endif

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says which share a guest asked for when it could not map it. */
#ifndef SHARE_WATCH_H
#define SHARE_WATCH_H

#include "device.h"

/*
 * If the call is a mapping of a share that failed: a line of text about it, to
 * free(). "shares" is what there is, for the text. Otherwise NULL.
 */
char *share_watch(const struct vmmdev_call *call, const char *shares);

#endif

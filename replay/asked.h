/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes that were asked for and not given, although the call succeeded. */
#ifndef REPLAY_ASKED_H
#define REPLAY_ASKED_H

#include "replay_call.h"

/*
 * Whether a call that sets attributes got them. False: *finding says what was
 * asked for (expected) and what came back (got).
 */
bool asked_is_given(const struct replay_call *call, struct replay_finding *finding);

#endif

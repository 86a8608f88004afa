/* SPDX-License-Identifier: MIT */
/*
 * VBox status codes: negative is failure, 0 success, positive information.
 */
#ifndef VBOX_STATUS_H
#define VBOX_STATUS_H

enum vbox_status {
#define VBOX_STATUS(name, value) name = value,
#include "vbox_status.def"
};

#define VBOX_SUCCESS(status) ((status) >= 0)
#define VBOX_FAILURE(status) ((status) < 0)

#endif

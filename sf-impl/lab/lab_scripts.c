/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Embeds the guest's scripts; the build says in LAB_SCRIPT_DIR where they are. */
#include "lab_scripts.h"

/* clang-format off */
#define EMBED(symbol, file)                              \
	__asm__(".section .rodata\n"                     \
		".global " #symbol ", " #symbol "_end\n" \
		#symbol ":\n"                            \
		".incbin \"" LAB_SCRIPT_DIR file "\"\n"  \
		#symbol "_end:\n"                        \
		".byte 0\n"                              \
		".previous\n")
/* clang-format on */

EMBED(lab_script_init, "guest-init.sh");
EMBED(lab_script_session, "guest-session.sh");
EMBED(lab_script_run, "guest-run.sh");

# SPDX-License-Identifier: GPL-2.0-or-later
# cmake -DINPUT=FILE -DNAME=IDENTIFIER -DOUTPUT=FILE.c -P embed.cmake: a file as a C string.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT} "const char ${NAME}[] = {${bytes}0};\n")

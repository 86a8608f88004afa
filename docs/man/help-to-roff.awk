# SPDX-License-Identifier: GPL-2.0-or-later
# Turns what --help prints into a manual page: "Usage:" lines, text, a table of options (two spaces,
# the option, two spaces or more, what it does), "Examples:" and "Exit status:".
# Variables: name, what, version, also (other pages).

function roff(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	if (text ~ /^[.']/)
		text = "\\&" text
	return text
}

function section(title) {
	if (literal)
		print ".fi"
	literal = 0
	if (title != current)
		print ".SH " title
	current = title
	in_item = 0
}

function verbatim(text) {
	if (!literal)
		print ".nf"
	literal = 1
	print roff(text)
}

# "  -x, --long WORD   what it does", or the same of a verb.
function item(line,    at, term) {
	sub(/^ +/, "", line)
	at = match(line, /  +/)
	term = at ? substr(line, 1, at - 1) : line
	print ".TP"
	print "\\fB" roff(term) "\\fR"
	if (at)
		print roff(substr(line, at + RLENGTH))
	in_item = 1
}

BEGIN {
	printf ".TH \"%s\" 1 \"\" \"sftrace %s\" \"User Commands\"\n", toupper(roff(name)), version
	section("NAME")
	print roff(name) " \\- " roff(what)
}

/^[Uu]sage:/ {
	section("SYNOPSIS")
	sub(/^[Uu]sage: */, "")
	verbatim($0)
	in_usage = 1
	next
}
in_usage && /^  +/ {
	sub(/^ +/, "    ")
	verbatim($0)
	next
}
in_usage { in_usage = 0; section("DESCRIPTION") }

/^[Ee]xamples?:/ {
	section("EXAMPLES")
	sub(/^[Ee]xamples?: */, "")
	if ($0 != "")
		verbatim($0)
	in_examples = 1
	next
}
/^[Ee]xit status:/ {
	in_examples = 0
	section("EXIT STATUS")
	sub(/^[Ee]xit status: */, "")
}
in_examples { verbatim($0); next }
/^Verbs:/ { section("VERBS"); next }
/^$/ { print ".PP"; in_item = 0; next }
/^  -/ {
	if (current == "DESCRIPTION")
		section("OPTIONS")
	item($0)
	next
}
current == "VERBS" && /^  [a-z]/ { item($0); next }
/^  / && in_item { sub(/^ +/, ""); print roff($0); next }
/^  / { verbatim($0); next }
{
	if (in_item)
		print ".PP"
	in_item = 0
	if (literal)
		print ".fi"
	literal = 0
	print roff($0)
}

END {
	section("SEE ALSO")
	n = split(also, others, " ")
	for (i = 1; i <= n; i++)
		if (others[i] != name)
			list = list (list ? ", " : "") "\\fB" roff(others[i]) "\\fR(1)"
	print list
}

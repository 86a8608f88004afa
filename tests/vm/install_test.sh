#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What "cmake --install" puts somewhere works there: programs, manual pages, completion.
set -euo pipefail
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
command -v cmake >/dev/null || skip "there is no cmake"
cmake --install "$BUILD_DIR" --prefix "$scratch/usr" >"$scratch/log" || fail "$(cat "$scratch/log")"
usr=$scratch/usr
cd "$scratch"

verbs() {
	"$usr/bin/sftrace" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

echo "== programs"
cat >calls.txt <<'END'
ADD_MAPPING(path="/work", name="work", flags=SHFL_ADD_MAPPING_F_WRITABLE, mount_point="")
connect(client=1, requestor=0x2)
SET_UTF8()
MAP_FOLDER(name="work", delimiter='/', case_sensitive=1) = VINF_SUCCESS root=0
END
"$usr/bin/sftrace" synth -o t.db calls.txt
"$usr/bin/sftrace" replay t.db >out || fail "the installed replay: $(cat out)"
grep -q 'replayed 2 calls' out || fail "the installed service did not replay: $(cat out)"
echo "ok: the installed program finds the installed service"

# Words that are options, each once.
options() {
	grep -oE -- '(^|[^[:alnum:]-])--?[[:alpha:]][-[:alnum:]]*' | grep -oE -- '--?[[:alpha:]].*' |
		sort -u
}

echo "== manual pages"
check_page() { # NAME COMMAND...
	local page=$usr/share/man/man1/$1.1
	shift
	[ -s "$page" ] || fail "there is no manual page $page"
	"$@" --help >help.txt
	grep -q "^.SH NAME" "$page" || fail "$page has no name"
	options <help.txt >in_help
	sed '/^.SH SEE ALSO/,$d; /^.SH NAME/,/^.SH SYNOPSIS/d; /^.TH/d; s/\\f[BR]//g; s/\\-/-/g' \
		"$page" | options >in_page
	cmp -s in_help in_page || fail "$page and --help: $(diff in_help in_page)"
	n_options=$((n_options + $(wc -l <in_help)))
	! command -v groff >/dev/null || {
		groff -man -ww -z "$page" 2>warnings || fail "groff cannot read $page"
		[ ! -s warnings ] || fail "$(cat warnings)"
	}
}
n_options=0 n_pages=3
check_page sftrace "$usr/bin/sftrace"
check_page sf-host "$usr/bin/sf-host"
check_page sf-lab "$usr/bin/sf-lab"
for verb in $(verbs); do
	check_page "sftrace-$verb" "$usr/bin/sftrace" "$verb"
	n_pages=$((n_pages + 1))
done
[ "$(find "$usr/share/man" -name '*.1' | wc -l)" = "$n_pages" ] || fail "pages of nothing"
[ "$n_options" -gt 60 ] || fail "only $n_options options in $n_pages pages"
echo "ok: $n_pages pages, $n_options options in them and in --help"

echo "== completion"
complete_words() { # WORD...: what the last one becomes
	PATH=$usr/bin:$PATH bash -c '
		. "$1"
		shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_sftrace
		printf "%s\n" "${COMPREPLY[@]}"
	' bash "$usr/share/bash-completion/completions/sftrace" "$@"
}
expect_words() { # EXPECTED WORD...
	local expected=$1 got
	shift
	got=$(complete_words "$@" | sort -u | tr '\n' ' ')
	[ "$got" = "$expected " ] || fail "completion of '$*': $got, not $expected"
	echo "ok: '$*' becomes $expected"
}
expect_words "record redact reduce replay report" sftrace re
expect_words "--snaplen" sftrace record --sn
expect_words "--failed --full" sftrace print --f
expect_words "--memory" sf-lab --mem
expect_words "--service --share --symlinks" sf-host --s
expect_words "calls.txt" sftrace print call
for program in sf-host sf-lab; do
	[ -s "$usr/share/bash-completion/completions/$program" ] || fail "no completion of $program"
done
pass

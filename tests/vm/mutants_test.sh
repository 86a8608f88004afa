#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How many small mistakes in the service does the regression collection catch by itself? Mutants of
# its sources are made from a seed, built with the commands that built the original, and replayed
# against. Left out: what does not compile, and what compiles to the same code.
#
#   SFTRACE_MUTANTS  how many (20; 200 with SFTRACE_SOAK)
#   SFTRACE_SEED     which (1)
#
# A mutant that survives is named, with the reason if tests/mutate/unseen knows why no guest can
# see it. Where the collection stands is in tests/regress/README.md; the test fails when it catches
# less than that.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/vm/lib.sh

wanted=${SFTRACE_MUTANTS:-${SFTRACE_SOAK:+200}}
wanted=${wanted:-20}
seed=${SFTRACE_SEED:-1}
floor=45 # twenty are too few to be sure of more
[ "$wanted" -lt 100 ] || floor=60
sources=sf-impl/host/service
collection=tests/regress
unseen=tests/mutate/unseen

# Those that catch four mutants of five; the rest has to be replayed only where they see nothing.
first=("$collection"/{leaks,io,utf16,names-away}.db)
rest=()
for trace in "$collection"/*.db; do
	[[ " ${first[*]} " == *" $trace "* ]] || rest+=("$trace")
done

# The commands that compile each source and link the service, as the build has them.
commands=$(ninja -C "$BUILD_DIR" -t commands lib/sfservice.so)

# run_build COMMAND: in the build directory, as the build would.
run_build() {
	(cd "$BUILD_DIR" && eval "$1") 2>"$scratch/compiler"
}

# compile SOURCE INPUT OBJECT: as SOURCE is compiled, but from INPUT, with types refused that any
# build would refuse, without what tells where the source lies, and with a value in each variable
# that is set by nobody: it would depend on what was there before whether that is seen.
compile() {
	local command
	command=$(grep -E -- "-c $PWD/$1( |\$)" <<<"$commands") || fail "no command compiles $1"
	command=$(sed -E "s| -MD | |; s| -M[TF] [^ ]+||g; s| -o [^ ]+| -o $3|
		s| -c $PWD/$1| -c $2 -iquote $PWD/$sources|" <<<"$command")
	run_build "$command -g0 -ftrivial-auto-var-init=pattern -Wno-error -Wno-everything \
		-Werror=int-conversion -Werror=incompatible-pointer-types"
}

# same_code OBJECT OBJECT
same_code() {
	local object
	for object; do
		objdump -drs "$object" | tail -n +4 | md5sum
	done | uniq | wc -l | grep -qx 1
}

# link_with SOURCE OBJECT SERVICE: the service as it is, but for one source's object.
link_with() {
	local command object
	object=$(grep -E -- "-c $PWD/$1( |\$)" <<<"$commands" | grep -oE -- '-o [^ ]+' | cut -c4-)
	command=$(tail -1 <<<"$commands" | sed "s| $object | $2 |; s| -o [^ ]*| -o $3|")
	run_build "$command" || fail "cannot link: $(cat "$scratch/compiler")"
}

# diverges SERVICE TRACE...: does one of them diverge, or the replay crash or hang?
diverges() {
	! timeout 300 "$bin/sftrace" test --timeout 20 --service "$@" >"$scratch/verdict" 2>&1
}

caught() {
	diverges "$1" "${first[@]}" || diverges "$1" "${rest[@]}"
}

# reason SOURCE LINE CHANGE: why nobody can see it; fails if that is not known. A line of the file:
# source, pattern of "LINE'S TEXT | CHANGE | in FUNCTION", reason, with tabs between them.
reason() {
	local text function file pattern why
	function=$(head -n "$2" "$1" | grep -oE '^[A-Za-z].*[A-Za-z_0-9]+\(' | tail -1 |
		grep -oE '[A-Za-z_0-9]+\(' | head -1)
	text="$(sed -n "$2s/^[[:space:]]*//p" "$1") | $3 | in ${function%(}"
	while IFS=$'\t' read -r file pattern why; do
		[ "$file" = "*" ] || [ "$file" = "${1##*/}" ] || continue
		if grep -qE -- "$pattern" <<<"$text"; then
			echo "$why"
			return
		fi
	done < <(grep -v '^#' "$unseen")
	return 1
}

"$bin/sftrace" test "$collection" >"$scratch/verdict" 2>&1 ||
	fail "the collection diverges on the service itself: $(grep '^not ok' "$scratch/verdict")"

mkdir "$scratch/mutants"
"$bin/mutate" "$seed" $((wanted * 4)) "$scratch/mutants" $sources/*.c >"$scratch/list"
tried=0 dead=0 explained=0
while [ $tried -lt "$wanted" ] && read -r number source line change; do
	original=$scratch/$(basename "$source").o
	mutant=$scratch/mutant.o
	[ -f "$original" ] || compile "$source" "$PWD/$source" "$original" ||
		fail "cannot compile $source: $(cat "$scratch/compiler")"
	compile "$source" "$scratch/mutants/$number.c" "$mutant" || continue
	! same_code "$original" "$mutant" || continue
	link_with "$source" "$mutant" "$scratch/sfservice.so"
	tried=$((tried + 1))
	if caught "$scratch/sfservice.so"; then
		dead=$((dead + 1))
	elif why=$(reason "$source" "$line" "$change"); then
		explained=$((explained + 1))
		echo "unseen: $source:$line $change: $why"
	else
		echo "survived: $source:$line $change"
	fi
done <"$scratch/list"

echo "mutants of seed $seed: $dead of $tried caught, $explained that nobody can see"
[ "$tried" -eq "$wanted" ] || fail "only $tried mutants could be built"
[ $((dead * 100)) -ge $((tried * floor)) ] || fail "less than $floor of 100 are caught"
pass

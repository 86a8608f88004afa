#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuzz_test.sh build | NAME: builds the fuzz targets in a build directory of their own, beside
# others in $BUILD_DIR; runs one of them for 30 s (20 minutes with SFTRACE_SOAK), from the corpus
# and, for the service, the conformance rows. What it finds is left in $BUILD_DIR/fuzz/found.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
dir=${BUILD_DIR:?}/fuzz
name=$1

if [ "$name" = build ]; then
	echo 'int LLVMFuzzerTestOneInput(void);int LLVMFuzzerTestOneInput(void){return 0;}' |
		clang -x c -fsanitize=fuzzer -o /dev/null - 2>/dev/null || {
		echo "SKIP: no clang with libFuzzer"
		exit 77
	}
	cmake -S "$source" -B "$dir" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
		-DCMAKE_C_COMPILER=clang -DCMAKE_C_FLAGS=-fsanitize=fuzzer-no-link \
		-DSF_SANITIZE=ON -DSF_FUZZ=ON >"$BUILD_DIR/fuzz.log"
	ninja -C "$dir" fuzz_service fuzz_vmmdev fuzz_qemu
	exit
fi

[ -x "$dir/bin/fuzz_$name" ] || {
	echo "SKIP: the fuzz targets were not built"
	exit 77
}
corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
seconds=30
[ -z "${SFTRACE_SOAK:-}" ] || seconds=1200
mkdir -p "$dir/found" "$corpus/new" "$corpus/rows"
if [ "$name" = service ]; then
	SF_FUZZ_SEEDS=$corpus/rows "$BUILD_DIR/tests/test_service_conformance" --jobs=1 >&2
	[ -s "$corpus/rows/rows-0" ] || {
		echo "FAIL: no seeds from the conformance rows"
		exit 1
	}
fi
"$dir/bin/fuzz_$name" -max_total_time=$seconds -print_final_stats=1 -artifact_prefix="$dir/found/$name-" \
	"$corpus/new" "$source/tests/fuzz/corpus/$name" "$corpus/rows" >"$dir/$name.log" 2>&1 || {
	tail -60 "$dir/$name.log"
	exit 1
}
grep -E 'number_of_executed_units|new_units_added|DONE' "$dir/$name.log"

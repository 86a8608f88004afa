#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A host that writes less than it is asked to, or nothing: no data are taken for written, and no
# loop is without an end.
set -euo pipefail
# shellcheck source=guest_lib.sh
. "$(dirname "$0")/guest_lib.sh"

export SF_TEST_REAL_SERVICE=$BUILD_DIR/lib/sfservice.so
service=$BUILD_DIR/lib/test-services/short_service.so
[ -e "$service" ] || skip "there is no $service"
compile sf_short

cat >"$shared/guest.sh" <<'GUEST'
set -eu
shared=$1
cd /run # where no name is a share's: mount takes those for paths
mkdir /mnt/other
for cache in strict none writeback; do
	mount -i -t sf -o "cache=$cache" work /mnt/other
	[ $cache != writeback ] || export SF_WRITEBACK=1
	"$shared/sf_short" /mnt/other /mnt/twin
	umount /mnt/other
done
GUEST

in_guest --service "$service" -- sh "$shared/guest.sh" "$shared"
pass

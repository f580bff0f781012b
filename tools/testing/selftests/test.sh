# SPDX-License-Identifier: GPL-2.0-only
# Sourced by tests that are shell scripts, which run in their own directory: $here is
# tools/testing/vm, $top and $cache are as its common.sh has them, and results are TAP.
# shellcheck shell=sh
here=$(cd ../../vm && pwd)
. "$here/common.sh"
. ../../tap.sh
echo "TAP version 13"

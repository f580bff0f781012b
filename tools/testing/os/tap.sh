# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the steps, in the systems and outside.
# shellcheck shell=sh

# result NAME COMMAND [ARG...]: one test that passes if the command does; if it
# does not, what it printed is shown
result() {
	name=$1; shift
	if output=$("$@" 2>&1); then
		echo "ok - $name"
	else
		echo "$output" | sed 's/^/# /'
		echo "not ok - $name"
	fi
}

# equal GOT WANTED
equal() {
	[ "$1" = "$2" ] || { echo "got '$1', not '$2'"; return 1; }
}

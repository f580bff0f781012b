# SPDX-License-Identifier: GPL-2.0-only
# Sourced by tests that are shell scripts: results in TAP.  $tmp is a directory for
# files of the test; where the test has none, one that goes when the test ends.
# shellcheck shell=sh
if [ ! "${tmp:-}" ]; then
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
fi
n=0 failed=0

# check NAME COMMAND...: passes if COMMAND does; its output explains a failure
check() {
	tap_name=$1; shift
	n=$((n + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok $n $tap_name"
	else
		failed=1
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n $tap_name"
	fi
}

# same GOT WANTED
same() {
	[ "$1" = "$2" ] || { echo "is: $1"; echo "should be: $2"; return 1; }
}

# finish: after the last test
finish() {
	echo "1..$n"
	exit $failed
}

# number N: number the results of several tests anew after N others; line by line as
# they come, which awk would not do
number() {
	n=$1
	while IFS= read -r line; do
		case $line in
		"ok "* | "not ok "*)
			n=$((n + 1)) tap_name=${line#*ok }
			tap_name=${tap_name#* } # neither number nor dash
			line="${line%%ok *}ok $n - ${tap_name#- }"
			;;
		esac
		printf '%s\n' "$line"
	done
}

#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Each shell command of the documents is run by a test, or has a reason not to be, by
# the list `commands'.  Runs the commands that the list leaves to this test.  Prints
# TAP.
set -eu
. ../test.sh
list=$here/../selftests/package/commands
cd "$top"

# blocks FILE: print the lines of its fenced blocks of shell commands; of blocks that
# show a terminal, the lines typed
blocks() {
	awk '/^ *```/ { kind = kind ? "" : substr($0, index($0, "`") + 3); next }
		kind == "sh" { sub(/^ */, ""); print }
		kind == "console" && sub(/^ *# /, "")' "$1"
}

# documented: print the commands, each on one line, without comments
documented() {
	for f in ./*.md Documentation/*.md; do
		blocks "$f"
	done | sed -E ':a; /\\$/ { N; s/ *\\\n */ /; ba }; s/(^|  +)#.*//; /^$/d' |
		sort -u
}

# entries: print COMMAND, a tab, and the test that runs it
entries() {
	awk -F '\t' '/^#/ || /^$/ { next }
		/^\t/ { print command "\t" $2; next } { command = $0 }' "$list"
}

# unproved: print entries whose file does not have the text
unproved() {
	while IFS="$tab" read -r command what; do
		case $what in here | vm | "not run: "?*) continue ;; esac
		sed 's/^[[:space:]]*#.*//' "${what%%: *}" | grep -qF -e "${what#*: }" ||
			echo "$command: not in $what"
	done <"$tmp/entries"
}

# unfenced FILE...: print indented text that begins as a command does
unfenced() {
	cut -d ' ' -f 1 "$tmp/documented" | sort -u | grep -vx echo >"$tmp/words"
	for f in ./*.md Documentation/*.md; do
		awk -v file="$f" 'FNR == NR { word[$1]; next } /^ *```/ { fence = !fence; next }
			!fence && /^    / && $1 in word { print file ": " $0 }' \
			"$tmp/words" "$f"
	done
}

# targets: print the targets that documents have in `make ...`
targets() {
	cat ./*.md Documentation/*.md | tr '\n' ' ' |
		grep -oE '`make +[^`]*`' | tr -d '`' | tr -s ' ' '\n' |
		grep -xE '[a-z][-a-z]*' | grep -vx make | sort -u
}

tab=$(printf '\t')
documented >"$tmp/documented"
entries >"$tmp/entries"
cut -f 1 "$tmp/entries" | sort >"$tmp/listed"
check "the documents have commands" [ -s "$tmp/documented" ]
check "each command is in the list, and each of the list in a document" \
	diff "$tmp/documented" "$tmp/listed"
check "each has one entry" same "$(uniq -d "$tmp/listed")" ''
check "tests have what the list says that they run" same "$(unproved)" ''
check "no command stands outside of a fence" same "$(unfenced)" ''
targets >"$tmp/targets"
check "the documents name targets of make" [ -s "$tmp/targets" ]
check "each is one" same "$(sed -nE 's/^([-a-z]+):.*/\1/p' Makefile |
	grep -vxFf - "$tmp/targets")" ''
grep "${tab}here$" "$tmp/entries" | cut -f 1 >"$tmp/here"
while read -r command; do
	check "runs: $command" sh -c "$command" </dev/null
done <"$tmp/here"
finish

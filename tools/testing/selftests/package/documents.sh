#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The documents quote the modules correctly: lines of the kernel log, parameters.  And
# each link has a target.  Prints TAP.
set -eu
. ../test.sh
cd "$top"
docs=Documentation
iommufd=drivers/iommu/iommufd vfio=drivers/vfio

# sources DIRECTORY: print the sources of a module
sources() { find "$@" -name '*.c' ! -name '*.mod.c' -exec cat {} +; }

# regexes: turn lines of text, in which @ is a value, into regular expressions
regexes() { sed 's/[][().*+?^${}|\\]/\\&/g; s/@/.+/g'; }

# formats: print all lines that modules can write to the kernel log, without prefix
formats() {
	sources $iommufd $vfio | tr '\n\t' '  ' | grep -oE \
		'(pr|dev|pci)_(err|warn|notice|info)(_once|_ratelimited)?\([^"]*"([^"\\]|\\.)*"' |
		sed -E 's/^[^"]*"//; s/"$//; s/\\n$//; s/\\"/"/g
			s/%[#0-9]*l*(pR|[a-z])/@/g' | regexes |
		sed 's/.*/(vfio-pci [0-9a-f:.]+: |vfio_pci: )?&/'
}

# quoted: print lines of the kernel log that are quoted as ours
quoted() {
	# shellcheck disable=SC2016 # backquotes of Markdown
	tr '\n' ' ' <$docs/troubleshooting.md | sed 's/\*kernel\* `[^`]*`//g' |
		grep -oE '`(vfio-pci [0-9a-f:.]+|vfio_pci|iommufd): [^`]*`' | tr -d '`'
}

# said: print all messages of scripts; "say" of some puts a word before them
said() {
	# shellcheck disable=SC2016 # variables of those scripts
	for f in dkms.conf tools/dkms/* tools/system/*; do
		before=$(sed -nE 's/^say\(\) \{ echo "(<3>)?(.*)\$\*".*/\2/p' "$f")
		grep -oE '(say|echo) "([^"\]|\\.)*"' "$f" |
			sed -E 's/^say "/'"$before"'/; s/^echo "//; s/"$//
				s/\$(\{[^}]*\}|[a-z]+)/@/g'
	done | grep '^iommufd: ' | regexes
}

# all_match LINES REGEXES: does each line match one?
all_match() {
	[ -s "$1" ] || { echo "there is no line"; return 1; }
	! grep -vxEf "$2" "$1"
}

# all_quoted: is each possible line quoted?
all_quoted() {
	rc=0
	while read -r format; do
		grep -qxE -e "$format" "$tmp/quoted" || { echo "$format"; rc=1; }
	done <"$tmp/formats"
	return $rc
}

formats >"$tmp/formats"
said >"$tmp/said"
cat "$tmp/formats" "$tmp/said" >"$tmp/both"
quoted >"$tmp/quoted"
check "lines of the log in troubleshooting.md are those of the modules" \
	all_match "$tmp/quoted" "$tmp/both"
check "troubleshooting.md has all lines of the log" all_quoted

sed -n 's/^    \(iommufd: .*\)/\1/p' $docs/install.md >"$tmp/quoted"
check "lines in install.md are those of the scripts" all_match "$tmp/quoted" "$tmp/said"

# parameters MODULE DIRECTORY: print rows of a table, by the sources
parameters() {
	sources "$2" >"$tmp/source"
	sed -nE 's/^module_param(_string)?\(([a-z0-9_]+), .*, ([0-9]+)\);/\2 \3/p' \
		"$tmp/source" | while read -r name mode; do
		default=$(sed -nE "s/^static (bool|char|unsigned int) $name(\[.*\])?( __initdata)?( = (.*))?;/\1 \5/p" \
			"$tmp/source")
		case $default in
		'bool ' | 'bool false') default='N ' ;;
		'bool true') default='Y ' ;;
		char*) default= ;;
		*) default="${default##* } " ;;
		esac
		case $mode in *6*) when="at any time" ;; *) when="when loaded" ;; esac
		echo "| \`$1\` | \`$name\` | $default| $when |"
	done
}

for m in "iommufd $iommufd" "vfio-pci $vfio"; do
	module=${m% *} dir=${m#* }
	grep -oE "^[|] \`$module\` [|] \`[^|]*[|][^|]*[|][^|]*[|]" $docs/install.md |
		sort >"$tmp/table"
	check "$module: names, defaults and times in install.md are those of the sources" \
		same "$(cat "$tmp/table")" "$(parameters "$module" "$dir" | sort)"
	check "$module.ko has these parameters" \
		same "$(cut -d '`' -f 4 "$tmp/table")" \
		"$(modinfo -p "./$dir/$module.ko" | sed 's/:.*//' | sort)"
done

# anchors FILE: print the anchors of its headings
anchors() {
	sed -n 's/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}

# dead_links: print links that lead to no file or heading
dead_links() {
	for f in ./*.md "$docs"/*.md; do
		grep -oE '\]\([^):]*\)' "$f" | tr -d '])(' | while read -r link; do
			to=${link%%#*} anchor=${link#"${link%%#*}"}
			to=${to:+$(dirname "$f")/$to}
			[ -e "${to:-$f}" ] && { [ ! "$anchor" ] ||
				anchors "${to:-$f}" | grep -qx -e "${anchor#?}"; } ||
				echo "$f: $link"
		done
	done
}
check "all links in documents lead somewhere" same "$(dead_links)" ''

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
check "the newest version in CHANGELOG.md is that of dkms.conf" same \
	"$(sed -n 's/^## \([0-9.]*\),.*/\1/p' CHANGELOG.md | head -n 1)" "$version"
check "index.md names all documents" same \
	"$(for f in "$docs"/*.md; do grep -qF "(${f##*/})" $docs/index.md || echo "$f"; done)" \
	"$docs/index.md"

# unlisted: print files of the drivers that index.md lacks
unlisted() {
	find drivers/iommu/iommufd $vfio -name '*.c' ! -name '*.mod.c' -printf '%f\n' |
		while read -r f; do
			grep -qwF -e "$f" $docs/index.md || echo "$f"
		done
}
# listed: print files in the list of index.md
listed() {
	sed -n '/^## Where to find what/,$p' $docs/index.md | grep -oE '[a-z_]+\.[ch]\b' | sort -u
}
check "index.md says where each file of the drivers is" same "$(unlisted)" ''
check "each file that it names is there" same "$(listed | while read -r f; do
	find drivers include tools -name "$f" | grep -q . || echo "$f"; done)" ''
finish

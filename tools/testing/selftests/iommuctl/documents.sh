#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The document of iommuctl has all that the program has: commands, options, causes, keys
# of JSON.  Its man page can be made, and bash completes commands, options and devices.
# Prints TAP.
# shellcheck disable=SC2016,SC2317 # backquotes of Markdown; what "check" calls
set -eu
. ./tree.sh
good
doc=$top/Documentation/iommuctl.md src=$top/tools/iommuctl

# section TITLE: print this section of the document
section() { sed -n "/^## $1\$/,/^## /p" "$doc"; }
# items: print the first words of a list's items
items() { sed -n 's/^- //p' | sed 's/: .*//' | tr -d '`' | tr ',' '\n' | sed 's/^ *//; s/ .*//'; }
# found FILE...: print the causes that the sources name
found() {
	cat "$@" | tr '\n\t' '  ' | grep -oE 'found(_note)?\(findings, "[a-z]+"' |
		cut -d '"' -f 2 | sort -u
}

check "causes of the system" same \
	"$(section "iommuctl check" | sed -n '/of all devices/,/of one device/p' | items | sort)" \
	"$(found "$src/check_system.c")"
check "causes of a device" same \
	"$(section "iommuctl check" | sed -n '/of one device/,$p' | items | sort)" \
	"$(found "$src/check_device.c")"
check "options" same "$(section Options | items | sort)" \
	"$("$iommuctl" --help | sed -n 's/^  -\(.\), --\([a-z]*\).*/-\1\n--\2/p' | sort)"
check "the synopsis is that of --help" same \
	"$(section Synopsis | grep '^iommuctl ' | grep -v -e --help)" \
	"$("$iommuctl" --help | sed -n '1,/^$/s/^\(Usage:\|      \) iommuctl/iommuctl/p')"
check "exit codes" same "$(section "Exit codes" | items | xargs)" "0 1 2 3"

# In the document, keys are words in backquotes
process 400 qemu-system-x86 5000
opened 400 7 dev/vfio/devices/vfio0 vfio-device 0000:00:04.0 vfio-iommufd-device 3
opened 400 8 dev/iommu iommufd-objects 1 iommufd-ioas-1-mappings 1 iommufd-device-3 0000:00:04.0
rm "$tree/sys/module/vfio_pci/version"
for command in list check "top -n 1"; do
	# shellcheck disable=SC2086 # a list of words
	"$iommuctl" --json $command >>"$tmp/json" || true
done
check "keys of JSON" same \
	"$(grep -oE '"[a-z_]+" ?:' "$tmp/json" | tr -d '": ' | sort -u)" \
	"$(section JSON | grep -oE '`[a-z_]+`' | tr -d '`' | sort -u | grep -vxE \
		'list|check|top|null|open|bound|attached|kcmp')"

# Sphinx writes below man/, of which the tree may have one of another user
cp -r "$src" "$tmp/iommuctl"
make_man() {
	cd "$tmp/iommuctl" && rm -rf man && make -s man "top=$top" &&
		man --warnings -l man/iommuctl.8 2>&1 >man/text | same "$(cat)" ''
}
sed -i "s,^TOP = .*,TOP = Path(\"$top\")," "$tmp/iommuctl/conf.py"
check "the man page is made without a warning" make_man
check "it has the name, the section and the version" same \
	"$(grep '^\.TH' "$tmp/iommuctl/man/iommuctl.8" | cut -d '"' -f 2,4,8 | tr '"' ' ')" \
	"IOMMUCTL 8 $(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")"

# completes WANTED WORD...: bash offers WANTED for the last word, split as readline does
cat >"$tmp/complete" <<'EOF'
source /usr/share/bash-completion/bash_completion
source "$1"
shift
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
COMP_LINE=$* COMP_POINT=${#COMP_LINE} COMP_WORDS=() COMP_CWORD=-1
for word; do
	[[ $word != ?*:* ]] || word=${word//:/ : }
	for part in ${word:-''}; do COMP_WORDS+=("${part#\'\'}"); done
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
done
_iommuctl
echo "${COMPREPLY[@]}"
EOF
completes() {
	wanted=$1; shift
	check "completes $*: $wanted" same \
		"$(bash --norc "$tmp/complete" "$src/iommuctl.bash" "$@" 2>&1)" "$wanted"
}
completes "list check top --json --help --version" iommuctl ''
completes "check" iommuctl c
completes "--json" iommuctl list ''
completes "--json --delay --count" iommuctl top -
completes "--json --memory" iommuctl --json check --
completes "0000:00:04.0 0000:00:05.0" iommuctl check ''
completes "04.0 05.0" iommuctl check 0000:00:0
completes "05.0" iommuctl check 0000:00:04.0 0000:00:05
completes "" iommuctl top --delay ''
finish

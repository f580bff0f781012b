# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts beside it and those above.  $here is this directory.
# shellcheck disable=SC2034 # what is set here is used there
top=$(cd "$here/../../.." && pwd)
cache=${IOMMUFD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/iommufd}

say() { echo "$*" >&2; }
die() { say "$0: $*"; exit 1; }

# enter_toolbox ARG...: run this script in the toolbox, unless it runs there already
enter_toolbox() {
	[ "${IOMMUFD_TOOLBOX:-}" ] ||
		exec "$top/tools/testing/toolbox" -- "$(realpath "$0")" "$@"
}

# builder COMMAND...: run it in the toolbox with the compiler of the kernel
builder() { "$top/tools/testing/toolbox" -s "$box" -- "$@"; }

# kernel_line NAME: set series, flavour, suite and factor (how many times as much time
# tests need with it) from the table of kernels, and from these arch and box, the toolbox
# with its compiler.  Other kernels can be named by SUITE/SERIES/FLAVOUR.
kernel_line() {
	line=$(awk -v k="$1" '$1 == k { $1 = ""; print }' "$here/kernels")
	case $line$1 in
	*/*/*) line=$(echo "$1" | awk -F / '{ print $2, $3, $1, 1 }') ;;
	"$1") die "no kernel '$1' in $here/kernels" ;;
	esac
	read -r series flavour suite factor <<-EOF
	$line
	EOF
	kdir=$cache/$1 arch=amd64 box=${suite%%-*}
	case $flavour in *arm64*) arch=arm64 box=$box-arm64 ;; esac
}

# copy_modules ROOT MODULE...: copy modules of the kernel in $kdir, whose release is
# $rel, with those that they depend on, into a guest's file system; uncompressed.
# Modules that the kernel lacks are left out.
copy_modules() {
	root=$1; shift
	mkdir -p "$root/lib/modules/$rel"
	for m; do
		modprobe -d "$kdir" -S "$rel" -q --show-depends "$m" || true
	done | sed -n 's/^insmod \(.*\.ko[.a-z]*\).*/\1/p' | sort -u |
		while read -r m; do
			to=$root/lib/${m#"$kdir"/lib/}
			install -D -m 644 "$m" "$to"
			[ "$to" = "${to%.xz}" ] || xz -d "$to"
		done
	cp "$kdir/lib/modules/$rel"/modules.builtin* "$root/lib/modules/$rel"
	: >"$root/lib/modules/$rel/modules.order"
}

# mirrors: set mirror and security to those from which this system's apt takes Debian's
# packages.  Its sources may name suites of other makers too.  apt knows nothing of
# sources before their first update.
mirrors() {
	mirror=${IOMMUFD_MIRROR:-$(mirror_of '')}
	if [ -z "$mirror" ]; then
		say "Updating the package lists"
		apt-get update -qq >&2 || true
		mirror=$(mirror_of '')
	fi
	security=${IOMMUFD_SECURITY_MIRROR:-$(mirror_of -security)}
	[ "$mirror" ] ||
		die "apt has no mirror of Debian: set IOMMUFD_MIRROR to the address of one"
}

# mirror_of SUFFIX: print the mirror of the suites with that suffix
mirror_of() {
	suites='\(bookworm\|trixie\|forky\|sid\|oldstable\|stable\|testing\|unstable\)'
	# shellcheck disable=SC2016 # variables of apt
	apt-get indextargets 'Created-By: Packages' 'Component: main' \
		--format '$(RELEASE) $(REPO_URI)' |
		sed -n "s/^$suites$1 \([^ ]*\).*/\2/p" | head -n 1
}

# sources SUITE...: print lines of sources.list, after mirrors; not all suites have
# updates for security
sources() {
	for s; do
		echo "deb $mirror $s main"
		case $s in
		bookworm | trixie)
			[ -z "$security" ] || echo "deb $security $s-security main"
			;;
		esac
	done
}

# discard DIRECTORY: remove a root file system; a killed mmdebstrap leaves mounts in it
discard() {
	sed -n "s,^[^/]* [^ ]* \($1/[^ ]*\) .*,\1,p" /proc/self/mountinfo 2>/dev/null |
		sort -r | while read -r at; do umount -l "$at"; done
	rm -rf --one-file-system "$1"
}

# new_root: remove the root file system $root, and set $new to a directory for its
# successor, which no other attempt uses.  A mmdebstrap that outlived an attempt which was
# killed may still write to its own; that is removed here next time.
new_root() {
	discard "$root"
	for d in "$root".new*; do discard "$d" || true; done
	new=$(mktemp -d "$root.new.XXXXXX")
	chmod 755 "$new"
}

# Each alternative is how a line in a kernel's log complains about a bug
complaints='BUG:|BUG [-a-z0-9_]+ \(|WARNING:|Oops|Kernel panic|Call Trace|general protection fault'
complaints="$complaints|unable to handle|KASAN|UBSAN|kmemleak: [0-9]+ new"
complaints="$complaints|possible (recursive|circular) locking|INFO: (task|rcu|trying)"
complaints="$complaints|self-detected stall|soft lockup|hung_task|refcount_t:"
complaints="$complaints|DMA PTE for vPFN|Bad page state|scheduling while atomic"
complaints="$complaints|leak detector disabled|ODEBUG|correctness validator"
complaints="$complaints|Slab cache still has objects|sysfs: cannot create duplicate"

# complaints_in LOG: print the complaints, with the lines after each; fails if there is
# none.  One warning is left out: an emulated CPU lacks the microcode that it asks for.
complaints_in() {
	grep -v 'Speculative Return Stack Overflow: WARNING' "$1" |
		grep -E -A 25 "$complaints" | head -n 100 | grep .
}

# SPDX-License-Identifier: GPL-2.0-only
# bash completion for iommuctl(8)
# shellcheck shell=bash disable=SC2034,SC2154 # variables of bash-completion

_iommuctl()
{
	local cur prev words cword word command='' choice='--json'
	_init_completion -n : || return # an address is one word

	for word in "${words[@]:1:cword-1}"; do
		case $word in
		list | check | top) command=$word ;;
		esac
	done
	case $command$prev in
	check-m | check--memory | top-d | top--delay | top-n | top--count) return ;;
	check*) choice='--json --memory' ;;
	top*) choice='--json --delay --count' ;;
	list*) ;;
	*) choice='list check top --json --help --version' ;;
	esac
	[[ $command != check || $cur == -* ]] ||
		choice=$(cd "${IOMMUCTL_ROOT-}/sys/bus/pci/devices" 2>/dev/null && echo *)
	mapfile -t COMPREPLY < <(compgen -W "$choice" -- "$cur")
	__ltrim_colon_completions "$cur"
} && complete -F _iommuctl iommuctl

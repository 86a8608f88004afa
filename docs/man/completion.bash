# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Completion for bash: verbs and options are what --help says.

# The options in the help of a command.
_sftrace_options() {
	"$@" --help 2>/dev/null | sed -n 's/^  \(-[^ ].*\)/\1/p' | sed 's/  .*//' |
		grep -oE -- '(^|[ |,])--?[[:alnum:]][-[:alnum:]]*' | tr -d ' ,|'
}

_sftrace() {
	local current=${COMP_WORDS[COMP_CWORD]} command=("${COMP_WORDS[0]}") word words=""

	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[ "$word" != -- ] || { # what follows is another command
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
			return
		}
	done
	if [ "${command[0]##*/}" = sftrace ]; then
		if [ "$COMP_CWORD" -eq 1 ]; then
			words=$(_sftrace_verbs "${command[0]}")
			mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$current")
			return
		fi
		command+=("${COMP_WORDS[1]}")
	fi
	case $current in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(_sftrace_options "${command[@]}")" -- "$current") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	esac
}

_sftrace_verbs() {
	"$1" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

complete -o filenames -F _sftrace sftrace sf-host sf-lab

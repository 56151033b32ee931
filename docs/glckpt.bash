# bash completion for glckpt: commands and options from its help, sessions from its list.
# shellcheck shell=bash

_glckpt_sessions() {
	"$1" list 2>/dev/null | sed -n '2,$s/^\([^ ]*\) .*/\1/p'
}

_glckpt_words() { # PROGRAM COMMAND WORD
	case $2:$3 in
	*:-*) "$1" "$2" --help 2>/dev/null | grep -o -e '--[a-z-]*' ;;
	gl:*) echo ls png verify export ;;
	checkpoint:* | logs:* | wait:* | kill:* | show:* | screenshot:* | record:* | view:* | attach:* | detach:*)
		_glckpt_sessions "$1" ;;
	esac
}

_glckpt() {
	local program=$1 command=${COMP_WORDS[1]} word=$2
	local words
	if [ "$COMP_CWORD" = 1 ]; then
		words=$("$program" help 2>/dev/null | sed -n 's/^  \([a-z]*\)  .*/\1/p')
	else
		words=$(_glckpt_words "$program" "$command" "$word")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

# Where there is no session of that name, a file: an image, a program.
complete -o bashdefault -o default -F _glckpt glckpt

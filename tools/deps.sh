#!/bin/sh
# deps.sh GROUP...: installs what these groups of packages.txt name and this machine lacks.
#
# Asks for nothing. Prints nothing and changes nothing when all is there. Needs root, or sudo
# without a password; without either it says what an administrator has to run and ends with 1.
set -eu

list=$(dirname "$0")/packages.txt

wanted() { # GROUP...
	for group; do
		sed -n "s/^$group \([^ ]*\).*/\1/p" "$list"
	done | sort -u
}

missing() { # PACKAGE...
	# dpkg-query knows nothing of packages it never saw, and complains of them.
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		awk -v wanted="$*" '
			$1 == "installed" { there[$2] = 1 }
			END { n = split(wanted, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in there)) print w[i] }'
}

refuse() {
	echo "glckpt: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

install_packages() { # PACKAGE...
	as_root apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
}

# The lists of a fresh machine are empty, and those of an old one name packages that are gone.
install_or_update() { # LOG PACKAGE...
	log=$1
	shift
	install_packages "$@" >"$log" 2>&1 && return
	as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >"$log" 2>&1 || return
	install_packages "$@" >"$log" 2>&1
}

command -v dpkg-query >/dev/null 2>&1 ||
	refuse "this is no Debian: install by hand what $list names"

# Package names have no blanks: the words of a list are its packages.
# shellcheck disable=SC2046
set -- $(missing $(wanted "$@"))
[ $# -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
	refuse "packages are missing; let an administrator run: apt-get install --no-install-recommends $*"
fi

echo "glckpt: installing $# packages: $*" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! install_or_update "$log" "$@"; then
	tail -n 20 "$log" >&2
	refuse "apt-get could not install them (its last words stand above)"
fi

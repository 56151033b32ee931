#!/bin/sh
# get-criu.sh BUILD: finds a criu that works on this machine's kernel, or fetches one.
#
# Whether a criu works is not to be told from its version or from `criu check`: only a session
# that was really dumped and restored counts, and BUILD/glckpt does that. Tried in turn: the
# system's criu, those that an earlier run left here, and those of newer Debian suites. These are
# unpacked with their libraries below build/criu/SUITE, apt resolving what they need against an
# empty system, so that nothing of this one is touched; each runs through the ld.so it came with.
# No privilege is needed.
#
# GLCKPT_CRIU names one that is to be chosen if it works, whatever else is there. The choice is
# written to BUILD/criu.path, as an absolute path or relative to BUILD, so that the tree can be
# moved. While the kernel and the chosen criu stay the same it is not tested again.
set -eu

build=$1
prefixes=build/criu
suites="trixie-backports forky sid"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
	echo "glckpt: criu: $*" >&2
}

# What a choice was made for.
circumstances() { # CRIU
	uname -rm
	stat -L -c '%n %Y %s' "$1"
}

path_of() { # of what criu.path says
	case $1 in
	/*) echo "$1" ;;
	*) echo "$build/$1" ;;
	esac
}

still_good() {
	[ -r "$build/criu.path" ] && [ -r "$build/criu.tested" ] || return 1
	criu=$(path_of "$(cat "$build/criu.path")")
	[ -x "$criu" ] && [ "$(circumstances "$criu")" = "$(cat "$build/criu.tested")" ]
}

choose() { # CRIU
	case $1 in
	/*) chosen=$1 ;;
	*) chosen=$(realpath --relative-to="$build" "$1") ;;
	esac
	echo "$chosen" >"$build/criu.path"
	circumstances "$(path_of "$chosen")" >"$build/criu.tested"
	say "using $1"
	exit 0
}

# One line of why not, where it does not work.
works() { # CRIU
	if ! complaint=$("$build/glckpt" doctor --smoke "$1" 2>&1 >/dev/null); then
		say "$1 does not do here: ${complaint#glckpt: doctor: }"
		return 1
	fi
}

systems_criu() {
	PATH=$PATH:/usr/local/sbin:/usr/sbin command -v criu
}

# The archive that this machine's own packages come from: the first that offers its release. Both
# formats of apt's sources are read.
mirror() {
	# shellcheck source=/dev/null
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$release" ] || return 1
	find /etc/apt -maxdepth 2 \( -name '*.list' -o -name '*.sources' \) -exec cat {} \; -exec echo \; |
		awk -v release="$release" '
			$1 == "deb" {
				sub(/\[[^]]*\]/, "")
				if ($3 == release) { print $2; exit }
			}
			/^$/ { uri = "" }
			$1 == "URIs:" { uri = $2 }
			$1 == "Suites:" { for (i = 2; i <= NF; i++) if ($i == release) here = 1 }
			here && uri { print uri; exit }
			/^$/ { here = 0 }'
}

# A private apt in FOLDER that knows one suite and believes that nothing is installed. The mirror may
# be a frozen copy, whose signature is good and whose lists have expired: a criu of last year that
# passes the test is as good.
configure_apt() { # FOLDER MIRROR SUITE
	mkdir -p "$1/lists/partial" "$1/cache/archives/partial"
	: >"$1/status"
	for suite in "$3" "${3%-backports}"; do
		echo "deb [signed-by=$keyring] $2 $suite main"
	done | sort -u >"$1/sources.list"
	cat >"$1/apt.conf" <<-END
		#clear APT::Update::Post-Invoke-Success;
		#clear APT::Update::Post-Invoke;
		#clear DPkg::Post-Invoke;
		#clear DPkg::Pre-Install-Pkgs;
		Dir::Etc::sourcelist "$1/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::Etc::preferences "-";
		Dir::Etc::preferencesparts "-";
		Dir::State "$1";
		Dir::State::status "$1/status";
		Dir::State::lists "$1/lists";
		Dir::State::extended_states "$1/extended_states";
		Dir::Cache "$1/cache";
		Dir::Cache::archives "$1/cache/archives";
		Dir::Log "$1";
		Acquire::Check-Valid-Until "false";
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		APT::Sandbox::User "$(id -un)";
		APT::Architectures { "$(dpkg --print-architecture)"; };
		APT::Default-Release "$3";
		APT::Install-Recommends "false";
		APT::Get::Assume-Yes "true";
	END
}

download() { # FOLDER MIRROR SUITE
	configure_apt "$1" "$2" "$3"
	apt-get -qq -c "$1/apt.conf" update >"$1/log" 2>&1 &&
		apt-get -qq -c "$1/apt.conf" install --download-only criu >>"$1/log" 2>&1
}

# What criu does not run with is left out.
unpack() { # FOLDER ROOT
	for package in "$1"/cache/archives/*.deb; do
		dpkg-deb -x "$package" "$2"
	done
	(cd "$2" && rm -rf var usr/share/doc usr/share/man usr/share/locale)
}

# A script beside the root that runs its criu with its libraries, wherever the two lie.
write_wrapper() { # PREFIX
	libraries=$(cd "$1/root" && dirname "$(find usr/lib -name libc.so.6 | head -n 1)")
	loader=$(cd "$1/root" && find usr/lib -name 'ld-linux*.so.*' | head -n 1)
	[ -n "$loader" ] && [ -x "$1/root/usr/sbin/criu" ] || return 1
	mkdir -p "$1/bin"
	cat >"$1/bin/criu" <<-END
		#!/bin/sh
		root=\${0%/*}/../root
		exec "\$root/$loader" --library-path "\$root/$libraries" "\$root/usr/sbin/criu" "\$@"
	END
	chmod 755 "$1/bin/criu"
}

fetch() { # MIRROR SUITE
	part=$(pwd)/$prefixes/$2.part
	rm -rf "$part"
	mkdir -p "$part/apt"
	if ! download "$part/apt" "$1" "$2"; then
		say "$2: $(grep '^E:' "$part/apt/log" | head -n 1)"
	elif unpack "$part/apt" "$part/root" && write_wrapper "$part"; then
		rm -rf "$part/apt" "${prefixes:?}/$2"
		mv "$part" "$prefixes/$2"
		return
	fi
	rm -rf "$part"
	return 1
}

[ -z "${GLCKPT_CRIU:-}" ] || ! works "$GLCKPT_CRIU" || choose "$GLCKPT_CRIU"
still_good && exit 0
mkdir -p "$prefixes"
rm -f "$build/criu.path" "$build/criu.tested"

if criu=$(systems_criu) && works "$criu"; then
	choose "$criu"
fi
for criu in "$prefixes"/*/bin/criu; do
	if [ -x "$criu" ] && works "$criu"; then
		choose "$criu"
	fi
	rm -rf "${criu%/bin/criu}"
done
mirror=$(mirror) || mirror=
if [ -z "$mirror" ] || [ ! -r "$keyring" ]; then
	say "none works here, and apt knows no Debian archive to take a newer one from: install or" \
		"build criu 4.2 or newer, and run make again with GLCKPT_CRIU naming it"
	exit 1
fi
for suite in $suites; do
	say "fetching that of $suite"
	if fetch "$mirror" "$suite" && works "$prefixes/$suite/bin/criu"; then
		choose "$prefixes/$suite/bin/criu"
	fi
	rm -rf "${prefixes:?}/$suite"
done
say "none works on this machine; \`glckpt doctor\` says what is in the way"
exit 1

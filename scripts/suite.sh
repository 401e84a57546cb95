# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# suite.sh - packages of another Debian suite, without touching the machine's apt
#
# Sourced by the scripts that fetch kernels. The mirror is the one that this
# machine already uses; the lists, the sources and the downloads live in a
# private apt state below the cache directory, so that neither sources.list nor
# the installed packages change.

# Downloads and kernel builds, kept between checkouts.
: "${CACHET_CACHE:=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cachet}"

suite_die() {
	echo "$(basename "$0"): $*" >&2
	exit 1
}

# The machine's release, by its code name: bookworm, trixie.
suite_release() {
	# shellcheck disable=SC1091
	(. /etc/os-release && echo "${VERSION_CODENAME:?}")
}

# The URI of the main Debian archive among the configured sources.
suite_mirror() {
	# shellcheck disable=SC2016	# apt expands these, not the shell
	apt-get indextargets --format '$(REPO_URI) $(LABEL) $(COMPONENT)' \
		'Created-By: Packages' |
		awk '$2 == "Debian" && $3 == "main" { print $1; exit }'
}

# suite_apt SUITE COMMAND...: run apt-get or apt-cache on SUITE alone.
suite_apt() {
	local suite=$1 tool=$2 state list
	shift 2
	state=$CACHET_CACHE/apt/$suite
	list=$state/sources.list
	mkdir -p "$state/lists/partial" "$state/archives/partial"
	"$tool" -o Dir::State::Lists="$state/lists" \
		-o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" \
		-o Dir::Etc::SourceList="$list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
		-o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false "$@"
}

# suite_update SUITE: read the suite's lists, at most once a day.
suite_update() {
	local suite=$1 state mirror
	state=$CACHET_CACHE/apt/$suite
	if [ -n "$(find "$state/stamp" -mtime -1 2>/dev/null)" ]; then
		return 0
	fi
	mirror=$(suite_mirror)
	[ -n "$mirror" ] || suite_die "no Debian mirror among apt's sources: run 'apt-get update' first"
	mkdir -p "$state"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
		>"$state/sources.list"
	suite_apt "$suite" apt-get update -qq ||
		suite_die "can't read the package lists of $suite from the machine's mirror"
	touch "$state/stamp"
}

# suite_unpack SUITE PACKAGE DIR: download PACKAGE and unpack it below DIR.
suite_unpack() {
	local suite=$1 pkg=$2 dir=$3 tmp
	tmp=$(mktemp -d "$CACHET_CACHE/fetch.XXXXXX")
	(cd "$tmp" && suite_apt "$suite" apt-get download -qq "$pkg") || {
		rm -rf "$tmp"
		suite_die "can't download $pkg from $suite"
	}
	mkdir -p "$dir"
	dpkg -x "$tmp"/*.deb "$dir"
	rm -rf "$tmp"
}

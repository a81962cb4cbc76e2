# shellcheck shell=bash
# Sourced by the other scripts: installs what a fresh Debian or Ubuntu lacks.

# need COMMAND PACKAGE…: makes sure that COMMAND exists, from PACKAGE….
need() {
	local command=$1
	shift
	command -v "$command" >/dev/null 2>&1 && return 0
	local sudo=() tool
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	for tool in apt-get "${sudo[@]}"; do
		command -v "$tool" >/dev/null 2>&1 && continue
		echo "$command is missing and cannot be installed without $tool: install $* by hand and try again." >&2
		return 1
	done
	echo "Installing $* (for $command) …" >&2
	[ -n "${apt_updated:-}" ] || "${sudo[@]}" apt-get update -qq >&2
	apt_updated=yes
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# need_go: Go cannot be had new enough from every Debian: only checked.
need_go() {
	command -v go >/dev/null 2>&1 && return 0
	[ -x /usr/local/go/bin/go ] && PATH=$PATH:/usr/local/go/bin && return 0
	echo "Go is missing: install Go 1.26 or newer, then run this again." >&2
	return 1
}

# need_pages: bundles the web pages into public/dist when they are missing or older than their sources.
need_pages() {
	local built=public/dist/pages/home.html
	if [ -f "$built" ] && [ -z "$(find public scripts LICENSE README.md ./*/README.md cmd/sluice/README.md -path public/node_modules -prune -o -path public/dist -prune -o -type f -newer "$built" -print -quit)" ]; then
		return 0
	fi
	need node nodejs npm
	need npm npm
	echo "Building the web pages …" >&2
	if [ ! -d public/node_modules ] || [ public/package-lock.json -nt public/node_modules/.package-lock.json ]; then
		npm ci --prefix public --no-audit --no-fund --loglevel=error >&2
	fi
	go run ./public/bundle >&2
}

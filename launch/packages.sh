#!/bin/sh
# Installs what only the tests need: a Chromium for those of the UI, a Redis for the monitor's and the production shape's.
# Nothing to do: nothing is said.
set -eu
has() {
    for name in "$@"; do
        if command -v "$name" >/dev/null; then
            return 0
        fi
    done
    return 1
}

missing=
has chromium chromium-browser google-chrome || missing="$missing chromium"
has redis-server || missing="$missing redis-server"
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "error: the tests need$missing and this machine has no apt: install them so that they are on the PATH" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null; then
    root=sudo
else
    echo "error: the tests need$missing and there is no sudo: run \"apt-get install$missing\" as root, then the same command again" >&2
    exit 1
fi
echo "installing$missing for the tests" >&2
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# Debian starts a Redis of its own with the package, on loopback; the tests start theirs on other ports.
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null

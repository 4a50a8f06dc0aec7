#!/bin/sh
# Installs what only the tests need: a Chromium for the pages, a Redis and a node exporter for the application's side of the
# monitor, promtool for its alert rules. Nothing to do: nothing is said.
set -eu
wanted=
has() {
    for name in "$@"; do
        command -v "$name" >/dev/null && return 0
    done
    return 1
}
has chromium chromium-browser google-chrome || wanted="$wanted chromium"
has redis-server || wanted="$wanted redis-server"
has prometheus-node-exporter || wanted="$wanted prometheus-node-exporter"
has promtool || wanted="$wanted prometheus"
[ -n "$wanted" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "error: the tests need$wanted and this machine has no apt: install them so that their programs are on the PATH" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null; then
    root=sudo
else
    echo "error: the tests need$wanted and there is no sudo: run \"apt-get install$wanted\" as root, then the same command again" >&2
    exit 1
fi
echo "installing$wanted for the tests" >&2
# The servers that Debian would start on their usual ports are not wanted: each test runs its own.
if [ ! -e /usr/sbin/policy-rc.d ]; then
    refuse=$(mktemp)
    printf '#!/bin/sh\nexit 101\n' >"$refuse"
    $root install -m 755 "$refuse" /usr/sbin/policy-rc.d
    rm -f "$refuse"
    trap '$root rm -f /usr/sbin/policy-rc.d' EXIT
fi
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# shellcheck disable=SC2086 # one word a package
$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted >/dev/null

#!/bin/sh
# Installs what only the tests of the UI need: a Chromium. Nothing to do: nothing is said.
set -eu
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null && exit 0
done
if ! command -v apt-get >/dev/null; then
    echo "error: the tests of the UI need Chromium and this machine has no apt: install it so that \"chromium\" is on the PATH" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=
elif command -v sudo >/dev/null; then
    root=sudo
else
    echo "error: Chromium is missing and there is no sudo: run \"apt-get install chromium\" as root, then the same command again" >&2
    exit 1
fi
echo "installing chromium for the tests of the UI" >&2
$root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium >/dev/null

#!/bin/sh
# Fetches the libraries of the pages and of their tests from npm, in exactly these versions, with their licences.
# The files are committed: neither Airflow nor `make test` needs npm or the network for them.
set -eu
cd "$(dirname "$0")/.."
uplot=1.6.32
axe=4.14.1

sh launch/packages.sh acceptance
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() {
    mkdir "$work/$1"
    (cd "$work" && npm pack --silent "$1@$2" >/dev/null)
    tar -xzf "$work"/"$1"-*.tgz -C "$work/$1" --strip-components=1
}

unpack uplot "$uplot"
to=plugins/pg_deploy/ui/static/vendor
mkdir -p "$to"
cp "$work/uplot/dist/uPlot.iife.min.js" "$work/uplot/dist/uPlot.min.css" "$to/"
cp "$work/uplot/LICENSE" "$to/uPlot.LICENSE"

unpack axe-core "$axe"
to=tests/ui/vendor
mkdir -p "$to"
cp "$work/axe-core/axe.min.js" "$to/"
cp "$work/axe-core/LICENSE" "$to/axe-core.LICENSE"
echo "uplot $uplot and axe-core $axe are in the tree"

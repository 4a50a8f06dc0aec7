#!/bin/sh
# Builds the sdist and the wheel into dist/ and judges them. The same commit gives the same bytes: times are those of the commit
# (SOURCE_DATE_EPOCH, if it is set, else), and the build backend is that of the lock.
set -eu
cd "$(dirname "$0")/.."

SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH
build() {
    .venv/bin/python -m uv build --quiet --no-build-isolation --python .venv/bin/python "$@"
}

mkdir -p dist
rm -f dist/pg_deploy-*.whl dist/pg_deploy-*.tar.gz
build --sdist --wheel --out-dir dist .
again=$(mktemp -d)
trap 'rm -rf "$again"' EXIT
build --wheel --out-dir "$again" dist/pg_deploy-*.tar.gz
cmp dist/pg_deploy-*.whl "$again"/pg_deploy-*.whl || {
    echo "error: the sdist does not build the wheel that this folder builds" >&2
    exit 1
}
.venv/bin/python -m twine check --strict dist/pg_deploy-*
sha256sum dist/pg_deploy-*

#!/bin/sh
# Makes a release of what is committed, in this order: looks (clean tree, a version that is new, its changelog entry), lint, tests, dist, tag.
# DRY_RUN=1 only looks, and says what would follow. UPLOAD=1 uploads dist/ with twine at the end; without it nothing leaves this machine.
set -eu
cd "$(dirname "$0")/.."

faults=0
fault() {
    echo "error: $*" >&2
    faults=$((faults + 1))
}
step() {
    echo "release: $*"
    [ -n "${DRY_RUN:-}" ] || "$@"
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
tag=v$version
last=$(git tag --list 'v[0-9]*' | sed 's/^v//' | sort -V | tail -n 1)
if [ -n "$(git status --porcelain)" ]; then
    fault "the tree holds what is not committed: commit it, or put it away; git status names it"
fi
if git rev-parse -q --verify "refs/tags/$tag" >/dev/null; then
    fault "version $version is released already: raise it in pyproject.toml"
elif [ "$(printf '%s\n%s\n' "$last" "$version" | sort -V | tail -n 1)" != "$version" ]; then
    fault "version $version of pyproject.toml is below $last, which is released: raise it"
fi
first=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
case $first in
"$version - "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
*) fault "CHANGELOG.md begins with \"$first\": its first entry has to be \"$version - <date as 2026-01-31>\"" ;;
esac
[ "$faults" -eq 0 ] || exit 1

step make lint
step make test
step make dist
step git tag -a "$tag" -m "pg_deploy $version"
if [ -n "${UPLOAD:-}" ]; then
    step .venv/bin/python -m twine upload --non-interactive dist/pg_deploy-*
else
    echo "release: not uploaded; with UPLOAD=1, or by hand: .venv/bin/python -m twine upload dist/pg_deploy-*"
fi
echo "release: push the tag when you want others to see it: git push <remote> $tag"

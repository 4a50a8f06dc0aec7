#!/bin/bash
# Runs the commands of the README word for word on a clean Debian: a machine on which nothing was ever installed.
#
#   launch/fresh.sh bookworm 'make deploy' 'make test'        tries HEAD, without what is not committed
#   AS_USER=1 launch/fresh.sh trixie 'make deploy'            as an ordinary user without sudo, once root has run the README's line
#
# The root holds Debian's minimal system, python3, make, git and certificates: no venv, no PostgreSQL, no browser. Each call begins from that
# again, and throws away what the commands did (KEEP=1 keeps it and prints where). ENV='DEMO_SCALE=0.1 X=y' sets variables for the commands.
# It needs root, apt and some 4 GB below FRESH_DIR (/var/tmp/fresh); FRESH_MIRROR is the address of Debian's archive. Its exit code is that of
# the first command that failed. It shares the network with this machine and has process ids of its own: whatever still runs at the end is ended.
set -euo pipefail
release=${1:?which Debian: bookworm or trixie}; shift
home=${FRESH_DIR:-/var/tmp/fresh} base=${FRESH_DIR:-/var/tmp/fresh}/$release mirror=${FRESH_MIRROR:-http://deb.debian.org/debian}
top=$(cd "$(dirname "$0")/.." && pwd)
stop() { echo "error: $*" >&2; exit 1; }
case $release in bookworm | trixie) ;; *) stop "RELEASE is \"$release\": bookworm and trixie are what is tried" ;; esac
[ "$(id -u)" = 0 ] || stop "a clean root takes root: run it as root, or with sudo"
[ $# -gt 0 ] || stop "no command was given: for example 'make deploy' 'make test'"
sh "$top/launch/packages.sh" fresh
mkdir -p "$home"
exec 9>"$home/$release.lock"
flock 9
if [ ! -e "$base/.whole" ]; then
    echo "fresh: making a clean $release in $base (about two minutes, once)" >&2
    rm -rf "$base"
    [ -e "/usr/share/debootstrap/scripts/$release" ] || ln -s sid "/usr/share/debootstrap/scripts/$release"
    debootstrap --variant=minbase --include=ca-certificates,python3,make,git,procps "$release" "$base" "$mirror" >"$home/$release.log" 2>&1 ||
        { tail -n 5 "$home/$release.log" >&2; stop "debootstrap failed: all it said is in $home/$release.log"; }
    printf 'deb %s %s main\n' "$mirror" "$release" "$mirror" "$release-updates" "${mirror%/debian}/debian-security" "$release-security" \
        >"$base/etc/apt/sources.list"
    # Package indexes are reached as on this machine: with its clients' settings and its certificates.
    cp /etc/apt/apt.conf.d/99* "$base/etc/apt/apt.conf.d/" 2>/dev/null || true
    cp -a /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/ca-certificates.crt"
    for file in /etc/pip.conf /etc/npmrc; do [ ! -f "$file" ] || cp "$file" "$base$file"; done
    touch "$base/.whole"
fi
flock -u 9

work=$(mktemp -d "$home/run.XXXXXX")
root=$work/root
mkdir -p "$root" "$work/upper" "$work/scratch"
finish() {
    code=$?
    if [ -n "${KEEP:-}" ]; then
        echo "fresh: kept in $root" >&2
    else
        umount -l "$root" 2>/dev/null || true
        rm -rf "$work"
    fi
    exit $code
}
trap finish EXIT
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/scratch" "$root" 2>/dev/null ||
    { cp -a "$base/." "$root/" && mount --bind "$root" "$root"; }
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
who=root place=/root
if [ -n "${AS_USER:-}" ]; then
    chroot "$root" useradd --create-home --shell /bin/bash dev
    who=dev place=/home/dev
fi
git -c safe.directory="$top" -C "$top" bundle create -q "$work/project" HEAD
git -c advice.detachedHead=false clone -q "$work/project" "$root$place/project"
chroot "$root" chown -R "$who" "$place/project"
{
    # shellcheck disable=SC2016 # for the other shell
    echo 'set -e; cd "$HOME/project"
run() {
    echo "+ $1"; began=$SECONDS; code=0
    bash -c "$1" </dev/null || code=$?
    echo "fresh: exit code $code after $((SECONDS - began)) s: $1"
    return $code
}'
    for command in "$@"; do printf 'run %q\n' "$command"; done
} >"$root/tmp/commands"
# shellcheck disable=SC2016
{
    echo 'set -e; cd "$1"; mkdir -p .old; pivot_root . .old; umount -l /.old; rmdir /.old; shift; exec "$@"'
} >"$work/enter"
once=:
[ -z "${AS_USER:-}" ] || once=$(sed -n '/^apt-get update && apt-get install/{p;q}' "$top/README.md")
[ -n "$once" ] || stop "the README has no line of packages for root"
certificates=/etc/ssl/certs/ca-certificates.crt
clean="env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SSL_CERT_FILE=$certificates PIP_CERT=$certificates
    NODE_EXTRA_CA_CERTS=$certificates PIP_DEFAULT_TIMEOUT=180 ${ENV:-}"
[ "$once" = : ] || echo "fresh: root runs the README's line of packages" >&2
# pivot_root gives it a root of its own. In a chroot no process may make user namespaces; on a real machine it may.
# shellcheck disable=SC2086 # ENV holds several
unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" sh -c '
    mount --rbind /dev "$0/dev"; mount --rbind /sys "$0/sys"; mount -t tmpfs tmpfs "$0/dev/shm"
    enter=$1; shift; exec sh "$enter" "$0" "$@"' "$root" "$work/enter" \
    $clean HOME=/root DEBIAN_FRONTEND=noninteractive sh -c '
        sh -c "$1" >/var/log/once.log 2>&1 || { tail -n 15 /var/log/once.log; exit 1; }
        exec su "$2" -s /bin/bash -c "export HOME=$3 USER=$2; unset DEBIAN_FRONTEND; exec bash /tmp/commands"' sh "$once" "$who" "$place"

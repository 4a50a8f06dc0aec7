#!/bin/sh
# Installs the packages of launch/packages.txt that this machine lacks; `sh launch/packages.sh run test` names the parts. If nothing is missing it
# says nothing. The output of apt goes to .run/packages.log, and is shown only if apt failed. Servers that Debian would start are not started.
set -eu
cd "${0%/*}/.."
PATH=$PATH:/usr/sbin:/sbin
list=launch/packages.txt
log=.run/packages.log
python=${PYTHON:-python3}
lines=15

there() {
    for sign in "$@"; do
        case $sign in
        python:*) { [ -x .venv/bin/python ] || "$python" -c "import ${sign#python:}, venv"; } 2>/dev/null && return 0 ;;
        /*) for file in $sign; do [ -e "$file" ] && return 0; done ;;
        *) command -v "$sign" >/dev/null && return 0 ;;
        esac
    done
    return 1
}

# A package of the list by its name on this machine: the venv of the chosen interpreter, the newest PostgreSQL with pg_cron.
as_offered() {
    case $1 in
    python3-venv) "$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' 2>/dev/null || echo "$1" ;;
    postgresql-\*-cron)
        for package in $(apt-cache pkgnames postgresql- 2>/dev/null | grep -E '^postgresql-[0-9]+-cron$' | sort -t - -k 2 -n -r); do
            version=${package#postgresql-}
            if [ "${version%-cron}" -ge 15 ] && LC_ALL=C apt-cache policy "$package" | grep -q 'Candidate: [^(]'; then
                echo "$package"
                return
            fi
        done
        echo "'$1'"
        ;;
    *) echo "$1" ;;
    esac
}

missing() {
    while read -r part package signs; do
        case " $parts " in *" $part "*) ;; *) continue ;; esac
        set -f
        # shellcheck disable=SC2086 # one word a sign
        set -- $signs
        set +f
        there "$@" || as_offered "$package"
    done <"$list" | tr '\n' ' '
}

stop() {
    echo "error: $*" >&2
    exit 1
}

as_root() {
    $root env DEBIAN_FRONTEND=noninteractive "$@" >>"$log" 2>&1
}

failed() {
    tail -n "$lines" "$log" >&2
    stop "apt could not install $wanted(its last words are above, all of them in $log): mend that, then the same command again"
}

parts=$*
wanted=$(missing)
[ -n "$wanted" ] || exit 0
command -v apt-get >/dev/null ||
    stop "this machine lacks ${wanted}and has no apt: install what they hold so that the programs are found, or use docker-compose"
root=
if [ "$(id -u)" != 0 ]; then
    root=sudo
    # A sudo that asks for a password is of use only if a person sits before it.
    { command -v sudo && { sudo -n true || [ -t 0 ]; }; } >/dev/null 2>&1 || root=none
fi
[ "$root" != none ] || stop "this machine lacks ${wanted}and installing takes root: run as root
    apt-get update && apt-get install -y --no-install-recommends ${wanted% }
then the same command again"

mkdir -p .run
: >"$log"
echo "installing ${wanted}with apt (some minutes at most; what it says goes to $log)" >&2
refuse=/usr/sbin/policy-rc.d no_main=/etc/postgresql-common/createcluster.d/zz-no-main-cluster.conf
made=
trap '[ -z "$made" ] || $root rm -f $made' EXIT
trap 'exit 130' INT TERM
put() {
    [ -e "$1" ] && return
    draft=$(mktemp)
    printf '%b' "$2" >"$draft"
    $root install -D -m "$3" "$draft" "$1"
    rm -f "$draft"
    made="$made $1"
}
put "$refuse" '#!/bin/sh\nexit 101\n' 755
put "$no_main" 'create_main_cluster = false\n' 644
# If one of several archives cannot be reached, that need not matter.
as_root apt-get update || echo "apt-get update failed" >>"$log"
# Now that the lists are fresh, packages may have other names: before they named nothing, if they were too old or empty.
wanted=$(missing)
# shellcheck disable=SC2086 # one word a package
as_root apt-get install -q -y --no-install-recommends $(echo "$wanted" | tr -d "'") || failed
sed -n 's/^.* \([0-9]*\) newly installed.*/installed \1 packages, /p; s/^Need to get \([^/]*B\)[ /].*/\1/p' "$log" | tr -d '\n' >&2
echo >&2
wanted=$(missing)
[ -z "$wanted" ] || failed

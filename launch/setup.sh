#!/bin/sh
# Fills .venv from the lock, requirements.txt, and says on stderr what it does; nothing to do: nothing is said.
# PYTHON chooses the interpreter, 3.10 to 3.13.
set -eu
cd "$(dirname "$0")/.."
exec >&2

stop() {
    echo "error: $*"
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null
}

choose() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || stop "PYTHON is \"$PYTHON\", which is no Python from 3.10 to 3.13: name another, or leave it out"
        echo "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.10; do
        if fits "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    stop "no Python from 3.10 to 3.13 was found: install one, or name it with PYTHON=/path/to/python3"
}

stamp=.venv/.made-from
wanted=$(cat requirements.txt launch/setup.sh | cksum)
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    touch "$stamp"
    exit 0
fi

# In a command substitution exit ends only that subshell: hand it on, with the sentence that it printed.
python=$(choose 2>&1) || { echo "$python"; exit 1; }

if ! [ -x .venv/bin/python ] || ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # One that cannot be used must not count as there.
        rm -rf .venv
        PYTHON=$python sh launch/packages.sh run
        "$python" -c 'import ensurepip, venv' 2>/dev/null || stop "\"$python\" has no venv module: install it, or name another" \
            "interpreter with PYTHON=/path/to/python3"
    fi
    echo "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
fi

# The lock is complete and exact: a machine's own constraints, or a find-links folder, have nothing to add.
export PIP_CONSTRAINT=/dev/null PIP_REQUIRE_VIRTUALENV=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIREMENT UV_CONSTRAINT UV_OVERRIDE UV_BUILD_CONSTRAINT PYTHONPATH PYTHONHOME

echo "installing requirements.txt into .venv (one to three minutes the first time)"
uv=$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements.txt)
with_uv() {
    UV_LINK_MODE=copy .venv/bin/python -m uv pip install --quiet --python .venv/bin/python -r requirements.txt
}
# A company's own certificate authority is in the system's store, which uv looks into only when told.
if .venv/bin/python -m pip install -qq "$uv" && { with_uv 2>/dev/null || UV_SYSTEM_CERTS=1 with_uv; }; then
    :
else
    # uv does not read pip's settings: where only pip knows the way to a package index, pip does it.
    echo "uv could not install the packages; trying with pip, which takes longer"
    .venv/bin/python -m pip install --quiet --no-deps -r requirements.txt ||
        stop "requirements.txt could not be installed: read the lines above, see that a package index is reachable, try again"
fi
echo "$wanted" >"$stamp"

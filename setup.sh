#!/usr/bin/env bash
# Makes everything that EXIFinator needs in this folder; says nothing on stdout.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./setup.sh [--no-services] [--dev]

Makes venv/ with the packages of requirements.txt, and sees that Redis and MongoDB
answer: where settings.py points at this machine and nothing listens there, they are
started, with their data in var/. To use servers of your own, set REDIS_URL and
MONGODB_URI in settings.py. Safe to run again: it does only what is missing.

  --no-services   only the packages
  --dev           the packages for the tests too (requirements-dev.txt)

PYTHON names the Python to use, 3.11 to 3.13; otherwise it is looked for in PATH.
EOF
}

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup.sh: $1"; exit "${2:-1}"; }

services=yes
dev=no
for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        --no-services) services=no ;;
        --dev) dev=yes ;;
        *) fail "there is no option $argument; see ./setup.sh --help" 2 ;;
    esac
done

case ${EXIFINATOR_SETTINGS:-/} in
    /*) ;;
    *) export EXIFINATOR_SETTINGS="$PWD/$EXIFINATOR_SETTINGS" ;;
esac
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
python=venv/bin/python

# Prints the path of a Python that works. Each is run: a pyenv shim may be there and fail.
find_python() {
    local candidate bare=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
        if ! "$candidate" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            [ "$candidate" != "${PYTHON:-}" ] || say "PYTHON=$PYTHON is not a Python 3.11 to 3.13; looking for another."
        elif ! "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null; then
            bare=${bare:-$candidate}
        else
            # Not that of an activated environment, which may be the one that is made anew.
            "$candidate" -I -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)'
            return
        fi
    done
    [ -z "$bare" ] || fail "$bare has no venv module: on Debian and Ubuntu, apt install $(basename -- "$bare")-venv"
    fail "no Python 3.11 to 3.13 found: install one, or say where it is, as in PYTHON=/opt/python3.12/bin/python3 $0"
}

# Says the line and the kind of a mistake, not the line itself: a secret may stand there.
read_settings='
import runpy, sys, traceback
path = sys.argv[1]
try:
    runpy.run_path(path)
except Exception as error:
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    line = getattr(error, "lineno", None) or (frames or ["?"])[-1]
    sys.exit(f"{type(error).__name__} in line {line}")
'

# pip's own words tell whether the environment is whole, of this folder (not copied or moved), and of a right Python.
venv_is_whole() {
    local found
    found=$(venv/bin/pip --version 2>/dev/null) || return 1
    case $found in
        *" from $root/venv/"*"(python 3.1"[123]")") return 0 ;;
        *) return 1 ;;
    esac
}

# What a stamp in venv/ says when the packages of this file are installed.
stamp_of() { { printf '%s\n' "$root"; cat -- "$1"; } | cksum; }

is_installed() { [ -x "$python" ] && [ "$(cat "venv/.$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

install() {
    say "Installing the packages of $1 into venv/ (a minute or two the first time) ..."
    if ! PIP_USER=0 "$python" -I -m pip install --disable-pip-version-check --no-input --progress-bar off -r "$1" \
        >>logs/setup.log 2>&1; then
        grep -v '^Requirement already' logs/setup.log | tail -n 15 >&2
        fail "the packages of $1 could not be installed; all that pip said is in $root/logs/setup.log"
    fi
    stamp_of "$1" >"venv/.$1"
}

mkdir -p logs
[ -d var ] || mkdir -m 700 -p var
if command -v flock >/dev/null; then
    exec 9>>var/setup.lock
    flock -n 9 || { say "Another setup.sh is at work here; waiting for it."; flock 9; }
fi

if ! is_installed requirements.txt || ! "$python" -I -c ''; then
    : >logs/setup.log
    if venv_is_whole; then base=$python; else base=$(find_python); fi
    # Minutes later would be late to hear of a slip in the settings.
    "$base" -I -c "$read_settings" "${EXIFINATOR_SETTINGS:-settings.py}" 2>>logs/setup.log ||
        fail "${EXIFINATOR_SETTINGS:-settings.py} cannot be read: $(tail -n 1 logs/setup.log)" 2
    if [ "$base" != "$python" ]; then
        say "Making venv/ with $("$base" -V) ..."
        rm -rf venv
        "$base" -I -m venv venv >>logs/setup.log 2>&1 || {
            tail -n 15 logs/setup.log >&2
            fail "the virtual environment could not be made"
        }
    fi
    rm -f venv/.requirements-dev.txt
    install requirements.txt
fi
if [ "$dev" = yes ] && ! is_installed requirements-dev.txt; then
    install requirements-dev.txt
fi

if [ "$services" = yes ]; then
    exec 9>&-
    exec "$python" -m exifinator services >&2
fi

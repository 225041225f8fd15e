#!/usr/bin/env bash
# Install everything that EXIFinator needs into this folder. Print only to stderr, because stdout belongs to the JSON
# object of run.sh --json.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./setup.sh [--no-services] [--dev]

Creates venv/ with the packages of requirements.txt, then checks that Redis and MongoDB
respond. If one of them is down and settings.py points to this machine, starts it with its
data in var/. To use your own servers, set REDIS_URL and MONGODB_URI in settings.py.
This script can be run again at any time: completed steps are skipped.

  --no-services   install the packages only
  --dev           also install the packages for the tests (requirements-dev.txt), and
                  install all packages with uv

To choose a Python interpreter (3.11 to 3.13), set PYTHON. Default: the first suitable
interpreter in PATH.
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
        *) fail "unknown option $argument; see ./setup.sh --help" 2 ;;
    esac
done

case ${EXIFINATOR_SETTINGS:-/} in
    /*) ;;
    *) export EXIFINATOR_SETTINGS="$PWD/$EXIFINATOR_SETTINGS" ;;
esac
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
python=venv/bin/python

# Print the path of a suitable Python. Test each candidate by running it, because a pyenv shim can exist and still fail.
find_python() {
    local candidate without_venv=""
    for candidate in ${PYTHON:+"$PYTHON"} python3.13 python3.12 python3.11 python3; do
        if ! "$candidate" -I -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            [ "$candidate" != "${PYTHON:-}" ] ||
                say "PYTHON=$PYTHON is not Python 3.11 to 3.13; looking for another interpreter."
        elif ! "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null; then
            without_venv=${without_venv:-$candidate}
        else
            # Print the interpreter on which a virtual environment is based. If an environment is active, it may be the
            # venv/ that is about to be replaced.
            "$candidate" -I -c 'import sys; print(getattr(sys, "_base_executable", "") or sys.executable)'
            return
        fi
    done
    [ -z "$without_venv" ] ||
        fail "$without_venv has no venv module: on Debian and Ubuntu, apt install $(basename -- "$without_venv")-venv"
    fail "no Python 3.11 to 3.13 found: install one, or set its path, as in PYTHON=/opt/python3.12/bin/python3 $0"
}

# Python code that checks settings.py. It prints the line number and the type of an error, but never the line itself,
# which may contain a secret.
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

# Check that the virtual environment works, was not copied or moved from another folder, and has a supported Python.
# `pip --version` shows all of this.
venv_is_usable() {
    local version
    # Not venv/bin/pip, which cannot start in a folder with a $ in its name.
    version=$("$python" -I -m pip --version 2>/dev/null) || return 1
    case $version in
        *" from $root/venv/"*"(python 3.1"[123]")") return 0 ;;
        *) return 1 ;;
    esac
}

# Print a checksum of a requirements file and this folder's path. venv/ stores it once the packages in the file have
# been installed.
stamp_of() { { printf '%s\n' "$root"; cat -- "$1"; } | cksum; }

is_installed() { [ -x "$python" ] && [ "$(cat "venv/.$1" 2>/dev/null)" = "$(stamp_of "$1")" ]; }

install_with_pip() {
    # Without --use-pep517, the pip of Debian 12 runs mrq's setup.py, which fails in a folder with a $ in its name and
    # makes scripts that cannot start in a folder with a space.
    PIP_USER=0 "$python" -I -m pip install --use-pep517 --disable-pip-version-check --no-input --progress-bar off "$@" \
        >>logs/setup.log 2>&1
}

# Install with uv, which takes a tenth of pip's CPU time, for developers. The caller falls back to pip: a network may be
# configured for pip only.
install_with_uv() {
    if [ ! -x venv/bin/uv ]; then
        sed -n '/^uv==/,/[^\\]$/p' requirements-dev.txt >var/uv.txt && install_with_pip -r var/uv.txt || return
    fi
    venv/bin/uv pip install --quiet --python "$python" --require-hashes -r "$1" >>logs/setup.log 2>&1 || return
    # Unlike pip, uv does not compile. The first program to compile MRQ would print its SyntaxWarnings.
    "$python" -W ignore -m compileall -q venv/lib/python*/site-packages/mrq || true
}

install() {
    say "Installing the packages of $1 into venv/ (a minute or two the first time) ..."
    if ! { [ "$dev" = yes ] && install_with_uv "$1"; } && ! install_with_pip -r "$1"; then
        grep -v '^Requirement already' logs/setup.log | tail -n 15 >&2
        fail "could not install the packages of $1; pip's output is in $root/logs/setup.log"
    fi
    stamp_of "$1" >"venv/.$1"
}

mkdir -p logs 2>/dev/null || true
[ -d var ] || mkdir -m 700 -p var 2>/dev/null || true
for folder in var logs; do
    [ -d "$folder" ] && [ -w "$folder" ] ||
        fail "$root/$folder cannot be written by $(id -un): make this user its owner, or run the script as its owner"
done
if command -v flock >/dev/null; then
    exec 9>>var/setup.lock
    flock -n 9 || { say "Another setup.sh is running in this folder; waiting for it to finish ..."; flock 9; }
fi

if ! is_installed requirements.txt || ! "$python" -I -c ''; then
    rm -f logs/setup.log
    (umask 077 && : >logs/setup.log)
    if venv_is_usable; then base=$python; else base=$(find_python); fi
    # Report an error in the settings now, instead of after minutes of installation.
    "$base" -I -c "$read_settings" "${EXIFINATOR_SETTINGS:-settings.py}" 2>>logs/setup.log ||
        fail "${EXIFINATOR_SETTINGS:-settings.py} cannot be read: $(tail -n 1 logs/setup.log)" 2
    if [ "$base" != "$python" ]; then
        say "Creating venv/ with $("$base" -V) ..."
        rm -rf venv
        "$base" -I -m venv venv >>logs/setup.log 2>&1 || {
            tail -n 15 logs/setup.log >&2
            fail "could not create the virtual environment; see $root/logs/setup.log"
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

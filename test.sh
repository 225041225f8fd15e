#!/usr/bin/env bash
# Format, lint, types and all tests.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./test.sh [PYTEST ARGUMENT ...]

Checks format, lint and types and runs all tests, with all the set-up that they need.
The tests start their own Redis, MongoDB and S3 on free ports. Arguments go to pytest,
as in ./test.sh tests/unit -k config
EOF
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
esac

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
./setup.sh --dev --no-services
# The browser tests need a Chromium; without one, and without the right to install it, they skip and say so.
if ! command -v chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's Chromium for the browser tests ..." >&2
    { apt-get update -q && apt-get install -q -y --no-install-recommends chromium; } >>logs/setup.log 2>&1 ||
        echo "It could not be installed; logs/setup.log says why." >&2
fi
venv/bin/python -m ruff check .
venv/bin/python -m ruff format --check .
venv/bin/python -m mypy
# Three at a time: they wait for servers as long as they compute.
exec venv/bin/python -m pytest -n 3 --dist loadfile "$@"

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
venv/bin/python -m ruff check .
venv/bin/python -m ruff format --check .
venv/bin/python -m mypy
exec venv/bin/python -m pytest "$@"

#!/usr/bin/env bash
# Format, lint, types, known dangers and all tests.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./test.sh [--faults] [PYTEST ARGUMENT ...]

Checks format, lint, types, dependencies and the documentation's links and runs all tests, with all the set-up that they need.
The tests start their own Redis, MongoDB and S3 on free ports. Arguments go to pytest,
as in ./test.sh tests/unit -k config

  --faults    run every fault of tests/faults instead, which takes a quarter of an hour; see FAULTS.md
EOF
}

faults=no
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --faults) faults=yes; shift ;;
esac

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
./setup.sh --dev --no-services
# The browser tests need a Chromium, those of servers with TLS a Redis that has it (redis-tools holds one, and starts
# none), that of deploy/compose.yaml a docker compose, those of a wrong clock libfaketime. Without them, and without the
# right to install them, they skip and say so, or speak TLS before Redis.
missing=()
command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell)
command -v redis-server redis-check-rdb >/dev/null || missing+=(redis-tools)
docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing+=(docker-compose)
[ $faults = no ] || ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing+=(libfaketime)
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's ${missing[*]} for the tests ..." >&2
    { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >>logs/setup.log 2>&1 ||
        echo "It could not be installed; logs/setup.log says why." >&2
fi
venv/bin/python -m ruff check .
venv/bin/python -m ruff format --check .
venv/bin/python -m mypy
# Every link and anchor of the documentation (--quiet would let them pass); the variable silences an advertisement.
NO_MKDOCS_2_WARNING=1 venv/bin/python -m mkdocs build --strict
venv/bin/python -m bandit -q -c pyproject.toml -r exifinator api mrq-config.py settings.py
venv/bin/python -m tests.audit
if [ $faults = yes ]; then
    exec venv/bin/python -m pytest -n 2 --dist loadfile -m "faults or not faults" tests/faults "$@"
fi
# Three at a time: they wait for servers as long as they compute.
exec venv/bin/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder "$@"

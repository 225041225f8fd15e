#!/usr/bin/env bash
# Start the workers, the dashboard and the API.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./start_workers.sh [--restart]

Starts the workers, MRQ's dashboard and the API in the background and prints their
addresses. First installs and starts what they need. Processes that exit are restarted.
Their output is in logs/. If they are already running, they are left alone.

  --restart   stop them first, so that they use changed settings and code
EOF
}

for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        --restart) ;;
        *) printf 'start_workers.sh: unknown option %s; see ./start_workers.sh --help\n' "$argument" >&2; exit 2 ;;
    esac
done

case ${EXIFINATOR_SETTINGS:-/} in
    /*) ;;
    *) export EXIFINATOR_SETTINGS="$PWD/$EXIFINATOR_SETTINGS" ;;
esac
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
./setup.sh
exec venv/bin/python -m exifinator start "$@"

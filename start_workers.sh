#!/usr/bin/env bash
# Start the workers, the dashboard and the API.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./start_workers.sh [--restart]

Starts the workers, MRQ's dashboard and the API in the background, and prints the
addresses of the dashboard and the API. First installs and starts everything that they
need. If the processes are already running, they keep running. Processes that exit are
restarted. Their output is in logs/.

  --restart   stop running processes first, so that changed settings and code apply
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
# The command below starts Redis and MongoDB if needed.
./setup.sh --no-services
exec venv/bin/python -m exifinator start "$@"

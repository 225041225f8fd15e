#!/usr/bin/env bash
# Stop the processes that were started from this folder.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./stop.sh [--all]

Stops the workers, MRQ's dashboard and the API that were started from this folder.
Workers get up to 15 seconds to finish their current images. Queued images stay queued.

  --all   also stop Redis and MongoDB if they were started from this folder, and
          the processes of batches that the API or the schedule has started; to resume
          such a batch, run ./run.sh with its source
EOF
}

for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        --all) ;;
        *) printf 'stop.sh: unknown option %s; see ./stop.sh --help\n' "$argument" >&2; exit 2 ;;
    esac
done

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
if [ ! -x venv/bin/python ]; then
    echo "Nothing to stop: this folder has no venv/, so nothing was started from it."
    exit 0
fi
exec venv/bin/python -m exifinator stop "$@"

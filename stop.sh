#!/usr/bin/env bash
# Stops what this folder started.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./stop.sh [--all]

Stops the workers, MRQ's dashboard and the API that this folder started. The workers
first end what they are at, for up to 15 seconds; what is queued stays queued.

  --all   stop Redis, MongoDB and rclone too, as far as this folder started them, and the
          watching of batches that the API has started; ./run.sh goes on with those
EOF
}

for argument in "$@"; do
    case $argument in
        -h | --help) usage; exit 0 ;;
        --all) ;;
        *) printf 'stop.sh: there is no option %s; see ./stop.sh --help\n' "$argument" >&2; exit 2 ;;
    esac
done

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
if [ ! -x venv/bin/python ]; then
    echo "There is no venv/ here, so nothing was started from this folder."
    exit 0
fi
exec venv/bin/python -m exifinator stop "$@"

#!/usr/bin/env bash
# Index the metadata of photos: install and start what is missing, then run `exifinator run`.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./run.sh [--json] [--dry-run] [--no-wait] [--refresh] [SOURCE ...]
       ./run.sh --verify [--json] [SOURCE ...]
       ./run.sh --prune [--yes] [--json] [--dry-run] [SOURCE ...]

Indexes the metadata of every photo in the sources into MongoDB and shows the progress.
Skips photos that are already indexed and have not changed. First installs and starts
what it needs.

SOURCE is bucket, bucket/prefix, s3://bucket/prefix or a local folder. Default: S3_BUCKETS
in settings.py. If that is empty too, a demo library is created and indexed.

  --json      print one JSON object on stdout instead of the summary
  --dry-run   only list and count; queue or delete nothing
  --no-wait   return as soon as everything is queued
  --refresh   also index again the photos that an older version of EXIFinator indexed
  --verify    compare sources and records, index what is missing; does not retry failures
  --prune     remove the records of deleted photos; shows some and asks first
  --yes       do not ask for confirmation

Ctrl-C stops watching. The workers continue; ./stop.sh stops them.
Exit code: 0 nothing failed, 1 something failed, 2 wrong usage or settings.
EOF
}

fail() { printf 'run.sh: %s\n' "$1" >&2; exit 2; }

# Reject wrong usage before the first set-up, which takes minutes.
options=yes
for argument in "$@"; do
    case $options$argument in
        yes-h | yes--help) usage; exit 0 ;;
        yes--) options=no ;;
        yes--json | yes--dry-run | yes--no-wait | yes--refresh | yes--verify | yes--prune | yes--yes) ;;
        yes-*) fail "unknown option $argument; see ./run.sh --help" ;;
        yes/* | yes./* | yes../* | no/* | no./* | no../*)
            [ -d "$argument" ] ||
                fail "folder not found: $argument. Write a bucket as bucket, bucket/prefix or s3://bucket" ;;
    esac
done

case ${EXIFINATOR_SETTINGS:-/} in
    /*) ;;
    *) export EXIFINATOR_SETTINGS="$PWD/$EXIFINATOR_SETTINGS" ;;
esac
# Paths of folders are relative to the folder in which the command was called.
export EXIFINATOR_CWD="$PWD"
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
./setup.sh
exec venv/bin/python -m exifinator run "$@"

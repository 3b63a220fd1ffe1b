#!/usr/bin/env bash
# Runs the browser tests, with the flags given passed on to go test:
#
#   internal/webtest/run.sh                    the tests
#   internal/webtest/run.sh -json              the same, as events
#   internal/webtest/run.sh pictures FOLDER    pictures of every page on every screen,
#                                              and readme.png, the README's docs/img/result.png
#
# It installs what is missing where it can (as root on Debian), and otherwise
# says the one line to run.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
command -v npm >/dev/null || missing+=(npm)
if ((${#missing[@]})); then
  line="apt-get update && apt-get install -y --no-install-recommends ${missing[*]} fonts-dejavu-core"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    bash -c "$line" >&2
  else
    echo "The browser tests need: ${missing[*]}. Run: sudo sh -c '$line'" >&2
    exit 1
  fi
fi

# The lock file fixes axe-core by its hash.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  npm ci --silent --no-audit --no-fund >&2
  cp package-lock.json node_modules/.installed-lock.json
fi

if [[ ${1:-} == pictures ]]; then
  folder=$(mkdir -p "${2:?which folder?}" && cd "$2" && pwd)
  FAIRLEAD_PICTURES=$folder exec go test -count=1 -run '^TestPictures$' .
fi
exec go test -count=1 -timeout 8m "$@" ./...

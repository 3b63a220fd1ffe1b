#!/bin/sh
# Makes the fixture of a schema with the code that made that schema:
#
#	sh internal/sqlstore/testdata/schemas/make.sh COMMIT NUMBER
#
# COMMIT is one whose last migration has that NUMBER. It writes
# NUMBER.db.gz, a database with something in every table, NUMBER.key, its
# master key, and NUMBER.json, what that code read from it. Run once, when the
# schema has landed; the files never change again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$(git -C "$here" rev-parse --show-toplevel)
git -C "$root" archive "$1" | tar -x -C "$work"
cp "$here/make_test.go.txt" "$work/internal/sqlstore/storetest/make_fixture_test.go"
cd "$work"
FAIRLEAD_FIXTURE="$here/$2" go test -count=1 -run '^TestMakeFixture$' ./internal/sqlstore/storetest
gzip -9nf "$here/$2.db"

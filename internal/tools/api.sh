#!/bin/sh
# Everything that is done with the API's .proto files. Each command is run from anywhere in the tree and
# needs Go only: buf and its plugins are built from the versions that go.mod and internal/tools/go.mod pin.
#
#   api.sh generate   write gen/ anew from proto/fairlead
#   api.sh check      the same, and fail if gen/ was not up to date (the new files stay)
#   api.sh lint       buf lint
#   api.sh breaking   refuse changes that break clients of proto/baseline.binpb
#   api.sh baseline   write proto/baseline.binpb: the API that clients rely on from now on
#
# The baseline is an image of the API in a committed file and not a git reference, so that the check works
# in a shallow clone, on the first commit and in an unpacked archive. It is written at each release, and
# when a break is meant: then the commit that changes the file says why.
set -eu
cd "$(dirname "$0")/../.."

buf() { go tool -modfile=internal/tools/go.mod buf "$@"; }

# The imported .proto files are not committed: they are printed back from the Go modules that are pinned.
third_party() { (cd internal/protos && go run . ../../proto/third_party); }

generate() {
	third_party
	buf generate
	go run ./internal/openapi gen/openapi
}

case "${1-}" in
generate)
	generate
	;;
check)
	before=$(mktemp -d)
	trap 'rm -rf "$before"' EXIT
	cp -R gen "$before/gen"
	generate
	if ! diff -r -q "$before/gen" gen; then
		echo "gen/ was not what proto/fairlead generates; now it is: commit it" >&2
		exit 1
	fi
	;;
lint)
	third_party
	buf lint
	buf format --diff --exit-code --path proto/fairlead
	;;
breaking)
	third_party
	image=$(mktemp -d)
	trap 'rm -rf "$image"' EXIT
	# The rules stand here: buf compares a workspace of two modules only with two images.
	buf build --path proto/fairlead --exclude-source-info -o "$image/api.binpb"
	buf breaking "$image/api.binpb" --against proto/baseline.binpb --exclude-imports \
		--config '{"version":"v2","breaking":{"use":["FILE"]}}'
	;;
baseline)
	third_party
	buf build --path proto/fairlead --exclude-source-info -o proto/baseline.binpb
	;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2
	exit 2
	;;
esac

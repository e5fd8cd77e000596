#!/bin/bash
# router.sh OUT.tar [--build-arg NAME=VALUE]... — image localhost/llmkube-router:e2e from the Dockerfile, built with buildah on a
# debootstrapped Debian 13, and checked (check_router.py). With TARGETARCH=arm64 :e2e-arm64, by cross compilation.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
out=$1; shift
builder_begin
packages_image
context=$(mktemp -d) id=$(mktemp); trap 'rm -rf "$context" "$id"' EXIT
tracked CMakeLists.txt cmake common webhook reconciler | (cd "$REPO" && xargs -0 cp --parents -t "$context")
name=localhost/llmkube-router:e2e${TARGETARCH:+-$TARGETARCH}
# shellcheck disable=SC2046
build_ah build-using-dockerfile --isolation chroot --layers $(platform) --build-arg BASE=localhost/debian:trixie --timestamp 0 "$@" \
  -f "$REPO/Dockerfile" -t "$name" --iidfile "$id" "$context"
rm -f "$out"; build_ah push "$(cat "$id")" "docker-archive:$out:$name"
"$E2E/images/check_router.py" "$out"

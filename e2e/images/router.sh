#!/bin/bash
# router.sh OUT.tar [--build-arg NAME=VALUE]... — image localhost/llmkube-router:e2e from the Dockerfile, built with buildah on a
# debootstrapped Debian 13, and checked (check_router.py).
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
out=$1; shift
builder_begin
packages_image
context=$(mktemp -d) id=$(mktemp); trap 'rm -rf "$context" "$id"' EXIT
tracked CMakeLists.txt cmake common webhook reconciler | (cd "$REPO" && xargs -0 cp --parents -t "$context")
build_ah build-using-dockerfile --isolation chroot --layers --build-arg BASE=localhost/debian:trixie --timestamp 0 "$@" \
  -f "$REPO/Dockerfile" -t localhost/llmkube-router:e2e --iidfile "$id" "$context"
rm -f "$out"; build_ah push "$(cat "$id")" "docker-archive:$out:localhost/llmkube-router:e2e"
"$E2E/images/check_router.py" "$out"

#!/bin/bash
# router.sh OUT.tar — image localhost/llmkube-router:e2e from the Dockerfile, built with buildah on a debootstrapped Debian 13.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
base_image trixie
context=$(mktemp -d); container=; trap 'rm -rf "$context"' EXIT
tracked CMakeLists.txt cmake common webhook reconciler | (cd "$REPO" && xargs -0 cp --parents -t "$context")
build_ah build-using-dockerfile --isolation chroot --layers --build-arg BASE=localhost/debian:trixie --timestamp 0 \
  -f "$REPO/Dockerfile" -t localhost/llmkube-router:e2e "$context"
rm -f "$1"; build_ah push localhost/llmkube-router:e2e "docker-archive:$1:localhost/llmkube-router:e2e"
build_ah images --format '{{.Name}}:{{.Tag}} {{.Size}}' localhost/llmkube-router:e2e

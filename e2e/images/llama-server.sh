#!/bin/bash
# llama-server.sh OUT.tar — Debian sid's llama-server with only the libraries it loads (about 45 MB), under two names so that a test
# can tell which image a Pod was given: localhost/llama-server:cpu-b11669 and localhost/llama-server:cuda-b11669. Both compute
# on the CPU. The tag names the build that the rules know, whatever Debian has by now: with another one they would only warn of unknown flags.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
debian_root sid llama.cpp-tools
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT; chmod 755 "$root"
# the ggml back ends are opened at run time, so ldd of the server alone does not name them
# shellcheck disable=SC2016
chroot "$ROOT" sh -c 'cd /usr/lib/x86_64-linux-gnu/ggml; ldd /usr/bin/llama-server */*.so | grep -oE "/[^ ]+\.so[^ :]*$|/[^ ]+\.so[^ ]* \(" | tr -d " ("
  echo /usr/bin/llama-server; find "$PWD" /usr/share/llama.cpp/llama-server -type f' | sed -E 's#^/(lib|lib64)/#/usr/\1/#; s#^/##' | sort -u |
  (cd "$ROOT"; while read -r f; do install -D "$f" "$root/$f"; done)
ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"; mkdir -m 1777 "$root/tmp"
"$E2E/images/mkimage.py" "$root" localhost/llama-server:cpu-b11669,localhost/llama-server:cuda-b11669 "$1" --entrypoint /usr/bin/llama-server

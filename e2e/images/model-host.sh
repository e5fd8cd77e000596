#!/bin/bash
# model-host.sh OUT.tar MODELS — image localhost/model-host:1: Debian's nginx that serves the folder MODELS on port 8080 (nginx.conf).
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
debian_root trixie nginx
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT; chmod 755 "$root"
mkdir -p "$root"/{etc/nginx,models,var/log/nginx,usr/lib,usr/lib64}; mkdir -m 1777 "$root/tmp"
ln -s usr/lib "$root/lib"; ln -s usr/lib64 "$root/lib64"
{ chroot "$ROOT" ldd /usr/sbin/nginx | grep -oE '/[^ ]+' | sed -E 's#^/(lib|lib64)/#/usr/\1/#'; echo /usr/sbin/nginx; } | sort -u |
  while read -r f; do install -D "$ROOT/$f" "$root/$f"; done
cp "$E2E/images/nginx.conf" "$root/etc/nginx/"; cp "$2"/*.gguf "$2/sha256sums" "$root/models/"; chmod -R a+rX "$root/models"
"$E2E/images/mkimage.py" "$root" localhost/model-host:1 "$1" --entrypoint /usr/sbin/nginx,-c,/etc/nginx/nginx.conf --user 65532:65532

#!/bin/bash
# pause.sh OUT.tar — image localhost/pause:1, PID 1 of every pod sandbox. Needs the cluster's commands (cluster/build.sh).
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT; chmod 755 "$root"
cp "$K8S_DIR/bin/pause" "$root/"
"$E2E/images/mkimage.py" "$root" localhost/pause:1 "$1" --entrypoint /pause

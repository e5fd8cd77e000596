# env.sh — where things are; meant to be sourced by every script here.
#
# The cache is outside the checkout, safe to delete at any time, and each entry's name says what it was made from:
#   kubernetes-<version>/bin     kube-apiserver, kubelet, ..., etcd, helm, kubeconform, kwok and the cluster's add-ons
#   go-<version>/                a Go toolchain, where the machine has none that is new enough
#   debian-<suite>/              a debootstrapped root and its image
#   images/<name>-<inputs>.tar   images, as `ctr images import` takes them; <inputs> is a hash of what they were made from
#   operators/<name>-<inputs>/   programs that a case runs beside the cluster (e2e/operators), with their CRDs
#   models-<inputs>/             tiny GGUF files and what the file host serves beside them
#   venv-<inputs>/               the Python packages that make the models
#   buildah/ ccache/ build/      state of the builders
#   clusters/<name>/             state and logs of a running cluster
export LC_ALL=C.UTF-8
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPO=$(dirname "$E2E")
export CACHE=${LLMKUBE_ROUTER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/llmkube-router}
KUBERNETES_VERSION=$(sed -n 's/^[[:space:]]*k8s.io\/kubernetes \(v[0-9.]*\)$/\1/p' "$E2E/cluster/tools/go.mod" | head -n 1)
export KUBERNETES_VERSION K8S_DIR=$CACHE/kubernetes-$KUBERNETES_VERSION
GO_WANTED=$(sed -n 's/^go \([0-9.]*\)$/\1/p' "$E2E/cluster/tools/go.mod")    # what Kubernetes needs
GO_PINNED=1.26.8                                                           # what is fetched where the machine has none
mkdir -p "$CACHE/images"

# hash_of PATH... — 16 hex digits over the names and contents of files, folders and words; the same on every machine.
hash_of() {
  local p
  for p in "$@"; do
    if [ -d "$p" ]; then
      (cd "$p" && find . -type f ! -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum)
    elif [ -f "$p" ]; then sha256sum <"$p"
    else echo "$p"; fi
  done | sha256sum | cut -c1-16
}

operator_folder() { echo "$CACHE/operators/$1-$(hash_of "$E2E/operators/$1")"; }    # NAME
# wanted CASE-FILE... — the programs of e2e/operators that cases want: `# Wants NAME.` on a line of their own.
wanted() { sed -n 's/^# Wants \([a-z-]*\)\.$/\1/p' "$@" | sort -u; }

# tracked PATH... — the files below PATH that belong to the project (tracked, or new and not ignored), NUL-separated, relative to REPO.
tracked() { git -C "$REPO" -c safe.directory='*' ls-files -z --cached --others --exclude-standard --deduplicate -- "$@" | while IFS= read -r -d '' f; do
  [ -f "$REPO/$f" ] && printf '%s\0' "$f"; done; }

# hash_of_tracked PATH... — as hash_of, over tracked files.
hash_of_tracked() { tracked "$@" | LC_ALL=C sort -z | (cd "$REPO" && xargs -0 -r sha256sum) | sha256sum | cut -c1-16; }

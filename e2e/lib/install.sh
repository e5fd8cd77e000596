# install.sh — what the machine must have, by Debian package name; meant to be sourced after env.sh and log.sh. Run as root.

# command (or file) and the package that brings it; what is there is left alone, whoever brought it.
E2E_NEEDS='
git git
curl curl
openssl openssl
jq jq
ip iproute2
iptables iptables
pgrep procps
nsenter util-linux
python3 python3
/usr/lib/python3/dist-packages/yaml python3-yaml
debootstrap debootstrap
buildah buildah
containerd containerd
runc runc
/usr/lib/cni/bridge containernetworking-plugins
/usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
/etc/ssl/certs/ca-certificates.crt ca-certificates
'
BUILD_NEEDS='
git git
cmake cmake
ninja ninja-build
g++ g++
pkg-config pkg-config
ccache ccache
python3 python3
/usr/lib/python3/dist-packages/yaml python3-yaml
/usr/include/httplib.h libcpp-httplib-dev
/usr/include/openssl/ssl.h libssl-dev
/usr/include/nlohmann/json.hpp nlohmann-json3-dev
/usr/include/rapidjson/document.h rapidjson-dev
/usr/include/yaml-cpp/yaml.h libyaml-cpp-dev
/usr/include/CLI/CLI.hpp libcli11-dev
/usr/include/spdlog/spdlog.h libspdlog-dev
/usr/include/x86_64-linux-gnu/curl/curl.h libcurl4-openssl-dev
/usr/share/doc/catch2 catch2
'
FUZZ_NEEDS='
clang++-16 clang-16
/usr/lib/llvm-16/lib/clang/16/lib/linux/libclang_rt.fuzzer-x86_64.a libclang-rt-16-dev
'

apt_install() ( # PACKAGE... — no service is started, no question asked; in a shell of its own, which takes its policy away however it ends
  policy=/usr/sbin/policy-rc.d mark='# of llmkube-router: while its packages are installed'
  [ "$(id -u)" -eq 0 ] || fail "not root, and missing: $*"
  if [ ! -e $policy ] || grep -qxF "$mark" $policy; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >$policy; chmod 755 $policy; fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
)

# need TABLE — installs the packages of the table's rows whose command or file is missing.
need() {
  local what package missing=()
  while read -r what package; do
    [ -n "$what" ] || continue
    case $what in /*) [ -e "$what" ] || missing+=("$package") ;; *) command -v "$what" >/dev/null || missing+=("$package") ;; esac
  done <<<"$1"
  [ ${#missing[@]} -eq 0 ] || timed "packages: ${missing[*]}" apt_install "${missing[@]}"
}

need_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null || timed "packages: python3-venv" apt_install python3-venv; }

version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }  # HAVE WANTED
go_version() { (cd / && GOTOOLCHAIN=local "$1" version 2>/dev/null | sed -n 's/^go version go\([0-9.]*\).*/\1/p'); }

# go_from_modules DIR — the pinned toolchain into DIR. A Go toolchain is a Go module too, so any older Go fetches it from the module
# proxy and checks it against the checksum database. Modules hold no execute bits, and no nested go.mod under that name.
go_from_modules() {
  local go=$1 dir=$2 modules module
  modules=$(mktemp -d -p "$CACHE")
  module=golang.org/toolchain@v0.0.1-go$GO_PINNED.linux-$(dpkg --print-architecture)
  (cd "$modules" && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$modules GOPATH=$modules "$go" mod download -json "$module")
  rm -rf "$dir"; mv "$modules/$module" "$dir"; rm -rf "$modules"
  find "$dir" -name _go.mod -execdir mv _go.mod go.mod \;
  chmod -R u+w "$dir"; chmod 755 "$dir"/bin/* ; find "$dir/pkg/tool" "$dir/lib" "$dir/src" -type f \( -path '*/tool/*' -o -name '*.bash' -o -name '*.sh' \) -exec chmod 755 {} +
  "$dir/bin/go" version
}

# need_go — puts a Go on PATH that can build the cluster's Kubernetes.
need_go() {
  local have dir=$CACHE/go-$GO_PINNED
  export GOTOOLCHAIN=local GOFLAGS=${GOFLAGS:--buildvcs=false}
  have=$(go_version go) || true
  if [ -n "$have" ] && version_at_least "$have" "$GO_WANTED"; then return 0; fi
  if [ "$(go_version "$dir/bin/go")" != "$GO_PINNED" ]; then
    [ -n "$have" ] || timed "packages: golang-go" apt_install golang-go ca-certificates
    timed "Go $GO_PINNED (the machine has ${have:-$(go_version go)}, Kubernetes $KUBERNETES_VERSION needs $GO_WANTED)" go_from_modules "$(command -v go)" "$dir"
  fi
  export PATH=$dir/bin:$PATH GOROOT=
  unset GOROOT
}

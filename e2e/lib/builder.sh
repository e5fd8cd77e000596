# builder.sh — buildah with storage of its own in the cache, and roots made by debootstrap; meant to be sourced after env.sh and log.sh.
# Needs no container registry and no daemon: packages come from the mirror that this machine's apt uses.

build_ah() { # buildah as here: own storage, no user namespaces, chroot isolation
  TMPDIR=$CACHE/buildah/tmp buildah --root "$CACHE/buildah/storage" --runroot "$CACHE/buildah/run" --storage-driver overlay "$@"; }

# builder_begin — takes part in that storage until this script ends. Who is alone there first removes what killed runs left, containers with
# their mounts, and the layers that no tagged image rests on: the storage holds what the last build used, about 1.5 GB.
builder_begin() {
  mkdir -p "$CACHE/buildah/tmp"
  exec 7>"$CACHE/buildah/.users"
  # tidying never stops a build: another checkout's scripts may hold a container without this lock
  if flock -n -x 7; then { build_ah rm --all && build_ah rmi --prune; } >/dev/null 2>&1 || true; fi
  flock -s 7
}

# Where buildah keeps the compiler cache of the Dockerfile's build (--mount=type=cache); the tests on Debian 13 compile the same files.
BUILDER_CCACHE=$CACHE/buildah/tmp/buildah-cache/var/cache/ccache

# platform — the options that build for $TARGETARCH; none for this machine's own architecture.
platform() { [ -z "${TARGETARCH:-}" ] || echo "--platform=linux/$TARGETARCH --build-arg BUILDER=linux/$(dpkg --print-architecture)"; }

# packages_image — localhost/llmkube-router-packages: stage `packages` of the Dockerfile, tagged so that its layers stay.
packages_image() {
  local empty; empty=$(mktemp -d)
  base_image trixie
  # shellcheck disable=SC2046
  build_ah build-using-dockerfile --isolation chroot --layers --timestamp 0 --target packages $(platform) --build-arg BASE=localhost/debian:trixie \
    -f "$REPO/Dockerfile" -t "localhost/llmkube-router-packages${TARGETARCH:+-$TARGETARCH}" "$empty"
  rmdir "$empty"
}

# mirror — the address that this machine's apt takes Debian from.
mirror() { apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | grep -v security | head -n 1; }

# debian_root SUITE [PACKAGE...] — a root of SUITE below the cache, made once; prints nothing, sets ROOT.
# Keyed by suite and packages; a half-made one is made again.
debian_root() {
  local suite=$1 part; shift
  ROOT=$CACHE/debian-$suite${1:+-$(tr ' ' - <<<"$*")}
  [ ! -e "$ROOT/.complete" ] || return 0
  part=$ROOT.part; rm -rf --one-file-system "$ROOT" "$part"
  debootstrap --variant=minbase "$suite" "$part" "$(mirror)"
  settings_of_apt >"$part/etc/apt/apt.conf.d/00machine"
  [ $# -eq 0 ] || chroot "$part" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
  chroot "$part" apt-get clean
  touch "$part/.complete"; mv "$part" "$ROOT"
}

# settings_of_apt — how this machine's apt reaches its mirror (proxies, and mirrors whose index may be older than they say).
settings_of_apt() { apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until) ' || true; }

# base_image SUITE — localhost/debian:SUITE in the builder's storage.
base_image() {
  local suite=$1 container mark=$CACHE/debian-$1.image
  if [ -e "$mark" ] && build_ah inspect --type image "localhost/debian:$suite" >/dev/null 2>&1; then return 0; fi
  debian_root "$suite"
  container=$(build_ah from scratch)
  build_ah copy "$container" "$ROOT" /
  build_ah commit --rm "$container" "localhost/debian:$suite"
  touch "$mark"
}

# parts.sh — everything the end-to-end tests run on, made where it is missing; meant to be sourced after env.sh, log.sh and install.sh.
# An unchanged tree costs nothing: each part's file is named after what it was made from.

# image NAME KEY COMMAND... — the tar of one image, made by `COMMAND... OUT` when its file is not there; appends it to IMAGES.
image() {
  local name=$1 tar=$CACHE/images/$1-$2.tar; shift 2
  if [ ! -e "$tar" ]; then
    timed "image $name" make_image "$tar" "$@"
    # shellcheck disable=SC2012
    ls -t "$CACHE/images/$name"-[0-9a-f]*.tar | tail -n +5 | xargs -r rm -f    # the newest four stay
  fi
  touch "$tar"; IMAGES+=" $tar"
}
make_image() { local tar=$1; shift; "$@" "$tar.part" && mv "$tar.part" "$tar"; }

kubernetes() {
  local mark; mark=$K8S_DIR/.built-$(hash_of "$E2E/cluster/build.sh" "$E2E/cluster/tools" "$E2E/cluster/addons")
  [ ! -e "$mark" ] || return 0
  need_go
  timed "Kubernetes $KUBERNETES_VERSION, etcd, helm and the cluster's add-ons from Go modules" "$E2E/cluster/build.sh" "$K8S_DIR/bin"
  rm -f "$K8S_DIR"/.built-*; touch "$mark"
}

models() {
  MODELS=$CACHE/models-$(hash_of "$E2E/models")
  [ -e "$MODELS/sha256sums" ] || { need_venv; timed "tiny models" "$E2E/models/make.sh" "$MODELS"; }
}

# operators CASE-FILE... — the programs of e2e/operators that the cases want, each with the CRDs of its module, where `operator` of case.sh
# finds them. One whose modules cannot be had (a proxy may lack them) is left out, and its cases are skipped.
operators() {
  local name dir
  for name in $(wanted "$@"); do
    dir=$(operator_folder "$name")
    [ ! -d "$dir" ] || continue
    need_go
    timed "Go modules of $name" operator_modules "$name" "$dir.missing"
    [ -e "$dir.missing" ] || timed "$name from Go modules" make_operator "$name" "$dir"
  done
}
operator_modules() { # NAME FILE — fetches them; FILE holds why not, where the proxy does not give them
  local out
  mkdir -p "$CACHE/operators"; rm -f "$2"
  out=$(cd "$E2E/operators/$1" && go list -deps . 2>&1 >/dev/null) && return
  grep -m 1 -E '(reading|Get) "?https?://' <<<"$out" >"$2.part" || { rm "$2.part"; echo "$out"; return 1; }
  mv "$2.part" "$2"; cat "$2"
}
make_operator() { # NAME FOLDER
  rm -rf "$CACHE/operators/$1"-*
  mkdir -p "$2.part/crds"
  (cd "$E2E/operators/$1" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o "$2.part/" . &&
    go list -m -f '{{if not .Indirect}}{{.Dir}}{{end}}' all | while read -r module; do find "$module/deploy/crds" -name '*_*.yaml' -exec cp -t "$2.part/crds" {} + 2>/dev/null || true; done)
  chmod -R u+w "$2.part"; mv "$2.part" "$2"
}

# parts — all of them; sets IMAGES and MODELS. One at a time for each cache.
parts() {
  local lib; lib=$(hash_of "$E2E/images/mkimage.py" "$E2E/lib/builder.sh")
  need "$E2E_NEEDS"
  exec 8>"$CACHE/.lock"
  flock -n 8 || { say "another build works in $CACHE: waiting for it"; flock 8; }
  IMAGES=
  kubernetes
  models
  image pause "$(hash_of "$E2E/images/pause.sh" "$K8S_DIR/bin/pause" "$lib")" "$E2E/images/pause.sh"
  image busybox "$(hash_of "$E2E/images/busybox.sh" "$lib")" "$E2E/images/busybox.sh"
  [ -n "$(llama_version)" ] || timed "Debian sid with llama.cpp-tools" llama_root
  image llama-server "$(hash_of "$E2E/images/llama-server.sh" "$lib" "$(llama_version)")" "$E2E/images/llama-server.sh"
  image model-host "$(hash_of "$E2E"/images/{model-host.sh,nginx.conf} "$MODELS/sha256sums" "$lib")" model_host
  image router "$(hash_of_tracked CMakeLists.txt cmake common webhook reconciler Dockerfile e2e/images/{router.sh,check_router.py})" "$E2E/images/router.sh"
  flock -u 8
  export IMAGES MODELS
}
model_host() { "$E2E/images/model-host.sh" "$1" "$MODELS"; }

llama_root() { . "$E2E/lib/builder.sh"; debian_root sid llama.cpp-tools; }

# llama_version — the version of Debian's llama.cpp-tools in the cache's root of sid; empty before it is there.
llama_version() { dpkg-query --admindir="$CACHE/debian-sid-llama.cpp-tools/var/lib/dpkg" -W -f '${Version}' llama.cpp-tools 2>/dev/null || true; }

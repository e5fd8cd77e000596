# The image of webhook, reconciler, model-fetch and router-agent: the four binaries, the libraries they load, CA certificates; no shell.
# Debian 13, because its cpp-httplib carries the fixes of 2025.
#   docker build .                       from the registry's Debian
#   e2e/images/router.sh                 with buildah, from a root made by debootstrap (no registry needed)
ARG BASE=debian:trixie-slim

# ---- packages: what the build needs
FROM ${BASE} AS packages
RUN apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      ca-certificates ccache cmake g++ ninja-build pkg-config \
      libcli11-dev libcpp-httplib-dev libcurl4-openssl-dev libspdlog-dev libssl-dev libyaml-cpp-dev nlohmann-json3-dev rapidjson-dev \
 && apt-get clean && rm -rf /var/lib/apt/lists/*

# ---- build: the binaries, and under /image what the final stage holds
FROM packages AS build
COPY CMakeLists.txt /src/
COPY cmake /src/cmake
COPY common /src/common
COPY reconciler /src/reconciler
COPY webhook /src/webhook
RUN --mount=type=cache,target=/var/cache/ccache \
    CCACHE_DIR=/var/cache/ccache cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLMKUBE_ROUTER_TESTS=OFF \
 && CCACHE_DIR=/var/cache/ccache cmake --build /build --target webhook reconciler model-fetch router-agent \
 && mkdir -p /image/usr/bin /image/etc/ssl/certs /image/usr/lib /image/usr/lib64 && mkdir -m 1777 /image/tmp \
 && ln -s usr/lib /image/lib && ln -s usr/lib64 /image/lib64 \
 && for name in webhook reconciler model-fetch router-agent; do \
      install -s "$(find /build -type f -name "$name" -perm -100)" "/image/usr/bin/$name" || exit 1; done \
 && ldd /image/usr/bin/* | grep -oE '/[^ ]+' | grep -v : | sed -E 's#^/lib#/usr/lib#' | sort -u | while read -r library; do \
      install -D "$(readlink -f "$library")" "/image$library" || exit 1; done \
 && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
 && echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >/image/etc/passwd && echo 'nonroot:x:65532:' >/image/etc/group \
 && find /image -exec touch -h -d @0 {} +

# ---- final
FROM scratch
COPY --from=build /image /
USER 65532:65532
LABEL org.opencontainers.image.title="llmkube-router" \
      org.opencontainers.image.description="webhook, reconciler, model-fetch and router-agent of llmkube-router" \
      org.opencontainers.image.licenses="Apache-2.0"

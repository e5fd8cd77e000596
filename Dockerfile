# The image of webhook, reconciler, model-fetch and router-agent: the four binaries, the libraries they load, CA certificates, and the
# list of Debian packages it is made from (/usr/share/sbom); no shell. Under 30 MB, the same bytes each time (e2e/images/reproducible).
# Debian 13, because its cpp-httplib carries the fixes of 2025.
#   docker build .                       from the registry's Debian; with --platform linux/arm64 by cross compilation
#   e2e/images/router.sh                 with buildah, from a root made by debootstrap (no registry needed); e2e/images/arm64 for arm64
ARG BASE=debian:trixie-slim
ARG BUILDER=${BUILDPLATFORM}

# ---- packages: what the build needs; for another architecture than the builder's its compiler, and its libraries in place of the builder's
FROM --platform=${BUILDER} ${BASE} AS packages
ARG TARGETARCH
RUN builder=$(dpkg --print-architecture) && target=${TARGETARCH:-$builder} && cross= \
 && if [ "$target" != "$builder" ]; then dpkg --add-architecture "$target" && cross="crossbuild-essential-$target dpkg-dev"; fi \
 && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      ca-certificates ccache cmake g++ ninja-build pkg-config $cross libcli11-dev nlohmann-json3-dev rapidjson-dev \
      libcpp-httplib-dev:$target libcurl4-openssl-dev:$target libspdlog-dev:$target libssl-dev:$target libyaml-cpp-dev:$target \
 && apt-get clean && rm -rf /var/lib/apt/lists/*

# ---- build: the binaries, and under /image what the final stage holds
FROM packages AS build
COPY CMakeLists.txt /src/
COPY cmake /src/cmake
COPY common /src/common
COPY reconciler /src/reconciler
COPY webhook /src/webhook
ARG CCACHE_DISABLE
ARG TARGETARCH
RUN --mount=type=cache,target=/var/cache/ccache \
    export CCACHE_DIR=/var/cache/ccache CCACHE_MAXSIZE=1G \
 && cmake -C /src/cmake/image.cmake -S /src -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DLLMKUBE_ROUTER_TESTS=OFF \
 && cmake --build /build --target webhook reconciler model-fetch router-agent \
 && /src/cmake/image_root /build /image

# ---- final
FROM scratch
COPY --from=build /image /
USER 65532:65532
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="llmkube-router" \
      org.opencontainers.image.description="webhook, reconciler, model-fetch and router-agent of llmkube-router" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="llmkube-router" \
      org.opencontainers.image.documentation="https://github.com/llmkube-router/llmkube-router"

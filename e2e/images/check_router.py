#!/usr/bin/env python3
"""check_router.py IMAGE.tar — what is promised of the image: its size, that nobody is root in it, that it has no shell and no set-uid
file, its labels, and that its list of packages names each library. Names what is not so and exits with 1. Standard library only.
"""
import json
import sys
import tarfile

BYTES = 30_000_000    # unpacked
PROGRAMS = {"webhook", "reconciler", "model-fetch", "router-agent"}
LABELS = ("title", "description", "version", "licenses")
SBOM = "usr/share/sbom/llmkube-router.spdx.json"
# Some of the libraries, and their packages.
SOME_LIBRARIES = {"libcrypto.so.3": "libssl3t64", "libc.so.6": "libc6", "libcpp-httplib.so.0.18": "libcpp-httplib0.18",
                  "libz.so.1": "zlib1g", "libstdc++.so.6": "libstdc++6", "libyaml-cpp.so.0.8": "libyaml-cpp0.8"}


def main():
    faults = []

    def expect(true, otherwise):
        if not true:
            faults.append(otherwise)

    with tarfile.open(sys.argv[1]) as archive:
        manifest, = json.load(archive.extractfile("manifest.json"))
        config = json.load(archive.extractfile(manifest["Config"]))
        expect(len(manifest["Layers"]) == 1, f"{len(manifest['Layers'])} layers")
        with tarfile.open(fileobj=archive.extractfile(manifest["Layers"][0])) as layer:
            entries = {entry.name.removeprefix("./"): entry for entry in layer}
            sbom = json.load(layer.extractfile(entries[SBOM]))

    files = {name: entry for name, entry in entries.items() if entry.isfile()}
    size = sum(entry.size for entry in files.values())
    expect(size <= BYTES, f"{size} bytes unpacked, at most {BYTES} are promised; the largest: " +
           ", ".join(f"{name} {entry.size}" for name, entry in sorted(files.items(), key=lambda item: -item[1].size)[:8]))
    programs = {name.rsplit("/", 1)[1] for name in entries if name.startswith("usr/bin/")}
    expect(programs == PROGRAMS, f"/usr/bin holds {sorted(programs)}: the four programs and no shell")
    for name, entry in entries.items():
        expect(not entry.mode & 0o6000, f"{name} is set-uid or set-gid")
        expect(entry.uid == entry.gid == 0, f"{name} belongs to {entry.uid}:{entry.gid}")
        expect(entry.mtime == 0, f"{name} has a time of its own, so the next build is another image")
    expect(config["config"].get("User") == "65532:65532", f"user {config['config'].get('User')}")
    labels = config["config"].get("Labels") or {}
    for label in LABELS:
        expect(labels.get("org.opencontainers.image." + label), f"no label {label}")

    packages = {package["name"]: package["versionInfo"] for package in sbom["packages"]}
    expect(packages.get("llmkube-router") == labels.get("org.opencontainers.image.version"),
           f"label version {labels.get('org.opencontainers.image.version')}, {SBOM} says {packages.get('llmkube-router')}")
    for library, package in SOME_LIBRARIES.items():
        expect(any(name.endswith("/" + library) for name in entries), f"{library} is not in the image: mend this check")
        expect(packages.get(package), f"{SBOM} lacks {package}, which brings {library}")
    for package in ("ca-certificates", "libcurl4-openssl-dev", "nlohmann-json3-dev"):
        expect(packages.get(package), f"{SBOM} lacks {package}")
    related = {relation["relatedSpdxElement"] for relation in sbom["relationships"]}
    expect(related == {package["SPDXID"] for package in sbom["packages"]}, f"{SBOM}: relationships and packages differ")

    print("\n".join(faults) or f"{size} bytes unpacked, {len(packages) - 1} packages")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""mkimage.py ROOTFS_DIR REF[,REF...] OUT.tar [--entrypoint a,b] [--cmd a,b] [--env K=V] [--user U]

Writes a one-layer `docker save` archive (importable with `ctr images import`, `podman load`,
`skopeo copy docker-archive:`) from a folder, under each of the names. Standard library only;
the same folder gives the same image id.
"""
import argparse
import hashlib
import io
import json
import os
import subprocess
import tarfile
import tempfile

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def layer_of(rootfs, path):
    """Writes the folder as a reproducible tar and returns its sha256."""
    subprocess.run(["tar", "-C", rootfs, "--numeric-owner", "--owner=0", "--group=0", "--one-file-system",
                    "--sort=name", "--mtime=@0", "-cf", path, "."], check=True)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def config_of(args, layer):
    """The image's configuration, as its bytes."""
    config = {"Env": [PATH] + args.env, "WorkingDir": "/"}
    if args.entrypoint:
        config["Entrypoint"] = args.entrypoint.split(",")
    if args.cmd:
        config["Cmd"] = args.cmd.split(",")
    if args.user:
        config["User"] = args.user
    return json.dumps({"architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z", "config": config,
                       "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer]},
                       "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "mkimage.py"}]}).encode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("rootfs", "ref", "out"):
        parser.add_argument(name)
    for name in ("--entrypoint", "--cmd", "--user"):
        parser.add_argument(name, default="")
    parser.add_argument("--env", action="append", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(args.out))) as folder:
        path = os.path.join(folder, "layer.tar")
        layer = layer_of(args.rootfs, path)
        config = config_of(args, layer)
        identity = hashlib.sha256(config).hexdigest()
        manifest = json.dumps([{"Config": identity + ".json", "RepoTags": args.ref.split(","),
                                "Layers": [layer + "/layer.tar"]}]).encode()
        with tarfile.open(args.out, "w") as archive:
            for name, data in ((identity + ".json", config), ("manifest.json", manifest)):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
            archive.add(path, layer + "/layer.tar")
    print(args.ref, "sha256:" + identity, os.path.getsize(args.out))


if __name__ == "__main__":
    main()

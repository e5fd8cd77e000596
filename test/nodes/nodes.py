"""model-fetch on nodes that die: see `run`. Each scenario is a function that raises when something is not as it must be."""
import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../bench/fetch"))
from common import make_gguf                                    # noqa: E402
from machine import Machine, make_initramfs                     # noqa: E402

TOOLS = ["/usr/sbin/rpc.nfsd", "/usr/sbin/exportfs", "/usr/sbin/rpc.mountd", "/sbin/mount.nfs", "/sbin/rpc.statd", "/sbin/rpcbind",
         "/usr/sbin/sm-notify", "/usr/bin/setpriv"]
MIB = 1 << 20
SIZE = 96 * MIB
RATE = 4_000_000     # bytes/s of the models' host: a fetch takes some 25 s
LOCKS = "mkdir -p /run/rpcbind /var/lib/nfs/sm /var/lib/nfs/sm.bak && rpcbind && rpc.statd --no-notify"    # NFS 3's
LEASE = 10      # seconds until the server lets go of what a dead client held; Linux has 90 by default


def need(true, what):
    if not true:
        raise AssertionError(what)


class Site:
    """An NFS server with a disk, which is the models' host too, and two nodes that mount it, each on a cable of its own."""

    def __init__(self, args, folder):
        self.folder = folder
        self.kernel = make_initramfs(folder, args.root, TOOLS, [f"{args.build}/reconciler/pod/fetch/model-fetch",
                                                                f"{args.build}/test/fakes/file_host/file-host"])
        os.makedirs(folder + "/site/models")
        make_gguf(folder + "/site/models/f.gguf", SIZE)
        self.size = os.path.getsize(folder + "/site/models/f.gguf")
        with open(folder + "/site/models/f.gguf", "rb") as file:
            self.digest = hashlib.file_digest(file, "sha256").hexdigest()
        # as LLMKube prepares a volume: of its group, sticky bits for what is made in it
        os.makedirs(folder + "/site/cache")
        os.chown(folder + "/site/cache", 0, 102)
        os.chmod(folder + "/site/cache", 0o2775)
        subprocess.run(["truncate", "-s", "1G", folder + "/disk"], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-d", folder + "/site", folder + "/disk"], check=True)
        cables = [f"{folder}/cable{name}" for name in "ab"]
        self.server = Machine("server", folder, self.kernel, 384, [(False, cable) for cable in cables], folder + "/disk")
        self.nodes = [Machine(f"node-{name}", folder, self.kernel, 320, [(True, f"{folder}/cable{name}")]) for name in "ab"]
        self.keys = 0

    def start(self):
        for node in self.nodes:              # they hold the cables' listening ends, so the server can come again
            node.power_on()
        for number, node in enumerate(self.nodes):
            node.await_boot()
            node.sh(f"ip address add 10.0.{number}.2/24 dev eth0 && ip link set eth0 up; hostname {node.name}; "
                    f"echo 10.0.{number}.1 models.example >>/etc/hosts; chmod 1777 /tmp")
        self.start_server()

    def start_server(self):
        self.server.power_on()
        self.server.await_boot()
        self.server.sh("echo 127.0.0.1 models.example >>/etc/hosts; chmod 1777 /tmp")
        self.server.sh("mkdir -p /srv && mount -t ext4 /dev/vda /srv && mount -t nfsd nfsd /proc/fs/nfsd && "
                       "mkdir -p /var/lib/nfs/v4recovery && touch /etc/exports /var/lib/nfs/etab /var/lib/nfs/rmtab")
        for number in (0, 1):
            self.server.sh(f"ip address add 10.0.{number}.1/24 dev eth{number} && ip link set eth{number} up")
        self.server.sh(f"{LOCKS} && rpc.mountd && "
                       "exportfs -o rw,root_squash,no_subtree_check,fsid=1 '*:/srv' && "
                       f"rpc.nfsd -G {LEASE} -L {LEASE} 4")
        self.start_host()

    def start_host(self):
        self.server.sh(f"/opt/file-host --folder /srv/models --address 0.0.0.0 --port 80 --rate {RATE} >/tmp/sent 2>&1 & echo $! >/tmp/host")

    def mount(self, number, version="4.2"):
        """Mounts the volume on a node; returns the node."""
        node = self.nodes[number]
        if version == "3":
            node.sh(LOCKS)
        server = f"10.0.{number}.1"
        node.sh(f"mount -i -t nfs -o vers={version},hard,timeo=50,proto=tcp,mountproto=tcp,addr={server},clientaddr=10.0.{number}.2 "
                f"{server}:/srv /mnt")
        return node

    def sent(self):
        """Bytes that the models' host has sent since the last call."""
        self.server.sh("kill $(cat /tmp/host); while kill -0 $(cat /tmp/host) 2>/dev/null; do sleep 0.1; done")
        sent = int(self.server.sh("cat /tmp/sent")[1].split()[0])
        self.start_host()
        return sent

    def fresh_key(self):
        self.keys += 1
        return f"key{self.keys}"

    def begin(self, machine, key, to="/mnt/cache"):
        """Starts a fetch, as the user and the group of a fetch Job."""
        machine.sh(f"rm -f /tmp/{key}.*; (/usr/bin/setpriv --reuid 65532 --regid 102 --clear-groups /opt/model-fetch "
                   f"--source http://models.example/f.gguf --to {to} --key {key} --name f --sha256 {self.digest} --max-streams 1 --listen :8081 "
                   f">/tmp/{key}.out 2>/tmp/{key}.log; echo $? >/tmp/{key}.rc) &")

    def wait_for_share(self, machine, share, timeout=120):
        """Waits until a fetch there has that share of the file."""
        deadline, page = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            status, page = machine.sh("wget -qO- http://127.0.0.1:8081/progress", check=False)
            if status == 0 and json.loads(page).get("bytesDone", 0) >= share * self.size:
                return json.loads(page)["bytesDone"]
            time.sleep(0.2)
        raise AssertionError(f"{machine.name}: does not come to {share:.0%}: {page}")

    def end(self, machine, key, timeout=240):
        """Waits for a fetch; returns its result."""
        deadline = time.monotonic() + timeout
        while machine.sh(f"test -s /tmp/{key}.rc", check=False)[0]:
            if time.monotonic() > deadline:
                raise AssertionError(f"{machine.name}: no end: {machine.sh(f'tail -n 5 /tmp/{key}.log')[1]}")
            time.sleep(0.5)
        status, out, log = (machine.sh(f"cat /tmp/{key}.{what}")[1].strip() for what in ("rc", "out", "log"))
        need(status == "0", f"{machine.name}: model-fetch ended with {status}: {out} {log[-600:]}")
        return json.loads(out)

    def need_right(self, machine, path):
        found = machine.sh(f"sha256sum {path}")[1].split()[0]
        need(found == self.digest, f"{machine.name}: {path} is wrong")


def one_downloads(site, version):
    """Two nodes fetch one key at once: one downloads, the other waits and finds a good file."""
    a, b = site.mount(0, version), site.mount(1, version)
    key = site.fresh_key()
    site.begin(a, key)
    site.wait_for_share(a, 0.05)
    site.begin(b, key)
    results = [site.end(machine, key) for machine in (a, b)]
    fetched = [result["bytesFetched"] for result in results]
    need(fetched == [site.size, 0], f"fetched by each: {fetched}")
    need(site.sent() < 1.01 * site.size, "the host sent more than the file")
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    return "the second waited and fetched nothing"


def nfs_42(site):
    return one_downloads(site, "4.2")


def nfs_3(site):
    return one_downloads(site, "3")


def node_dies(site):
    """The node that downloads loses its power: the other takes over where the last durable checkpoint was."""
    a, b = site.mount(0), site.mount(1)
    key = site.fresh_key()
    site.begin(a, key)
    site.wait_for_share(a, 0.05)
    site.begin(b, key)
    done = site.wait_for_share(a, 0.8)
    a.cut()
    result = site.end(b, key)
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    again = result["bytesFetched"] - (site.size - done)
    need(again < 12 * RATE, f"{again / MIB:.1f} MiB were fetched again")
    return f"{again / MIB:.1f} of {done / MIB:.1f} MiB fetched again"


def server_restarts(site):
    """The NFS server, which is the models' host too, loses its power in the middle of a download."""
    a = site.mount(0)
    key = site.fresh_key()
    site.begin(a, key)
    site.wait_for_share(a, 0.5)
    site.server.cut()
    site.start_server()
    site.end(a, key)
    a.sh("sync")
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    return "the fetch went on"


def link_down(site):
    """The node's only link is down for 20 s."""
    a = site.mount(0)
    key = site.fresh_key()
    site.begin(a, key)
    site.wait_for_share(a, 0.3)
    a.sh("ip link set eth0 down; sleep 20; ip link set eth0 up")
    result = site.end(a, key)
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    again = result["bytesFetched"] - site.size
    need(again < 0.01 * site.size, f"{again} bytes were fetched again")
    return f"{max(0, again)} bytes fetched again"


def power_after_end(site):
    """The power goes as soon as a fetch onto a local disk has said that it is done: the file is there, whole, and known."""
    key = site.fresh_key()
    site.begin(site.server, key, to="/srv/cache")
    site.end(site.server, key)
    site.server.cut()
    site.start_server()
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    site.begin(site.server, key, to="/srv/cache")
    result = site.end(site.server, key)
    need(result["bytesFetched"] == 0, f"fetched again: {result}")
    return "the file is there and verified"


def power_in_between(site):
    """The power goes in the middle of a fetch onto a local disk."""
    key = site.fresh_key()
    site.begin(site.server, key, to="/srv/cache")
    done = site.wait_for_share(site.server, 0.8)
    site.server.cut()
    site.start_server()
    site.begin(site.server, key, to="/srv/cache")
    result = site.end(site.server, key)
    site.need_right(site.server, f"/srv/cache/{key}/f.gguf")
    again = result["bytesFetched"] - (site.size - done)
    need(again < 12 * RATE, f"{again / MIB:.1f} MiB were fetched again")
    return f"{again / MIB:.1f} of {done / MIB:.1f} MiB fetched again"


SCENARIOS = [nfs_42, nfs_3, node_dies, server_restarts, link_down, power_after_end, power_in_between]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", required=True, help="a Debian root with a kernel and the NFS server")
    parser.add_argument("--build", required=True, help="the build folder")
    parser.add_argument("scenario", nargs="*", help=", ".join(scenario.__name__ for scenario in SCENARIOS))
    args = parser.parse_args()
    wanted = [scenario for scenario in SCENARIOS if not args.scenario or scenario.__name__ in args.scenario]
    passed = failed = 0
    folder = tempfile.mkdtemp(prefix="nodes-")
    site = Site(args, folder)
    for scenario in wanted:
        began = time.monotonic()
        try:
            site.start()
            told = scenario(site)
            passed += 1
            print(f"ok     {scenario.__name__}, {time.monotonic() - began:.0f} s: {told}")
        except Exception:                                        # whatever went wrong: the others are tried, too
            failed += 1
            print(f"FAILED {scenario.__name__}, {time.monotonic() - began:.0f} s\n{traceback.format_exc()}")
        finally:
            for machine in site.nodes + [site.server]:
                machine.cut()
    if failed:
        print(f"what the machines said is in {folder}")
    else:
        shutil.rmtree(folder)
    print(f"nodes: {passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()

"""Machines in qemu whose only user is a test: a Debian kernel, busybox and what a test adds, all in an initramfs."""
import glob
import gzip
import os
import re
import shutil
import socket
import subprocess
import time

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /bin /sbin /proc /sys /dev /tmp /run /var/lib/nfs /mnt; /bin/busybox ln -s /run /var/run
/bin/busybox --install -s /bin
export PATH=/bin:/sbin:/usr/bin:/usr/sbin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp; chmod 1777 /tmp; mount -t tmpfs run /run; mount -t tmpfs state /var/lib/nfs
for module in MODULES; do modprobe $module; done
ip link set lo up; ip address add 127.0.0.1/8 dev lo 2>/dev/null
# a serial port of a real kind loses bytes on a busy machine; this one does not
exec 0<>/dev/vport0p1 1>&0 2>&1
echo AWAKE
while true; do cat | sh; done
"""
MODULES = ["virtio_pci", "virtio_console", "virtio_net", "virtio_blk", "nfs", "nfsv3", "nfsv4", "nfsd"]
LOADER = "ld-linux-x86-64.so.2"


def libraries(program, root=""):
    """Paths, below `root`, of what the dynamic loader would load for `program`."""
    command = (["chroot", root] if root else []) + ["ldd", program]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [word for line in lines for word in line.split() if word.startswith("/")]


def copy(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target)


def make_initramfs(folder, root, tools, programs):
    """Writes folder/initramfs: busybox and `tools` (paths) of the Debian `root` with its kernel's modules, and `programs` of this
    machine, which come with their own loader and libraries, as /opt/NAME. Returns the kernel's path."""
    stage = folder + "/stage"
    kernel = sorted(glob.glob(root + "/boot/vmlinuz-*"))[-1]
    version = kernel.rsplit("vmlinuz-", 1)[1]
    copy(root + "/bin/busybox", stage + "/bin/busybox")
    for tool in tools:
        for path in [tool] + libraries(tool, root):
            copy(root + path, stage + path)
    modules = f"/lib/modules/{version}"
    for module in MODULES:
        shown = subprocess.run(["chroot", root, "modprobe", "--set-version", version, "--show-depends", module],
                               capture_output=True, text=True).stdout
        for line in shown.splitlines():
            if line.startswith("insmod "):
                path = os.path.realpath(root + line.split()[1])
                copy(path, stage + path[len(os.path.realpath(root)):].replace("/usr/lib/", "/lib/", 1))
    for name in ["modules.dep", "modules.alias", "modules.symbols", "modules.builtin"]:
        copy(f"{root}/usr{modules}/{name}" if os.path.exists(f"{root}/usr{modules}/{name}") else f"{root}{modules}/{name}",
             f"{stage}{modules}/{name}")
    for program in programs:
        name = os.path.basename(program)
        for path in libraries(program):
            copy(path, f"{stage}/opt/lib/{os.path.basename(path)}")
        copy(program, f"{stage}/opt/bin/{name}")
        with open(f"{stage}/opt/{name}", "w") as file:
            file.write(f'#!/bin/sh\nexec /opt/lib/{LOADER} --library-path /opt/lib /opt/bin/{name} "$@"\n')
        os.chmod(f"{stage}/opt/{name}", 0o755)
    files = {
        "etc/passwd": "".join(f"{name}:x:{number}:{group}::/:/bin/sh\n" for name, number, group in
                              [("root", 0, 0), ("nobody", 65534, 65534), ("statd", 100, 65534), ("_rpc", 101, 65534)]),
        "etc/group": "root:x:0:\nnogroup:x:65534:\n",
        "etc/hosts": "127.0.0.1 localhost\n",
        "etc/services": "".join(f"{name} {port}/{kind} {alias}\n" for name, port, alias in [("sunrpc", 111, "portmapper"), ("nfs", 2049, "")]
                                for kind in ("tcp", "udp")),
        "init": INIT.replace("MODULES", " ".join(MODULES)),
    }
    copy(root + "/etc/netconfig", stage + "/etc/netconfig")
    for path, text in files.items():
        os.makedirs(os.path.dirname(f"{stage}/{path}"), exist_ok=True)
        with open(f"{stage}/{path}", "w") as file:
            file.write(text)
    os.chmod(stage + "/init", 0o755)
    names = subprocess.run(["find", "."], cwd=stage, capture_output=True, check=True).stdout
    packed = subprocess.run([root + "/bin/busybox", "cpio", "-o", "-H", "newc"], cwd=stage, input=names, capture_output=True, check=True)
    with gzip.open(folder + "/initramfs", "wb", compresslevel=1) as file:
        file.write(packed.stdout)
    shutil.rmtree(stage)
    return kernel


class Machine:
    """One machine. `links`: for each network card whether this end listens, and the path of the cable's socket."""

    def __init__(self, name, folder, kernel, memory, links, disk=None):
        self.name, self.folder = name, folder
        self.command = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-m", str(memory), "-nodefaults", "-display", "none",
                        "-no-reboot", "-kernel", kernel, "-initrd", folder + "/initramfs",
                        "-append", "console=ttyS0 quiet loglevel=4 random.trust_cpu=on panic=-1",
                        "-serial", f"file:{folder}/{name}.log", "-device", "virtio-serial-pci",
                        "-chardev", f"socket,id=shell,path={folder}/{name}.tty,server=on,wait=off", "-device", "virtserialport,chardev=shell"]
        for number, (listens, cable) in enumerate(links):
            mac = f"52:54:00:00:{int(listens)}0:{os.path.basename(cable)[-1].encode().hex()}"
            self.command += ["-netdev", f"stream,id=n{number},server={'on' if listens else 'off'},addr.type=unix,addr.path={cable}",
                             "-device", f"virtio-net-pci,netdev=n{number},mac={mac}"]
        if disk:
            self.command += ["-drive", f"file={disk},format=raw,if=virtio,cache=writeback"]
        self.process = self.tty = None

    def power_on(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)

    def await_boot(self):
        deadline = time.monotonic() + 20
        self.tty = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.tty.connect(f"{self.folder}/{self.name}.tty")
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name}: qemu did not start")
                time.sleep(0.1)
        self.tty.settimeout(120)
        received = b""
        while not received.endswith(b"AWAKE\n"):
            more = self.tty.recv(4096)
            if not more:
                raise RuntimeError(f"{self.name} did not boot: see {self.folder}/{self.name}.log")
            received += more
        self.count = 0

    def sh(self, command, timeout=120, check=True):
        """Runs a shell command there; returns (exit status, output)."""
        self.count += 1
        mark = f"END-{self.count}-"
        self.tty.settimeout(timeout)
        self.tty.sendall(f"{{ {command}\n}} </dev/null; printf '\\n%s%d.\\n' {mark[:-1]}- $?\n".encode())
        received = b""
        while not (found := re.search(rb"\n%s(\d+)\.\n$" % mark.encode(), received)):
            more = self.tty.recv(65536)
            if not more:
                raise RuntimeError(f"{self.name} has stopped")
            received += more
        status, output = int(found[1]), received[:found.start()].decode(errors="replace")
        if check and status:
            raise RuntimeError(f"{self.name}: `{command}` ended with {status}: {output.strip()}")
        return status, output

    def cut(self):
        """The power goes: nothing is written back, nobody is told."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.tty.close()
            self.process = None

#!/bin/bash
# busybox.sh OUT.tar — image docker.io/library/busybox:1: Debian's busybox with the libc that its wget and nslookup need.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../lib/env.sh"
. "$E2E/lib/builder.sh"
debian_root trixie
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; chmod 755 "$work"
root=$work/root lib=usr/lib/x86_64-linux-gnu
mkdir -p "$root"/{bin,etc,lib64,"$lib",root,var,home}; mkdir -m 1777 "$root/tmp"; ln -s usr/lib "$root/lib"
chroot "$ROOT" sh -c 'cd /var/cache/apt/archives && apt-get download -qq busybox' && mv "$ROOT"/var/cache/apt/archives/busybox_*.deb "$work/"
dpkg-deb -x "$work"/busybox_*.deb "$work/deb"
cp "$work"/deb/usr/bin/busybox "$root/bin/"
cp -L "$ROOT/$lib"/{libc.so.6,libresolv.so.2} "$root/$lib/"; cp -L "$ROOT/$lib/ld-linux-x86-64.so.2" "$root/lib64/"
for a in $("$ROOT/$lib/ld-linux-x86-64.so.2" --library-path "$ROOT/$lib" "$root/bin/busybox" --list); do [ "$a" = busybox ] || ln -s busybox "$root/bin/$a"; done
echo root:x:0:0:root:/root:/bin/sh >"$root/etc/passwd"; echo root:x:0: >"$root/etc/group"; echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
"$E2E/images/mkimage.py" "$root" docker.io/library/busybox:1 "$1" --cmd sh

#!/usr/bin/env bash
# Prints a directory with a Linux kernel for a virtual machine (`vmlinuz`, and below `modules` the
# drivers of its disk), which it downloads once from Debian. Needs apt-get, dpkg-deb and the network.
#
#   recorder/tests/guest_kernel.sh DIRECTORY
set -euo pipefail
directory=$1/guest-kernel
[ -e "$directory/vmlinuz" ] && { echo "$directory"; exit; }
package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: //p' | head -1)
[ -n "$package" ] || { echo "Debian's package lists have no linux-image-cloud-amd64" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download -qq "$package" >/dev/null 2>"$work/messages") || {
  tail -1 "$work/messages" >&2
  exit 1
}
dpkg-deb -x "$work"/*.deb "$work/tree"
mkdir -p "$work/kernel/modules" "$1"
# Newer packages have the image among the modules.
cp "$(find "$work/tree" -name 'vmlinuz*' -type f | head -1)" "$work/kernel/vmlinuz"
find "$work/tree" -name 'virtio*.ko*' -exec cp {} "$work/kernel/modules/" \;
find "$work/kernel/modules" -name '*.xz' -exec xz -d {} +
mv "$work/kernel" "$directory.$$"
# Another test may have been faster.
mv -T "$directory.$$" "$directory" 2>/dev/null || rm -rf "$directory.$$"
echo "$directory"

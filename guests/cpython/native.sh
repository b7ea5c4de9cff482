#!/usr/bin/env bash
# Prints the path of a native CPython of the guest's version, 3.11, and installs Debian's where there is none.
set -euo pipefail

if [ ! -x /usr/bin/python3.11 ]; then
    if [ "$(id -u)" = 0 ]; then as_root=(); else as_root=(sudo); fi
    "${as_root[@]}" apt-get install -q -y --no-install-recommends python3.11 >&2
fi
echo /usr/bin/python3.11

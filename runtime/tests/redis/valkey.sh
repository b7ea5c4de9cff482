#!/usr/bin/env bash
# Prints the path of a valkey-server of version 8 or later: the system's where it has one, else Debian's from trixie,
# which is unpacked into target/valkey/ with the libraries and the dynamic loader that it needs.
# Nothing is installed in the system, and its apt's lists and settings are not touched.
# apt verifies the suite's signature, and each package by the hash in the suite's index.
set -euo pipefail

suite=trixie
packages=(valkey-tools libc6 libgcc-s1 libstdc++6 libatomic1 libjemalloc2 liblzf1 libssl3t64 libsystemd0 libcap2
    libzstd1 zlib1g)

is_it() {
    [ -x "$1" ] && "$1" --version | grep -qE '^Valkey server v=([89]|[1-9][0-9])\.'
}
system=$(command -v valkey-server || true)
if is_it "$system"; then
    echo "$system"
    exit
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
out="$root/target/valkey"
if ! is_it "$out/valkey-server"; then
    if [ "$(dpkg --print-architecture)" != amd64 ]; then
        echo "there is no valkey-server here: install one (Debian from trixie on: valkey-server)" >&2
        exit 1
    fi
    # One that was begun and not finished is done anew; who else does it now has a folder of its own.
    mkdir -p "$root/target"
    new=$(mktemp -d "$root/target/valkey.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    apt="$new/apt"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/\?$' | head -n 1)
    mkdir -p "$new/packages" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        > "$apt/sources.list"
    options=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/parts"
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
    echo "fetching valkey from $suite" >&2
    apt-get "${options[@]}" update -q >&2
    (cd "$new/packages" && apt-get "${options[@]}" download -q "${packages[@]}" >&2)
    for package in "$new"/packages/*.deb; do dpkg-deb -x "$package" "$new"; done
    # The server is the program that checks its files, by another name.
    cat > "$new/valkey-server" << END
#!/bin/sh
exec "$out/usr/lib64/ld-linux-x86-64.so.2" --library-path "$out/usr/lib/x86_64-linux-gnu" \\
    --argv0 "$out/usr/bin/valkey-server" "$out/usr/bin/valkey-check-rdb" "\$@"
END
    chmod 755 "$new" "$new/valkey-server"
    rm -rf "$new/packages" "$apt" "$new/usr/share" "$out"
    mv "$new" "$out"
    is_it "$out/valkey-server" || { echo "$suite has no valkey-server that runs here" >&2; exit 1; }
fi
echo "$out/valkey-server"

#!/usr/bin/env bash
# Prints the path of a native CPython of the guest's version, 3.13.5: the system's where it has that, else Debian's from
# trixie, which is unpacked into target/guest-toolchain/ with the libraries and the dynamic loader that it needs.
# Nothing is installed in the system.
set -euo pipefail

version=3.13.5
suite=trixie
packages=(python3.13-minimal libpython3.13-minimal libpython3.13-stdlib libc6 libexpat1 zlib1g libssl3t64)

is_it() {
    [ -x "$1" ] && [ "$("$1" -I -S -c 'import sys; print(*sys.version_info[:3], sep=".")')" = "$version" ]
}
if is_it /usr/bin/python3.13; then
    echo /usr/bin/python3.13
    exit
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out="$root/target/guest-toolchain/native-python"
if ! is_it "$out/python3.13"; then
    apt="$root/target/guest-toolchain/apt-$suite-binary"
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/\?$' | head -n 1)
    rm -rf "$out"
    mkdir -p "$out/packages" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
    echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
        > "$apt/sources.list"
    options=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/parts"
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
    echo "fetching python3.13 from $suite" >&2
    apt-get "${options[@]}" update -q >&2
    (cd "$out/packages" && apt-get "${options[@]}" download -q "${packages[@]}" >&2)
    for package in "$out"/packages/*.deb; do dpkg-deb -x "$package" "$out"; done
    rm -rf "$out/packages" "$apt"
    # It finds its own library by the name that it is called by.
    cat > "$out/python3.13" << END
#!/bin/sh
exec "$out/usr/lib64/ld-linux-x86-64.so.2" --library-path "$out/usr/lib/x86_64-linux-gnu" \\
    --argv0 "$out/usr/bin/python3.13" "$out/usr/bin/python3.13" "\$@"
END
    chmod 755 "$out/python3.13"
    is_it "$out/python3.13" || { echo "$suite has no python3.13 of version $version any more" >&2; exit 1; }
fi
echo "$out/python3.13"

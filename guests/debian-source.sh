#!/usr/bin/env bash
# Fetches the upstream source of a Debian package: debian-source.sh PACKAGE SUITE
# Prints the folder it is unpacked in, below target/guest-toolchain/source/.
# The mirror is the one this machine's own apt uses; its lists and settings are
# not touched.
set -euo pipefail

package=$1
suite=$2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source="$root/target/guest-toolchain/source/$package"
apt="$root/target/guest-toolchain/apt-$suite"

if [ -f "$source/.unpacked" ]; then
    # Its name: a tree may have been moved, or copied from another.
    folder=$(cat "$source/.unpacked")
    echo "$source/${folder##*/}"
    exit
fi

mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep '/debian/\?$' | head -n 1)
mkdir -p "$source" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" > "$apt/sources.list"
options=(-o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts="$apt/parts"
    -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root)
echo "fetching the source of $package from $suite" >&2
apt-get "${options[@]}" update -q >&2
# Without Debian's patches: some of their archives are no longer on mirrors.
(cd "$source" && apt-get "${options[@]}" source -q --download-only --tar-only "$package" >&2)
archive=$(ls "$source"/*.orig.tar.*[!c] | head -n 1)
tar xf "$archive" -C "$source"
folder=$(find "$source" -mindepth 1 -maxdepth 1 -type d | head -n 1)
echo "${folder##*/}" > "$source/.unpacked"
echo "$folder"

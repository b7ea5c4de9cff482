#!/usr/bin/env bash
# Builds tflite/build/mobilenet.wasm from TensorFlow Lite 1.15, whose sources, with
# those of all that it needs, are in the crate tflite 0.9.8. No edits. With the
# argument `native`, builds the same for this machine, to target/guests/tflite/mobilenet.
# Some two minutes of processor time each; what is built is kept.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
chain="$root/target/guest-toolchain"
sysroot="$chain/sysroot"
crate=0.9.8
kind=${1:-wasm}
out="$root/target/guests/tflite"
objects="$out/$kind"
mkdir -p "$objects" "$out/fetch"

# cargo fetches and verifies the crate; it is not built.
fetch() {
    printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[dependencies]\ntflite = "=%s"\n[workspace]\n' \
        "$crate" > "$out/fetch/Cargo.toml"
    touch "$out/fetch/lib.rs"
    (cd "$out/fetch" && cargo metadata -q --format-version 1) | python3 -c '
import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "tflite":
        print(os.path.dirname(package["manifest_path"]) + "/submodules")'
}
sources=$(fetch)
downloads="$sources/downloads"
cd "$sources/tensorflow"

flags=(-O3 -DNDEBUG -w -DGEMMLOWP_ALLOW_SLOW_SCALAR_FALLBACK -DTF_LITE_DISABLE_X86_NEON -I. -I "$here"
    -I "$downloads/eigen" -I "$downloads/absl" -I "$downloads/gemmlowp" -I "$downloads/neon_2_sse"
    -I "$here/../c/include" -I "$downloads/farmhash/src" -I "$downloads/flatbuffers/include" -I "$downloads/fft2d"
    -ffile-prefix-map="$sources"=tflite -ffile-prefix-map="$here"=tflite)
if [ "$kind" = wasm ]; then
    target=(--target=wasm32-wasip1 --sysroot="$sysroot" -resource-dir "$sysroot" --no-wasm-opt
        -msimd128 -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_SIGNAL)
    c=(clang-22 "${target[@]}")
    cxx=(clang++-22 "${target[@]}" -fno-exceptions)
    own=("$here/mobilenet.cc" "$here/function.cc")
else
    c=(gcc)
    cxx=(g++ -include cstdint -include limits)
    own=("$here/mobilenet.cc" "$here/native-main.cc")
fi

lite=tensorflow/lite
kernels=$lite/kernels
ruy=$lite/experimental/ruy
files=(
    $lite/{allocation,arena_planner,external_cpu_backend_context,graph_info,interpreter,minimal_logging}.cc
    $lite/{minimal_logging_default,mmap_allocation_disabled,model,mutable_op_resolver}.cc
    $lite/{simple_memory_arena,stderr_reporter,string_util,util}.cc
    $lite/core/subgraph.cc $lite/core/api/{error_reporter,flatbuffer_conversions,op_resolver}.cc
    $lite/c/c_api_internal.c
    $lite/delegates/nnapi/nnapi_delegate_disabled.cc $lite/nnapi/nnapi_implementation_disabled.cc
    $kernels/{conv,depthwise_conv,fully_connected,activations,reshape,pooling,add,reduce,pad}.cc
    $kernels/{cpu_backend_context,eigen_support,kernel_util,cpu_backend_gemm_eigen}.cc
    $kernels/internal/{kernel_utils,tensor_utils,quantization_util}.cc
    $kernels/internal/reference/portable_tensor_utils.cc
    $kernels/internal/optimized/{neon_tensor_utils,sse_tensor_utils}.cc
    $ruy/{allocator,block_map,blocking_counter,context,detect_dotprod,pmu,thread_pool,trace,trmul,tune,wait}.cc
    $lite/experimental/resource_variable/*.cc $lite/profiling/time.cc
    "${own[@]}"
)
list=()
for file in "${files[@]}"; do
    [ -f "$file" ] || continue
    object="$objects/$(echo "${file#"$here"/}" | tr / _).o"
    list+=("$object")
    [ "$object" -nt "$file" ] && continue
    printf '%s\0%s\0' "$file" "$object"
done > "$objects/todo"
compile() {
    local file=$1 object=$2
    case "$file" in
        *.c) $CC "${@:3}" -c "$file" -o "$object" ;;
        *) $CXX -std=c++17 "${@:3}" -c "$file" -o "$object" ;;
    esac
}
export -f compile
CC="${c[*]}" CXX="${cxx[*]}" FLAGS="${flags[*]}" xargs -0 -r -n 2 -P "${JOBS:-2}" \
    bash -c 'compile "$1" "$2" $FLAGS' _ < "$objects/todo"

if [ "$kind" = wasm ]; then
    clang++-22 "${target[@]}" -O3 "${list[@]}" -nostartfiles "$chain/sdk/start.o" "$chain/sdk/libfaasm.a" \
        -lwasi-emulated-mman -lwasi-emulated-signal \
        -Wl,--stack-first -Wl,-z,stack-size=1048576 -Wl,--export=malloc -Wl,--export=free -Wl,--export-table \
        -Wl,--strip-all -o "$here/build/mobilenet.wasm"
    chmod 644 "$here/build/mobilenet.wasm"
else
    g++ "${list[@]}" -lpthread -o "$out/mobilenet"
fi

#!/bin/sh
# Installs what is needed and not there yet; says what to install by hand where it cannot.
#   setup.sh demo   what the demo needs: a standard library for wasm32-unknown-emscripten or the sources of one, a
#                   linker for WebAssembly, Node with npm, Python, git
#   setup.sh        what the tests need, too: compilers for C and C++, browsers
set -eu

has_std() {
    for sysroot in "$(rustc --print sysroot 2>/dev/null || true)" /usr; do
        [ -n "$sysroot" ] || continue
        [ -d "$sysroot/lib/rustlib/src/rust/library/std" ] && return 0
        [ -d "$sysroot/lib/rustlib/wasm32-unknown-emscripten/lib" ] && return 0
    done
    return 1
}

has_linker() {
    sysroot="$(rustc --print sysroot 2>/dev/null || true)"
    for toolchain in "$sysroot" "${HOME:-}"/.rustup/toolchains/*; do
        for linker in "$toolchain"/lib/rustlib/*/bin/rust-lld; do
            [ -x "$linker" ] && return 0
        done
    done
    for version in "" -19 -20 -21 -22 -23; do
        command -v "wasm-ld$version" >/dev/null && return 0
    done
    return 1
}

missing=""
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
command -v python3 >/dev/null || missing="$missing python3 python3-venv python3-pip"
command -v git >/dev/null || missing="$missing git"
if ! has_std; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        missing="$missing rustc-web cargo-web rust-web-src"
    else
        echo "setup: adding Rust's sources with rustup"
        rustup component add rust-src
    fi
fi
has_linker || missing="$missing lld-19"
if [ "${1:-}" != demo ]; then
    # Packages that compile C or C++: a clang for WebAssembly, an archiver, headers.
    command -v clang-19 >/dev/null || missing="$missing clang-19"
    command -v llvm-ar-19 >/dev/null || missing="$missing llvm-19"
    [ -d /usr/lib/llvm-19/include/c++/v1 ] || missing="$missing libc++-19-dev"
    [ -d /usr/share/emscripten/cache/sysroot/include ] || missing="$missing emscripten"
    command -v cmake >/dev/null || missing="$missing cmake"
    # What a build opens is counted by a test.
    command -v strace >/dev/null || missing="$missing strace"
    # Tests in a page and in a worker.
    command -v chromium >/dev/null || missing="$missing chromium"
    command -v firefox-esr >/dev/null || command -v firefox >/dev/null || missing="$missing firefox-esr"
    command -v chromedriver >/dev/null || missing="$missing chromium-driver"
fi
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "setup: install these first:$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
apt-get install -y -qq --no-install-recommends $missing >/dev/null

"""Runs the fuzz targets one after another: python3 fuzz/run.py [--seconds N] [TARGET...].

Builds them with cargo and the compiler's own coverage instrumentation, so that a stable compiler serves and no other
tool is needed. Corpora begin with what lies in the repository. Ends with 1 if a target crashed: its input is then in
`fuzz/artifacts`.
"""

import argparse
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile

FUZZ = pathlib.Path(__file__).resolve().parent
ROOT = FUZZ.parent
FLAGS = [
    "-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters", "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares", "-Ccodegen-units=1", "-Cdebug-assertions", "-Coverflow-checks",
]
REQUIREMENTS = [
    "a", "a==1.0", "a[b,c]>=2,<3; python_version < '3.13' and extra == 'd'", "a @ https://h/a-1.0-py3-none-any.whl",
    "a; (sys_platform == 'linux' or os_name != 'nt') and platform_machine in 'wasm32 x86_64'",
]
METADATA = ("Metadata-Version: 2.4\nName: a\nVersion: 1.0\nRequires-Python: >=3.9\n"
            "Requires-Dist: b>=1; extra == 'c'\n\nText\n")
PAGE = {"meta": {"api-version": "1.1"}, "name": "a", "files": [
    {"filename": "a-1.0.tar.gz", "url": "a-1.0.tar.gz", "hashes": {"sha256": "0" * 64}, "yanked": "why",
     "requires-python": ">=3.9"}, {"filename": "a-1.0-py3-none-any.whl", "url": "x", "hashes": {}, "yanked": False}]}
LOCK = {"info": {"abi_version": "2025_0", "arch": "wasm32", "platform": "emscripten_4_0_9", "python": "3.13.2",
                 "version": "0.29.5"},
        "packages": {"a": {"version": "1.0", "file_name": "a-1.0-py3-none-any.whl", "sha256": "0" * 64,
                           "depends": ["b"]}}}
SCRIPT = ('var wasmImports={"a":_a,b:b,c:c};function _a(x,y){}_a.sig="iii";var b=new WebAssembly.Global({value:"i32",'
          'mutable:true},1);var c=()=>{};c.sig="v";var asmLibraryArg={"d":_d};')
LINK = ["-shared -o a.so a.o -sSIDE_MODULE=2 -sEXPORTED_FUNCTIONS=[\"_PyInit_a\"] -L/x -lb --target=wasm32",
        "-Wl,--export=a,-z,x @file 'a b.o' \"c\\\"d\" -Xlinker --no-entry"]


def sdist():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in (("a-1.0/setup.py", b"1"), ("a-1.0/" + "x" * 120, b""), ("a-1.0/PKG-INFO", b"Name: a\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        link = tarfile.TarInfo("a-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "setup.py"
        archive.addfile(link)
    return packed.getvalue()


def module():
    """A side module: `dylink.0`, an imported memory, a function that returns nothing, its export, a byte of data."""
    def text(name):
        return bytes([len(name)]) + name.encode()

    sections = [
        (0, text("dylink.0") + bytes([1, 4, 16, 4, 0, 0])),
        (1, bytes([1, 0x60, 0, 1, 0x7F])),
        (2, bytes([2]) + text("env") + text("memory") + bytes([2, 0, 1])
         + text("env") + text("__memory_base") + bytes([3, 0x7F, 0])),
        (3, bytes([1, 0])),
        (7, bytes([1]) + text("PyInit_a") + bytes([0, 0])),
        (10, bytes([1, 4, 0, 0x41, 0, 0x0B])),
        (11, bytes([1, 0, 0x23, 0, 0x0B, 1, 42])),
    ]
    return b"\0asm\x01\0\0\0" + b"".join(bytes([kind, len(data)]) + data for kind, data in sections)


def wheel():
    packed = io.BytesIO()
    info = "a-1.0.dist-info"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.cpython-314-wasm32-emscripten.so", module())
        archive.writestr(f"{info}/METADATA", METADATA)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: cp314-cp314-pyemscripten_2026_0_wasm32\n")
        archive.writestr(f"{info}/RECORD", f"{info}/RECORD,,\n")
    return packed.getvalue()


def seeds(target):
    """What a corpus begins with."""
    texts = {
        "metadata": [*REQUIREMENTS, METADATA],
        "lock_file": [json.dumps(LOCK)],
        "script": [SCRIPT],
        "index_page": [json.dumps(PAGE)],
        "link_arguments": LINK,
        "overlay": [path.read_text() for folder in ("recipes", "tests") for path in (ROOT / folder).rglob("*.toml")],
    }.get(target, [])
    found = [text.encode() for text in texts]
    if make := {"sdist": sdist, "module": module, "wheel": wheel}.get(target):
        found.append(make())
    if target in ("module", "wheel"):
        endings = {"module": (".so", ".wasm"), "wheel": (".whl",)}[target]
        built = [path for path in (ROOT / "target/tmp").rglob("*") if path.suffix in endings and path.is_file()]
        found += [path.read_bytes() for path in sorted(built) if path.stat().st_size < 1 << 20][:20]
    return found


def main():
    known = [binary["name"] for binary in tomllib.loads((FUZZ / "Cargo.toml").read_text())["bin"]]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(known))
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    if unknown := set(options.targets) - set(known):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    said = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    host = re.search(r"host: (\S+)", said)[1]
    # A target that is named: build scripts and macros are then not instrumented.
    command = ["cargo", "build", "--release", "--bins", "--target", host, "--manifest-path", FUZZ / "Cargo.toml"]
    environment = {**os.environ, "RUSTFLAGS": " ".join(FLAGS), "RUSTC_BOOTSTRAP": "1"}
    subprocess.run(command, check=True, env=environment)
    crashed = []
    for target in options.targets or known:
        corpus, artifacts = FUZZ / "corpus" / target, FUZZ / "artifacts" / target
        for folder in (corpus, artifacts):
            folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds(target)):
            (corpus / f"seed-{number}").write_bytes(seed)
        print(f"== {target}", flush=True)
        program = FUZZ / "target" / host / "release" / target
        ended = subprocess.run([program, corpus, f"-max_total_time={options.seconds}", f"-artifact_prefix={artifacts}/",
                                "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"])
        if ended.returncode:
            crashed.append(target)
    if crashed:
        print(f"crashed: {', '.join(crashed)}; the inputs are in {FUZZ / 'artifacts'}")
    return bool(crashed)


sys.exit(main())

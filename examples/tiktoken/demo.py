"""Builds tiktoken for Pyodide and lets it encode and decode there: python3 demo.py TOOL [LINES, such as 0.29,314].

The vocabulary comes from the Rust crate tiktoken-rs, through cargo, and is checked by its SHA-256. tiktoken imports
`regex`, a C extension that lives on Pyodide's content delivery network; unless REGEX_WHEELS names a folder with its
wheels, a test double made of Python's own `re` stands in for it, and the output says so.
"""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / ".demo"
# Without what makes a wheel small and fast: whoever tries the tool should not wait for it.
QUICK = ["--profile-as-is", "--optimize", "none", "--compress", "fast"]
# tiktoken looks for a vocabulary under the SHA-1 of the address that it would fetch it from.
UPSTREAM = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken"
SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
PROGRAM = """
import tiktoken
enc = tiktoken.get_encoding("cl100k_base")
tokens = enc.encode("hello world")
assert enc.decode(tokens) == "hello world"
print(tokens)
"""


def vocabulary():
    """The folder in which tiktoken finds its vocabulary."""
    manifest = HERE / "vocabulary" / "Cargo.toml"
    folder = WORK / "vocabulary"
    target = folder / hashlib.sha1(UPSTREAM.encode()).hexdigest()
    if not target.is_file():
        command = ["cargo", "metadata", "--format-version=1", "--manifest-path", str(manifest)]
        metadata = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        crate = next(package for package in metadata["packages"] if package["name"] == "tiktoken-rs")
        content = (pathlib.Path(crate["manifest_path"]).parent / "assets" / "cl100k_base.tiktoken").read_bytes()
        folder.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    if digest != SHA256:
        sys.exit(f"{target} has the SHA-256 {digest}, expected {SHA256}")
    return folder


def regex_double(tag="py3"):
    """A wheel named `regex` for a Python that is its own `re`: enough for tiktoken's special tokens."""
    info = "regex-0+double.dist-info"
    files = {
        "regex.py": "from re import *  # a test double\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: regex\nVersion: 0+double\nSummary: a test double of re\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: demo\nRoot-Is-Purelib: true\nTag: {tag}-none-any\n",
    }

    def row(path, text):
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        return f"{path},sha256={digest},{len(text.encode())}\n"

    files[f"{info}/RECORD"] = "".join(row(*item) for item in files.items()) + f"{info}/RECORD,,\n"
    wheel = WORK / f"regex-0+double-{tag}-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def regex_for(tag):
    """The real `regex` for a Python tag if the user has it, else the double."""
    folder = os.environ.get("REGEX_WHEELS")
    found = sorted(pathlib.Path(folder).glob(f"regex-*-{tag}-*wasm32.whl")) if folder else []
    return found[-1] if found else regex_double()


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    lines = sys.argv[2] if len(sys.argv) > 2 else "314"
    WORK.mkdir(exist_ok=True)
    folder = vocabulary()
    started = time.monotonic()
    command = [tool, "build", "tiktoken==0.14.0", "--pyodide", lines, *QUICK]
    command += ["--out-dir", WORK / "wheels", "--json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=False, stdout=subprocess.PIPE).stdout)
    rows = []
    for built in report["wheels"]:
        wheel = pathlib.Path(built["wheel"])
        regex = regex_for(wheel.name.split("-")[2])
        version = built["runtime"]["version"]
        command = [tool, "run", "--pyodide", version, "--with", regex, "--with", wheel]
        # A script sees the variables that are named, and no others of this machine.
        command += ["--env", f"TIKTOKEN_CACHE_DIR={folder}", "-c", PROGRAM]
        tokens = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=WORK)
        seconds = sum(built["seconds"].values())
        rows.append((version, wheel.name, f"{built['size'] / 1000:.0f} kB", f"{seconds:.1f} s", tokens.stdout.strip()))
        double = " (a test double made of re stands in for regex)" if "double" in regex.name else ""
    print(f'\ntiktoken 0.14.0, "hello world" encoded and decoded with cl100k_base on Node{double}\n')
    table = [("Pyodide", "wheel", "size", "build", "tokens"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    print(f"\n{time.monotonic() - started:.0f} s in all")


if __name__ == "__main__":
    main()

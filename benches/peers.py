"""Compares wheels that cargo-pyodide builds with those on the package index: python3 peers.py TOOL [NAME …] [OPTIONS].

Downloads each peer's wheel for Pyodide 314, builds the same version, and prints the sizes of both: of the wheel, and of
its module as it is, with gzip -9 and with brotli. Where `peers/NAME.py` has benchmarks, `bench` measures both in turn.
Ratios of sizes are ours by the peer's, below 1 is smaller; of speed the other way round, above 1 is faster.
`--no-speed` measures sizes alone.
"""

import argparse
import gzip
import json
import pathlib
import statistics
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
# Each has a wheel for 314 on the index, made with the emsdk.
PEERS = {
    "minijinja": "3.0.5",
    "css-inline": "0.24.0",
    "pydantic-core": "2.50.4",
    "cramjam": "2.14.0",
    "arro3-core": "0.9.1",
    "rustworkx": "0.18.1",
    "jiter": "0.19.0",
    "arro3-compute": "0.9.1",
}
PIP = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
TAGS = ["--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp",
        "--abi", "cp314", "--abi", "abi3"]


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("tool", type=pathlib.Path)
    parser.add_argument("names", nargs="*", default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("target/peers"))
    parser.add_argument("--no-speed", action="store_true")
    return parser.parse_args()


def printed(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def download(name, folder):
    """The peer's wheel."""
    found = list(folder.glob(f"{name.replace('-', '_')}-{PEERS[name]}-*.whl"))
    if not found:
        subprocess.run([sys.executable, *PIP, *TAGS, "--dest", folder, f"{name}=={PEERS[name]}"], check=True)
        found = list(folder.glob(f"{name.replace('-', '_')}-{PEERS[name]}-*.whl"))
    return found[0]


def build(tool, name, folder):
    """Our wheel."""
    report = printed(tool, "build", f"{name}=={PEERS[name]}", "--pyodide", "314", "--out-dir", folder, "--json", "-q")
    return pathlib.Path(json.loads(report)["wheels"][0]["wheel"])


def sizes(tool, wheel):
    """Bytes of a wheel and of all its modules."""
    modules = json.loads(printed(tool, "audit", wheel, "--size", "--format", "json"))["modules"]
    with zipfile.ZipFile(wheel) as archive:
        files = [archive.read(name) for name in archive.namelist() if name.endswith(".so")]
    return {
        "wheel": wheel.stat().st_size,
        "raw": sum(len(data) for data in files),
        "gzip -9": sum(len(gzip.compress(data, 9)) for data in files),
        "brotli": sum(module["brotli"] for module in modules),
    }


def speeds(tool, ours, theirs, script, rounds):
    """How many times as fast ours is: function → middle, worst and best round."""
    report = json.loads(printed(tool, "bench", ours, script, "--against", theirs, "--pyodide", "314", "--json", "-q",
                                "--rounds", str(rounds)))
    ratios = {one["name"]: one["results"][1]["package_is_times_as_fast"] for one in report["benchmarks"]}
    return {name: (ratio["median"], ratio["lowest"], ratio["highest"]) for name, ratio in ratios.items()}


def main():
    asked = arguments()
    tool = asked.tool.resolve()
    ours_folder, peers_folder = asked.folder / "ours", asked.folder / "peers"
    for folder in (ours_folder, peers_folder):
        folder.mkdir(parents=True, exist_ok=True)
    compared, all_speeds = [], []
    print("| package | | ours | peer | ratio |\n|---|---|---|---|---|")
    for name in asked.names:
        theirs, ours = download(name, peers_folder), build(tool, name, ours_folder)
        own, other = sizes(tool, ours), sizes(tool, theirs)
        compared.append({key: own[key] / other[key] for key in own})
        for key in own:
            print(f"| {name} | {key} | {own[key]:,} | {other[key]:,} | {own[key] / other[key]:.3f} |", flush=True)
        script = HERE / "peers" / f"{name.replace('-', '_')}.py"
        if asked.no_speed or not script.exists():
            continue
        for function, (middle, worst, best) in speeds(tool, ours, theirs, script, asked.rounds).items():
            all_speeds.append(middle)
            print(f"| {name} | {function} | | | {middle:.2f} ({worst:.2f} to {best:.2f}) |", flush=True)
    print()
    for key in compared[0]:
        ratios = [one[key] for one in compared]
        print(f"{key}: median {statistics.median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}")
    if all_speeds:
        print(f"speed: median {statistics.median(all_speeds):.2f}, {min(all_speeds):.2f} to {max(all_speeds):.2f}")


main()

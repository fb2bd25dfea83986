"""Prints what cargo-pyodide adds to cargo, the back end and wasm-ld: python3 overhead.py TOOL [ROUNDS].

Builds tiktoken with everything warm, several times in one run, and prints the median of each step in milliseconds. The
step `compile` is the back end with cargo and wasm-ld, `environment` its hook for requirements; the rest is ours, the
run of `cargo metadata` among it. The import check on Node is left out. Peak memory is that of our process alone.
"""

import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

TOOL = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5


def build(out):
    command = [TOOL, "build", "tiktoken==0.14.0", "--pyodide", "0.29", "--out-dir", out, "--json", "-q",
               "--no-import"]
    started = time.perf_counter()
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    whole = time.perf_counter() - started
    return {**report["seconds"], **report["wheels"][0]["seconds"], "whole": whole}


def peak_of_ours(out):
    """The peak of our own process, in MB, as the kernel counts it in VmHWM while it runs."""
    process = subprocess.Popen([TOOL, "build", "tiktoken==0.14.0", "--pyodide", "0.29", "--out-dir", out, "-q",
                                "--no-import"],
                               stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            peak = max(peak, next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")))
        except (OSError, StopIteration):
            break
        time.sleep(0.002)
    process.wait()
    return peak / 1000


with tempfile.TemporaryDirectory() as folder:
    build(folder)
    rounds = [build(folder) for _ in range(ROUNDS)]
    peak = peak_of_ours(folder)
for step in rounds[0]:
    print(f"{step:12} {1000 * statistics.median(measured[step] for measured in rounds):8.1f} ms")
ours = [measured["whole"] - measured["compile"] - measured["environment"] for measured in rounds]
print(f"{'ours':12} {1000 * statistics.median(ours):8.1f} ms")
print(f"{'peak':12} {peak:8.1f} MB (children: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000:.1f} MB)")

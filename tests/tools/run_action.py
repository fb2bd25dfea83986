"""Runs the shell steps of a composite action as a runner does: run_action.py ACTION NAME=VALUE... -- STEP...

NAME=VALUE sets inputs; the steps that are named are run in the order of the file, in the current folder.
"""

import os
import re
import subprocess
import sys

import ruamel.yaml

arguments = sys.argv[1:]
split = arguments.index("--")
action, settings, wanted = arguments[0], arguments[1:split], arguments[split + 1 :]
with open(action, encoding="utf-8") as file:
    document = ruamel.yaml.YAML(typ="safe").load(file)
inputs = {name: entry["default"] for name, entry in document["inputs"].items()}
inputs.update(setting.split("=", 1) for setting in settings)


def expand(text):
    return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: inputs[found[1]], text)


steps = {step["name"]: step for step in document["runs"]["steps"]}
for name in wanted:
    step = steps[name]
    environment = os.environ | {key: expand(value) for key, value in step.get("env", {}).items()}
    print(f"== {name}", flush=True)
    subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], env=environment, check=True)

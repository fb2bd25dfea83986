"""Loads extension modules, and looks for the names that are taken from them.

The argument is JSON: a list of {"path": below site-packages, "names": those that are taken}. If modules lack some, the
last line on stderr is JSON, {module: names}, and the status is 3.
"""

import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig

missing = {}
for wanted in json.loads(sys.argv[1]):
    name = wanted["path"].split(".", 1)[0].replace("/", ".")
    file = os.path.join(sysconfig.get_path("purelib"), wanted["path"])
    loader = importlib.machinery.ExtensionFileLoader(name, file)
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    # As `from MODULE import NAME`: an attribute, or a module below it that is there already.
    absent = [taken for taken in wanted["names"] if not hasattr(module, taken) and f"{name}.{taken}" not in sys.modules]
    if absent:
        missing[name] = absent
if missing:
    print(json.dumps(missing), file=sys.stderr)
    sys.exit(3)

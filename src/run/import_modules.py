"""Opens libraries, loads extension modules, and looks for the names that are taken from these.

The arguments are JSON: a list of {"path": below site-packages, "names": those that are taken}, and the paths of
libraries. If modules lack names, the last line on stderr is JSON, {module: names}, and the status is 3.
"""

import ctypes
import importlib.machinery
import importlib.util
import json
import os
import sys
import sysconfig

site_packages = sysconfig.get_path("purelib")
for path in json.loads(sys.argv[2]):
    ctypes.CDLL(os.path.join(site_packages, path))
missing = {}
for wanted in json.loads(sys.argv[1]):
    name = wanted["path"].split(".", 1)[0].replace("/", ".")
    file = os.path.join(site_packages, wanted["path"])
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

"""Loads extension modules by their paths below site-packages, given as arguments."""

import importlib.machinery
import importlib.util
import os
import sys
import sysconfig

for path in sys.argv[1:]:
    name = path.split(".", 1)[0].replace("/", ".")
    file = os.path.join(sysconfig.get_path("purelib"), path)
    loader = importlib.machinery.ExtensionFileLoader(name, file)
    spec = importlib.util.spec_from_file_location(name, file, loader=loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)

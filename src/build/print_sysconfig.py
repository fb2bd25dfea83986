"""Prints how this Python was configured, as one line of JSON."""

import json
import sys
import sysconfig

variables = sysconfig.get_config_vars()
print(json.dumps({name: value for name, value in variables.items() if isinstance(value, (int, str))}), file=sys.stderr)

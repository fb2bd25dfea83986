"""Prints, as JSON, which package index pip would use and how it would reach it.

Asked of pip's own option parser, so that its configuration files, its environment variables and its own default are
all taken into account the way pip does.
"""

import json

from pip._internal.commands import create_command

options = create_command("install").parser.get_default_values()
print(
    json.dumps(
        {
            "index_url": options.index_url,
            "cert": options.cert,
            "proxy": options.proxy,
        }
    )
)

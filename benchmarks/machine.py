"""What the figures were measured on."""

import os
import platform
import subprocess
from importlib.metadata import version

from benchmarks.servers import node


def machine() -> str:
    """In one line."""
    packages = ("aioboto3", "aiobotocore", "boto3", "aiohttp", "orjson", "aiodynamo", "aiopynamodb", "uvloop")
    versions = [f"{name} {version(name)}" for name in packages]
    program = node()
    if program:
        found = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        versions.append(f"Node.js {found.removeprefix('v')}")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{os.cpu_count()} cores ({platform.machine()}), {python}, {', '.join(versions)}"

"""Says what to install where the extra is missing. The package imports it before what needs the extra."""

from __future__ import annotations

from importlib.util import find_spec

EXTRA = "nact-conformance[containers]"
"""The packages that containers need; the rest of the kit works without them."""

for name in ("docker", "testcontainers", "pymongo"):
    if find_spec(name) is None:
        raise ModuleNotFoundError(f'servers in containers need {name}: pip install "{EXTRA}"', name=name)

"""Uses installed packages for the first time: `python -I tools/smoke.py nact nact_persistence_redis`."""

import importlib
import importlib.metadata
import importlib.resources
import sys

import nact

# Nothing is there to be reached, and nothing is tried: a constructor does no I/O.
URLS = {"memory": "memory://", "redis+unix": "redis+unix:///run/redis.sock", "sqlite": "sqlite:///smoke.db"}


def check_module(name: str) -> None:
    """It can be imported, from where packages are installed, and says that it is typed."""
    module = importlib.import_module(name)
    if not importlib.resources.files(name).joinpath("py.typed").is_file():
        sys.exit(f"{name} has no py.typed")
    print(f"{name} is typed, and imports from {module.__file__}")


def check_schemes() -> None:
    """Every URL scheme makes an engine, and this core takes it."""
    for entry in importlib.metadata.entry_points(group="nact.engines"):
        engine = nact.engine_from_url(URLS.get(entry.name, f"{entry.name}://localhost/0"))
        nact.configure_persistence(engine)
        print(f"{entry.name}:// makes a {type(engine).__name__}")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        check_module(name)
    check_schemes()

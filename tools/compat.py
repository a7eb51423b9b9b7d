"""`nox -s compat`: the laws, on the versions at the ends of what each engine admits."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

from tools.cores import Core, admitted
from tools.packages import CORE, KIT, Package, read_packages

ROOT = Path(__file__).parents[1]
PACKAGES = read_packages(ROOT)
ENGINES = ["memory", *[name.removeprefix("persistence-") for name in PACKAGES if name.startswith("persistence-")]]
WITHOUT_SERVERS = {"memory", "sqlite"}
CONTAINERS = nox.project.load_toml(PACKAGES[KIT].folder / "pyproject.toml")["project"]["optional-dependencies"][
    "containers"
]
# One class of each engine's `test_laws.py`.
IN_SHORT = "TestFile or TestNewestServer or TestMotorOnReplicaSet"
GONE_WITH_ITS_PROCESS = ["A-12", "L-16", "N-13", *[f"P-0{number}" for number in range(1, 8)], "P-11"]
IN_MEMORY = [
    "--engine-url=memory://laws",
    *[f"--conformance-declare={law}:a journal in memory ends with its process" for law in GONE_WITH_ITS_PROCESS],
]


@nox.session(venv_backend="uv")
@nox.parametrize("versions", ["oldest", "newest", "lowest"])
@nox.parametrize("engine", ENGINES)
def compat(session: nox.Session, engine: str, versions: str) -> None:
    """Try the laws with the oldest and the newest core that an engine admits, and on its lowest direct dependencies.

    In short, on one server of each engine; ``-- --whole`` for all. Needs uv, and Docker for engines with servers.
    On the lowest dependencies, the engine's other tests are run as well.
    With NACT_MATRIX=short, only the lowest dependencies, of engines without servers.
    """
    if os.environ.get("NACT_MATRIX") == "short" and (versions != "lowest" or engine not in WITHOUT_SERVERS):
        session.skip("NACT_MATRIX=short")
    package, kit = PACKAGES[CORE if engine == "memory" else f"persistence-{engine}"], PACKAGES[KIT]
    known = [core for core in admitted(package, ROOT) if kit.admits(core.version)]
    if not known:
        session.error(f"no core is admitted by {package.name} {package.core_range} and {kit.name} {kit.core_range}")
    if versions == "newest" and known[0] == known[-1]:
        session.skip(f"{package.name} and {kit.name} admit one core that there is, {known[0]}: oldest is newest")
    core = known[-1] if versions == "newest" else known[0]
    session.log(f"{package.name} {package.version} and {kit.name} {kit.version} from the work tree, with {core}")
    install_from_wheels(session, core, package, kit, lowest=versions == "lowest")
    try_laws(session, engine, whole="--whole" in session.posargs)
    if versions == "lowest" and engine != "memory":
        try_other_tests(session, package)


def install_from_wheels(session: nox.Session, core: Core, *packages: Package, lowest: bool) -> None:
    """Build and install these, with what they need: the newest there is, or the lowest that they ask for."""
    scratch = Path(session.create_tmp())
    shutil.rmtree(scratch)
    folders = [core.source(ROOT, scratch), *[package.folder for package in packages if package.short_name != CORE]]
    for folder in folders:
        session.run("uv", "build", "--quiet", "--wheel", f"--out-dir={scratch / 'wheels'}", str(folder))
    needs = [part for folder in folders for part in ("--requirements", str(folder / "pyproject.toml"))]
    chosen = ["--resolution=lowest-direct"] if lowest else []
    session.install(*chosen, *map(str, scratch.glob("wheels/*.whl")), *needs, *CONTAINERS, "pytest-xdist>=3.8")
    session.run("uv", "pip", "check")
    session.run("uv", "pip", "list")


def try_laws(session: nox.Session, engine: str, *, whole: bool = False) -> None:
    """Run the kit, away from this repository's settings, which need the newest pytest."""
    if laws := list(ROOT.glob(f"packages/persistence-{engine}/tests/test_laws.py")):
        options = ["--import-mode=importlib", *map(str, laws), *([] if whole else ["-k", IN_SHORT])]
    else:
        options = ["--pyargs", "nact_conformance", *IN_MEMORY]
    session.chdir(session.create_tmp())
    session.run("pytest", "-c", os.devnull, "--rootdir=.", "--numprocesses=auto", *options)


def try_other_tests(session: nox.Session, package: Package) -> None:
    """Run what else tests the engine, with this repository's settings; only what the tests themselves need is newer."""
    session.chdir(ROOT)
    extras = nox.project.load_toml(package.folder / "pyproject.toml")["project"].get("optional-dependencies", {})
    needs = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "tests")
    session.install(*needs, *[each for extra in extras.values() for each in extra])
    tests = package.folder / "tests"
    options = ["--numprocesses=auto", "--dist=loadscope", f"--ignore={tests}/test_laws.py"]
    session.run("pytest", *options, "-o", "filterwarnings=default", str(tests))  # old libraries warn

"""`nox -s build` and `nox -s release`: what users install, tried where nothing else is installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

from tools.artefacts import flaws
from tools.compat import IN_MEMORY
from tools.cores import admitted
from tools.packages import CORE, KIT, Package, modules, read_packages
from tools.release import notes, obstacles, released_by

ROOT = Path(__file__).parents[1]
PACKAGES = read_packages(ROOT)
DIST = ROOT / "dist"
EXAMPLES = ROOT / "examples"
TOOLS = nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), "build")
SMOKE = "tools/smoke.py"


@nox.session
def build(session: nox.Session) -> None:
    """Build every package, check what is in it, then have ``wheels`` and ``readme`` try the result."""
    build_into_dist(session, *PACKAGES.values())
    session.notify("wheels")
    session.notify("readme")


def build_into_dist(session: nox.Session, *packages: Package) -> None:
    """Build these packages' sdists, and the wheels from those, and nothing else; check what is in them."""
    session.install(*TOOLS)
    shutil.rmtree(DIST, ignore_errors=True)
    for package in packages:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(DIST), str(package.folder))
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))
    session.run("check-wheel-contents", *map(str, DIST.glob("*.whl")))
    if found := flaws(DIST):
        session.error("\n".join(found))


def built_wheels(*packages: Package) -> list[str]:
    """The wheels of these packages that ``build`` left."""
    return [str(wheel) for package in packages for wheel in DIST.glob(f"{package.wheel}*.whl")]


@nox.session
def wheels(session: nox.Session) -> None:
    """Install the built wheels, each beside those before it, and use them as a stranger would."""
    packages = list(PACKAGES.values())
    for count, package in enumerate(packages, start=1):
        session.install(*built_wheels(*packages[:count]))
        session.run("python", "-I", SMOKE, *modules(package.folder))
    session.install(str(EXAMPLES / "contacts"))
    session.run("python", "-m", "contacts.demo")
    session.run(*(["uv"] if session.venv_backend == "uv" else ["python", "-m"]), "pip", "check")
    conformance_from_wheels(session)


def conformance_from_wheels(session: nox.Session) -> None:
    """Run the kit as a third party does, away from this repository's settings: without code, and with a little."""
    elsewhere = Path(session.create_tmp()).resolve()
    (elsewhere / "pytest.ini").touch()
    journal = elsewhere / "laws.db"
    journal.unlink(missing_ok=True)
    example = EXAMPLES / "third-party-engine"
    session.install(str(example))
    session.chdir(elsewhere)
    session.run("pytest", "--pyargs", "nact_conformance", "--engine-url", f"sqlite:///{journal}")
    session.run("pytest", "-c", "pytest.ini", "--rootdir=.", str(example / "tests"))


@nox.session
def readme(session: nox.Session) -> None:
    """Run the README's lesson as it is printed, where nothing but wheels was installed, and only what it asks for."""
    session.install("--only-binary=:all:", *built_wheels(PACKAGES[CORE], PACKAGES["persistence-sqlite"]))
    session.run("python", "-I", "tools/readme.py")


@nox.session
def release(session: nox.Session) -> None:
    """Rehearse what a tag releases, up to the upload: ``nox -s release -- persistence-redis-v0.1.0``."""
    if len(session.posargs) != 1:
        session.error("say which tag, as in: nox -s release -- persistence-redis-v0.1.0")
    (tag,) = session.posargs
    try:
        package = released_by(tag, ROOT)
    except ValueError as error:
        session.error(str(error))
    if found := obstacles(tag, ROOT):
        session.error("\n".join([f"{tag} can't be released:", *found]))
    build_into_dist(session, package)
    for note in notes(tag, ROOT):
        session.warn(note)
    session.notify("smoke", posargs=[package.short_name])


@nox.session
def smoke(session: nox.Session) -> None:
    """Use the wheel that ``release`` built, beside the newest core that it admits."""
    (name,) = session.posargs
    package = PACKAGES[name]
    beside = []
    if name != CORE:
        known = admitted(package, ROOT)
        core = [*known, *[released for released in known if released.tag]][-1]  # what users have, if they have any
        session.log(f"{package.name} {package.version} beside {core}")
        beside.append(str(core.source(ROOT, Path(session.create_tmp()))))
    session.install(*built_wheels(package), *beside)
    session.run("python", "-I", SMOKE, *modules(package.folder))
    if name == KIT:
        session.run("pytest", "-c", os.devnull, "--rootdir=.", "--pyargs", "nact_conformance", *IN_MEMORY)

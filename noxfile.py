"""The project's chores: ``nox -s demo``, ``nox -s tests``, and everything else that CI runs.

Packages and examples are found by looking: folders with a ``pyproject.toml`` and code under ``src``.
"""

import os
import shutil
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))  # for tools

from tools import artefacts, cores
from tools import release as releases
from tools.packages import CORE, Package, read_package, read_packages

ROOT = Path.cwd()
PROJECT = nox.project.load_toml("pyproject.toml")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
SUPPORTED = nox.project.python_versions(nox.project.load_toml("packages/core/pyproject.toml"))
PYTHONS = SUPPORTED if RUNNING in SUPPORTED else [*SUPPORTED, RUNNING]
TYPING_TESTS = Path("packages/core/tests/typing")
DIST = Path("dist").resolve()
SMOKE = "tools/smoke.py"
CONTAINERS = nox.project.load_toml("conformance-tests/pyproject.toml")["project"]["optional-dependencies"]["containers"]
# One class of each engine's `test_laws.py`.
IN_SHORT = "TestFile or TestNewestServer or TestMotorOnReplicaSet"
NOT_IN_MEMORY = [f"--conformance-declare=P-0{law}:a journal in memory ends with its process" for law in range(1, 8)]
IN_MEMORY = ["--engine-url=memory://laws", *NOT_IN_MEMORY]

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # in CI too: RUNNING is always there
nox.options.sessions = ["lint", "types", "tests"]

# pyenv's commands for Pythons that aren't its global ones fail, unless this names them.
if pyenv := os.environ.get("PYENV_ROOT"):
    installed = [folder.name for python in PYTHONS for folder in Path(pyenv, "versions").glob(f"{python}.*")]
    os.environ.setdefault("PYENV_VERSION", ":".join(installed))


def modules(project: Path) -> list[str]:
    """The names that a project can be imported by."""
    return [init.parent.name for init in project.glob("src/*/__init__.py")]


def projects(*patterns: str) -> list[Path]:
    """The folders among these that are projects with code in them, in order."""
    folders = [folder for pattern in patterns for folder in sorted(Path().glob(pattern))]
    return [folder for folder in folders if (folder / "pyproject.toml").is_file() and modules(folder)]


PACKAGES = projects("packages/*", "conformance-tests")
EXAMPLES = projects("examples/*")
CONTACTS = Path("examples/contacts")
ENGINES = ["memory", *[package.name.removeprefix("persistence-") for package in projects("packages/persistence-*")]]
REPORTS = Path("conformance-reports")
# Engines of databases that are servers keep what tells about those in a folder of their tests.
WITH_SERVERS = [package for package in PACKAGES if any(package.glob("tests/*_servers"))]


def groups(*names: str) -> tuple[str, ...]:
    """What these dependency groups require."""
    return nox.project.dependency_groups(PROJECT, *names)


def editable(project: Path) -> tuple[str, str]:
    """The arguments that install a project from its folder, with all its extras."""
    extras = nox.project.load_toml(project / "pyproject.toml")["project"].get("optional-dependencies", {})
    return "-e", f"{project}[{','.join(extras)}]" if extras else str(project)


def install_everything(session: nox.Session, *names: str) -> None:
    """Install every package and example from its folder, and what these dependency groups require."""
    session.install(*[part for project in PACKAGES + EXAMPLES for part in editable(project)], *groups(*names))


@nox.session
def demo(session: nox.Session) -> None:
    """Run the contacts example on SQLite: what was acknowledged outlives the process."""
    session.install("-e", "packages/core", "-e", "packages/persistence-sqlite", "-e", str(CONTACTS))
    session.run("python", "-m", "contacts.demo", *session.posargs)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests, on each Python that is here; those of servers, and core's coverage, on nox's own alone.

    The servers run in containers. Without Docker their tests are skipped; in CI (`CI=true`) they fail.
    """
    install_everything(session, "tests")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    core, *others = tests_without_servers()
    if session.python == RUNNING:
        session.run("coverage", "run", "-m", "pytest", core)
        session.run("coverage", "report")
    else:
        session.run("pytest", core)
    session.run("pytest", "--numprocesses=logical", "-m", "not servers", *others)
    if session.python == RUNNING:
        run_all_on_servers(session)


def tests_without_servers() -> list[str]:
    """The folders of tests that any machine can run, core's first."""
    projects = [project for project in PACKAGES + EXAMPLES if project not in WITH_SERVERS]
    folders = [project / "tests" for project in [*projects, Path("benchmarks"), Path("tools")]]
    return [str(folder) for folder in folders if folder.is_dir()]


@nox.session
@nox.parametrize("major", [8, 9])
def plugins(session: nox.Session, major: int) -> None:
    """Try the kit beside other pytest plugins, on pytest's two newest major versions."""
    session.install("-e", "packages/core", "-e", "packages/persistence-sqlite", "-e", "conformance-tests")
    session.install(f"pytest=={major}.*", "pytest-asyncio", "pytest-xdist", "anyio")
    # Our own settings need the newest pytest.
    session.run("pytest", "-c", os.devnull, "--rootdir=.", "conformance-tests/tests/test_in_a_session.py")


def run_all_on_servers(session: nox.Session) -> None:
    """Run the tests of the engines with servers, and those of the examples that try all engines."""
    run_on_servers(session, *[str(package / "tests") for package in WITH_SERVERS])
    run_on_servers(session, "-m", "servers", *[str(example / "tests") for example in EXAMPLES])


def run_on_servers(session: nox.Session, *args: str) -> None:
    """Run tests that start servers. A class of tests stays in one process, which starts its server once."""
    session.run("pytest", "--numprocesses=logical", "--dist=loadscope", *args)


@nox.session(python=PYTHONS)
def servers(session: nox.Session) -> None:
    """Run only the tests of the engines whose databases are servers, on real ones in containers."""
    install_everything(session, "tests")
    if session.posargs:
        run_on_servers(session, *session.posargs)
    else:
        run_all_on_servers(session)


@nox.session
def conformance(session: nox.Session) -> None:
    """Try the laws on every engine of ours, or on those named: `nox -s conformance -- redis`.

    On the oldest and the newest server that each supports, in containers, with all faults. Reports go to
    conformance-reports/.
    """
    install_everything(session, "tests")
    REPORTS.mkdir(exist_ok=True)
    suites = {path.parts[1].removeprefix("persistence-"): path for path in Path().glob("packages/*/tests/test_laws.py")}
    if unknown := set(session.posargs) - set(suites):
        session.error(f"no engine is called {', '.join(sorted(unknown))}; there are: {', '.join(sorted(suites))}")
    for name in session.posargs or sorted(suites):
        reports = (
            f"--conformance-{kind}={REPORTS / name}.{end}" for kind, end in (("report", "json"), ("markdown", "md"))
        )
        run_on_servers(session, str(suites[name]), *reports)


@nox.session
def crash(session: nox.Session) -> None:
    """Run the tests that kill processes, for many more rounds than ``tests`` does."""
    install_everything(session, "tests")
    rounds = os.environ.get("NACT_CRASH_ROUNDS", "50")
    args = session.posargs or tests_without_servers()
    session.run("pytest", "-m", "crash", *args, env={"NACT_CRASH_ROUNDS": rounds})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, format, and who may import whom."""
    session.install("--no-deps", *[part for package in PACKAGES for part in ("-e", str(package))])
    session.install(*groups("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    found = {module for package in PACKAGES for module in modules(package)}
    if unlisted := found - set(PROJECT["tool"]["importlinter"]["root_packages"]):
        session.error(f"pyproject.toml: [tool.importlinter] doesn't know {', '.join(sorted(unlisted))}")
    session.run("lint-imports", "--no-logo", "--no-cache")
    session.run("zizmor", "--offline", "--quiet", "--persona=pedantic", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all code, strictly, and what a user's programs are told by them."""
    install_everything(session, "types", "bench", "plots")
    for project in PACKAGES + EXAMPLES:
        # These roots give two files of one name, in two folders of tests, two module names.
        roots = os.pathsep.join(str(project / folder) for folder in ("src", "tests"))
        session.run("mypy", "--explicit-package-bases", str(project), env={"MYPYPATH": roots})
    session.run("mypy", "noxfile.py", "tools", *[str(folder) for folder in Path().glob("benchmarks")])
    if TYPING_TESTS.is_dir():
        session.run("pytest", str(TYPING_TESTS))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure, beside the peers; arguments after ``--`` go to ``python -m benchmarks``."""
    install_everything(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def publish(session: nox.Session) -> None:
    """Make docs/measured, and the README's table, from the results and reports there; ``-- --check`` only compares."""
    install_everything(session, "tests", "plots")
    session.run("pytest", "benchmarks/tests/test_plots.py")
    session.run("python", "-m", "benchmarks.publish", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build every package, check what is in it, then have ``wheels`` and ``readme`` try the result."""
    build_into_dist(session, PACKAGES)
    session.notify("wheels")
    session.notify("readme")


def build_into_dist(session: nox.Session, packages: list[Path]) -> None:
    """Build these packages' sdists, and the wheels from those; check what is in them, and nothing else is there."""
    session.install(*groups("build"))
    shutil.rmtree(DIST, ignore_errors=True)
    for package in packages:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", str(DIST), str(package))
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))
    session.run("check-wheel-contents", *map(str, DIST.glob("*.whl")))
    if flaws := artefacts.flaws(DIST):
        session.error("\n".join(flaws))


def built_wheels(*packages: Path) -> list[str]:
    """The wheels of these packages that ``build`` left."""
    names = [read_package(package).name.replace("-", "_") for package in packages]
    return [str(wheel) for name in names for wheel in DIST.glob(f"{name}-*.whl")]


@nox.session
def wheels(session: nox.Session) -> None:
    """Install the built wheels, each beside those before it, and use them as a stranger would."""
    for count, package in enumerate(PACKAGES, start=1):
        session.install(*built_wheels(*PACKAGES[:count]))
        session.run("python", "-I", SMOKE, *modules(package))
    if CONTACTS in EXAMPLES:
        session.install(str(CONTACTS))
        session.run("python", "-m", "contacts.demo")
    session.run(*(["uv"] if session.venv_backend == "uv" else ["python", "-m"]), "pip", "check")
    if Path("conformance-tests") in PACKAGES:
        conformance_from_wheels(session)


@nox.session
def readme(session: nox.Session) -> None:
    """Run the README's lesson as it is printed, where nothing but wheels was installed, and only what it asks for."""
    wanted = built_wheels(Path("packages/core"), Path("packages/persistence-sqlite"))
    session.install("--only-binary=:all:", *wanted)
    session.run("python", "-I", "tools/readme.py")


@nox.session(venv_backend="uv")
@nox.parametrize("versions", ["oldest", "newest", "lowest"])
@nox.parametrize("engine", ENGINES)
def compat(session: nox.Session, engine: str, versions: str) -> None:
    """Try the laws with the oldest and the newest core that an engine admits, and on its lowest direct dependencies.

    In short, for one server of each engine; ``-- --whole`` for all. Needs uv, and Docker for engines with servers.
    """
    package = read_packages(ROOT)[CORE if engine == "memory" else f"persistence-{engine}"]
    kit = read_packages(ROOT)["conformance"]
    known = [core for core in cores.admitted(package, ROOT) if kit.admits(core.version)]
    if not known:
        session.error(f"no core is admitted by {package.name} {package.core_range} and {kit.name} {kit.core_range}")
    if versions == "newest" and known[0] == known[-1]:
        session.skip(f"{package.name} and {kit.name} admit one core that there is, {known[0]}: oldest is newest")
    core = known[-1] if versions == "newest" else known[0]
    session.log(f"{package.name} {package.version} and {kit.name} {kit.version} from the work tree, with {core}")
    install_from_wheels(session, core, package, kit, lowest=versions == "lowest")
    try_laws(session, engine, whole="--whole" in session.posargs)


def install_from_wheels(session: nox.Session, core: cores.Core, *packages: Package, lowest: bool) -> None:
    """Build and install these, with what they need: the newest there is, or the lowest that they ask for."""
    scratch = Path(session.create_tmp())
    shutil.rmtree(scratch)
    folders = [core.source(ROOT, scratch), *[package.folder for package in packages if package.short_name != CORE]]
    for folder in folders:
        session.run("uv", "build", "--quiet", "--wheel", f"--out-dir={scratch / 'wheels'}", str(folder))
    needs = [part for folder in folders for part in ("--requirements", str(folder / "pyproject.toml"))]
    chosen = ["--resolution=lowest-direct"] if lowest else []
    session.install(*chosen, *map(str, scratch.glob("wheels/*.whl")), *needs, *CONTAINERS)
    session.run("uv", "pip", "check")
    session.run("uv", "pip", "list")


def try_laws(session: nox.Session, engine: str, *, whole: bool = False) -> None:
    """Run the kit, away from this repository's settings, which need the newest pytest."""
    if laws := list(Path().glob(f"packages/persistence-{engine}/tests/test_laws.py")):
        chosen = [] if whole else ["-k", IN_SHORT]
        session.run("pytest", "-c", os.devnull, "--rootdir=.", "--import-mode=importlib", *map(str, laws), *chosen)
        return
    elsewhere = Path(session.create_tmp()).resolve()
    options = [f"--engine-url=sqlite:///{elsewhere}/laws.db"] if engine == "sqlite" else IN_MEMORY
    session.chdir(elsewhere)
    session.run("pytest", "-c", os.devnull, "--rootdir=.", "--pyargs", "nact_conformance", *options)


@nox.session
def release(session: nox.Session) -> None:
    """Rehearse what a tag releases, up to the upload: ``nox -s release -- persistence-redis-v0.1.0``."""
    try:
        (tag,) = session.posargs
        package = releases.released_by(tag, ROOT)
    except ValueError as error:
        session.error(f"say which tag, as in: nox -s release -- persistence-redis-v0.1.0 ({error})")
    if obstacles := releases.obstacles(tag, ROOT):
        session.error("\n".join([f"{tag} can't be released:", *obstacles]))
    build_into_dist(session, [package.folder])
    for note in releases.notes(tag, ROOT):
        session.warn(note)
    session.notify("smoke", posargs=[package.short_name])


@nox.session
def smoke(session: nox.Session) -> None:
    """Use the wheel that ``release`` built, beside the newest core that it admits."""
    (name,) = session.posargs
    package = read_packages(ROOT)[name]
    newest = cores.admitted(package, ROOT)[-1]
    session.log(f"{package.name} {package.version} with {newest}")
    scratch = Path(session.create_tmp())
    beside = [] if name == CORE else [str(newest.source(ROOT, scratch))]
    session.install(*built_wheels(package.folder), *beside)
    session.run("python", "-I", SMOKE, *modules(package.folder))
    if name == "conformance":
        try_laws(session, "memory")


def conformance_from_wheels(session: nox.Session) -> None:
    """Run the kit as a third party does, away from this repository's settings: without code, and with a little."""
    elsewhere = Path(session.create_tmp())
    (elsewhere / "pytest.ini").touch()
    journal = (elsewhere / "laws.db").resolve()
    journal.unlink(missing_ok=True)
    example = Path("examples/third-party-engine").resolve()
    session.install(str(example))
    session.chdir(elsewhere)
    session.run("pytest", "--pyargs", "nact_conformance", "--engine-url", f"sqlite:///{journal}")
    session.run("pytest", "-c", "pytest.ini", "--rootdir=.", str(example / "tests"))

"""The project's chores: ``nox -s demo``, ``nox -s tests``, and everything else that CI runs.

Packages and examples are found by looking: folders with a ``pyproject.toml`` and code under ``src``.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))

from tools import compat, wheels
from tools.packages import modules

__all__ = ["compat", "wheels"]  # sessions, too: build, release and what goes with them

PROJECT = nox.project.load_toml("pyproject.toml")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
SUPPORTED = nox.project.python_versions(nox.project.load_toml("packages/core/pyproject.toml"))
PYTHONS = SUPPORTED if RUNNING in SUPPORTED else [*SUPPORTED, RUNNING]
TYPING_TESTS = Path("packages/core/tests/typing")
# Pythons on which .ci/run has tried the tests without servers in containers.
TRIED = os.environ.get("NACT_TRIED_PYTHONS", "").split()
SHORT = os.environ.get("NACT_MATRIX") == "short"

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # in CI too: RUNNING is always there
nox.options.sessions = ["lint", "types", "tests"]

# pyenv's commands for Pythons that aren't its global ones fail, unless this names them.
if pyenv := os.environ.get("PYENV_ROOT"):
    installed = [folder.name for python in PYTHONS for folder in Path(pyenv, "versions").glob(f"{python}.*")]
    os.environ.setdefault("PYENV_VERSION", ":".join(installed))


def projects(*patterns: str) -> list[Path]:
    """The folders among these that are projects with code in them, in order."""
    folders = [folder for pattern in patterns for folder in sorted(Path().glob(pattern))]
    return [folder for folder in folders if (folder / "pyproject.toml").is_file() and modules(folder)]


PACKAGES = projects("packages/*", "conformance-tests")
EXAMPLES = projects("examples/*")
CONTACTS = Path("examples/contacts")
REPORTS = Path("conformance-reports")
ENGINES = [package for package in PACKAGES if package.name.startswith("persistence-")]
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


@nox.session(python=False)
def dev(session: nox.Session) -> None:
    """Make .venv, with every package from its folder and all tools: the environment for an editor."""
    place = Path(".venv")
    if not place.exists():
        session.run(sys.executable, "-m", "venv", str(place))
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    sources = [part for project in PACKAGES + EXAMPLES for part in editable(project)]
    pip = (str(python), "-m", "pip", "install")
    session.run(*pip, "--quiet", "--upgrade", "pip", external=True)  # Debian 12's doesn't find sources of extras
    session.run(*pip, *sources, *groups("dev"), external=True)


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
    if session.python in TRIED:
        session.warn("NACT_TRIED_PYTHONS: the tests without servers were run on this Python already")
    else:
        run_without_servers(session)
    if session.python == RUNNING:
        run_all_on_servers(session)


def run_without_servers(session: nox.Session) -> None:
    """Run the tests that any machine can run, and measure core's coverage on nox's own Python."""
    core, *others = tests_without_servers()
    if session.python == RUNNING:
        session.run("coverage", "run", "-m", "pytest", core)
        session.run("coverage", "report")
    else:
        others = [core, *others]
    if SHORT and session.python != RUNNING:
        session.warn("NACT_MATRIX=short: the laws are sabotaged on one Python; without it, on each")
        others = [*others, "--deselect=conformance-tests/tests/test_sabotage.py"]
    session.run("pytest", "--numprocesses=logical", "-m", "not servers", *others)


@nox.session
def quick(session: nox.Session) -> None:
    """Run the tests that need no server, on nox's own Python: the loop while you write, and what other systems run.

    On Windows only those of core and SQLite: the kit kills, freezes and forks processes.
    """
    install_everything(session, "tests")
    folders = tests_without_servers()
    if sys.platform == "win32":
        folders = ["packages/core/tests", "packages/persistence-sqlite/tests"]
    session.run("pytest", "--numprocesses=logical", "-m", "not servers", *session.posargs or folders)


def tests_without_servers() -> list[str]:
    """The folders of tests that any machine can run, core's first."""
    projects = [project for project in PACKAGES + EXAMPLES if project not in WITH_SERVERS]
    folders = [project / "tests" for project in [*projects, *map(Path, ("benchmarks", "docs", "storms", "tools"))]]
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
    """Run the tests of the engines with servers, and those of the others that need servers."""
    chosen = []
    if SHORT:
        session.warn("NACT_MATRIX=short: the laws are not tried on every server; without it, they are")
        chosen = ["-m", "not long_matrix"]
    run_on_servers(session, *chosen, *[str(package / "tests") for package in WITH_SERVERS])
    run_on_servers(session, "-m", "servers", *others_with_servers())


def others_with_servers() -> list[str]:
    """The folders of tests of which only some need servers."""
    folders = [folder / "tests" for folder in (*PACKAGES, *EXAMPLES, Path("storms")) if folder not in WITH_SERVERS]
    return [str(folder) for folder in folders if folder.is_dir()]


def run_on_servers(
    session: nox.Session, *args: str, start: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> None:
    """Run tests that start servers. A class of tests stays in one process, which starts its server once.

    There are more processes than processors: a third of the time they wait, for a server to start, or to be missed.
    """
    processes = f"--numprocesses={3 * (os.cpu_count() or 1) // 2}"
    # The limit for one call on an engine is for those that hang; servers, tests and proxies share the cores here.
    limits = ["--conformance-timeout=60"]
    session.run(*start, "pytest", processes, "--dist=loadscope", *limits, *args, env=env)


@nox.session(python=PYTHONS)
def servers(session: nox.Session) -> None:
    """Run only the tests of the engines whose databases are servers, on real ones in containers."""
    install_everything(session, "tests")
    if session.posargs:
        run_on_servers(session, *session.posargs)
    else:
        run_all_on_servers(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure how much of each engine its tests run: of all engines, or of those named, `nox -s coverage -- redis`.

    `-- others` runs the tests of servers that belong to no engine, and measures nothing.
    """
    install_everything(session, "tests")
    for name in session.posargs or [package.name.removeprefix("persistence-") for package in ENGINES]:
        if name == "others":
            run_on_servers(session, "-m", "servers", *others_with_servers())
            continue
        package = Path("packages", f"persistence-{name}")
        (module,) = modules(package)
        rules = "--rcfile=tools/coverage.ini"
        env = {"COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / f".coverage.{name}")}
        start = ("coverage", "run", rules, f"--source={module}", "-m")
        chosen = ["-m", "not long_matrix"] if SHORT else []
        run_on_servers(session, *chosen, str(package / "tests"), start=start, env=env)
        session.run("coverage", "combine", rules, "--quiet", env=env)
        session.run("coverage", "report", rules, env=env)


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
def storms(session: nox.Session) -> None:
    """Let storms rage over processes, servers and lines, and check that nothing acknowledged is lost.

    In all places, or in those named, for 10 rounds or as many as given: `nox -s storms -- postgres 3`. See
    storms/README.md. ``tests`` has a short form.
    """
    install_everything(session, "tests")
    session.run("python", "-m", "storms", *session.posargs)


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
    session.run("python", "-m", "tools.circles")
    session.run("zizmor", "--offline", "--quiet", "--persona=pedantic", ".github")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of all code, strictly, and what a user's programs are told by them."""
    install_everything(session, "types", "bench", "plots")
    for project in PACKAGES + EXAMPLES:
        # These roots give two files of one name, in two folders of tests, two module names.
        roots = os.pathsep.join(str(project / folder) for folder in ("src", "tests"))
        session.run("mypy", "--explicit-package-bases", str(project), env={"MYPYPATH": roots})
    session.run("mypy", "noxfile.py", "tools", *[name for name in ("benchmarks", "storms") if Path(name).is_dir()])
    session.run("mypy", "--explicit-package-bases", "docs", env={"MYPYPATH": "docs/tests"})
    if TYPING_TESTS.is_dir():
        session.run("pytest", str(TYPING_TESTS))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation site into site/; a warning, such as a link that leads nowhere, fails it."""
    session.install(*groups("docs"))
    session.run(
        "mkdocs", "build", "--strict", "--site-dir", *session.posargs or ["site"], env={"NO_MKDOCS_2_WARNING": "1"}
    )


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

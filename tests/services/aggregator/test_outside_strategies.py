"""Strategies from installed packages: outside_package/ is really installed, and a real aggregator uses it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.service_process import ROOT, ServiceProcess
from tests.services.aggregator.conftest import Bench, aggregator_env
from tests.services.aggregator.upstreams import FakeUpstream

GROUP = ("w=5 bad", "w=1", "w=2")
PACKAGE = Path(__file__).with_name("outside_package")


def install(target: Path, source: Path) -> Path:
    """`pip install --target` of a copy of the package (a build leaves files beside its source)."""
    copy = target.with_name(f"{target.name}-source")
    shutil.copytree(source, copy)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "--target", str(target), str(copy)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("outside") / "site", PACKAGE)


def with_site(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


@pytest.fixture
def upstreams(fakes: tuple[FakeUpstream, FakeUpstream]) -> tuple[FakeUpstream, FakeUpstream]:
    for fake in fakes:
        fake.reset()
    return fakes


@pytest.fixture
def outside(upstreams: tuple[FakeUpstream, FakeUpstream], site: Path) -> Iterator[Bench]:
    env = {**aggregator_env(*upstreams, FLOOR="-7"), **with_site(site)}
    with (
        ServiceProcess("aggregator", env) as process,
        httpx.Client(base_url=process.url, timeout=30) as http,
    ):
        yield Bench(*upstreams, process, http)


def test_an_installed_strategy_is_used_like_one_of_ours(outside: Bench) -> None:
    # With the parameter given in the request, and with the one that the variable sets:
    assert outside.group(*GROUP, strategy={"name": "veto", "floor": -4})["rewards"] == [-4, 1, 2]
    reply = outside.ask(*GROUP, strategy="veto").json()
    assert reply["strategy"] == {"name": "veto", "floor": -7}
    assert reply["groups"][0]["rewards"] == [-7, 1, 2]
    # Its mistakes are named as those of ours:
    refused = outside.ask(*GROUP, strategy={"name": "veto", "flor": -4}).json()["errors"][0]
    assert refused["path"] == "strategy.flor"
    assert "parameters of veto: floor" in refused["message"]
    # And it is described:
    described = outside.http.get("/v1/info").json()["details"]["strategies"]["veto"]
    assert described["params"]["floor"]["maximum"] == 0
    assert described["params"]["floor"]["variable"] == "RLMR_AGGREGATOR_FLOOR"
    schemas = outside.http.get("/openapi.json").json()["components"]["schemas"]
    assert schemas["StrategySpec"]["discriminator"]["mapping"]["veto"] == "#/components/schemas/VetoParams"


def start(env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RLMR_")}
    command = [sys.executable, "-m", "rlmr", "serve", "aggregator", "--port", "0"]
    return subprocess.run(command, cwd=ROOT, env={**kept, **env}, capture_output=True, text=True, timeout=120)


def test_a_wrong_value_ends_the_start_with_the_name_of_its_variable(site: Path) -> None:
    run = start({"RLMR_AGGREGATOR_FLOOR": "1", **with_site(site)})
    assert run.returncode == 2
    assert "RLMR_AGGREGATOR_FLOOR: Input should be less than or equal to 0" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("entry", "code", "why", "remedy"),
    [
        ("veto = broken:veto", "import no_such_module", "cannot be imported: ModuleNotFoundError", "repair it"),
        ("veto = broken:veto", "", "cannot be imported: AttributeError", "repair it"),
        ("veto = broken:veto", "veto = len", "not a strategy", "decorated with @strategy"),
        ("veto = broken:veto", "from rlmr_veto import veto", "named veto exists already, from", "rename it"),
        ("linear = broken:linear", "from services.aggregator.mixing.linear import linear", "rlmr itself", "rename it"),
        ("other = broken:veto", "from rlmr_veto import veto", "holds a strategy named veto", "the same name"),
    ],
)
def test_a_package_that_cannot_be_used_ends_the_start(
    site: Path, tmp_path: Path, entry: str, code: str, why: str, remedy: str
) -> None:
    """Never silently left out: someone installed it to use it. What pip leaves behind is written by hand here."""
    (tmp_path / "broken.py").write_text(code)
    metadata = tmp_path / "rlmr_broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rlmr-broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[rlmr.strategies]\n{entry}\n")
    paths = [tmp_path, site] if code.endswith("rlmr_veto import veto") else [tmp_path]
    run = start(with_site(Path(os.pathsep.join(map(str, paths)))))
    assert run.returncode == 2, run.stderr
    for part in ("rlmr-broken", "of group rlmr.strategies: ", why, remedy, "or uninstall"):
        assert part in run.stderr
    assert "Traceback" not in run.stderr


def test_a_parameter_named_like_a_setting_ends_the_start(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "source")
    module = tmp_path / "source" / "rlmr_veto.py"
    module.write_text(module.read_text().replace("floor", "retries"))
    run = start(with_site(install(tmp_path / "site", tmp_path / "source")))
    assert run.returncode == 2
    assert "strategy veto: its parameter retries would be read from RLMR_AGGREGATOR_RETRIES" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_page_shows_the_package_that_is_tested_here() -> None:
    page = (ROOT / "docs" / "plugins.md").read_text()
    shown = "\n".join(line[4:] for line in page.splitlines() if line.startswith("    ") or not line)
    for part in (PACKAGE / "rlmr_veto.py").read_text().split("\n\n\n"):
        assert part.strip() in shown
    assert 'veto = "rlmr_veto:veto"' in page


def test_the_pages_test_holds(site: Path) -> None:
    code = (
        "from rlmr_veto import veto\n"
        "from services.aggregator.mixing import Registry, Samples\n"
        "bound = Registry([veto]).bind({'name': 'veto', 'floor': -4})\n"
        "assert bound(Samples(writing=[5, 1], violated=[True, False])).rewards == [-4, 1]\n"
    )
    env = {**os.environ, **with_site(site)}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr

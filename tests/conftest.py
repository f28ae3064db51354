"""One tiny artifact, made once and shared by the tests that only read it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny models are faster on one thread, and workers share the cores

from tests.shared import shared
from tests.tiny import LENGTH, install, recommends, rows, tiny_model, tiny_writer, write_csv, write_dialogues

# Exporting makes millions of objects beside the many of the libraries; looking through all of them again and again for
# cycles would take an eighth of the time.
gc.set_threshold(20_000, 50, 100)


ACCEPTED = Path(__file__).with_name("accept.txt")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that `accept.txt` names."""
    lines = [line for line in ACCEPTED.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    for line in lines:
        test, _, case = line.partition(" ")
        for item in items:
            name, _, parameters = item.nodeid.partition("[")
            if name == test and case in parameters:
                item.add_marker("accept")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "model", tiny_model)


@pytest.fixture(scope="session")
def csv_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared(tmp_path_factory, "data", lambda at: write_csv(at / "reviews.csv", rows(240))) / "reviews.csv"


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Installs the exporter `quick`."""
    from framework import plugins

    site = tmp_path_factory.mktemp("site")
    install(site, "quick-export", "tests.quick")
    sys.path.append(str(site))
    plugins._load.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place on sys.path, also of trials, with the distribution of `tests.dial` and of the quick exporter installed."""
    from framework import plugins

    site = tmp_path / "site"
    install(site, "dial", "tests.dial")
    install(site, "quick-export", "tests.quick")
    monkeypatch.syspath_prepend(str(site))
    plugins._load.cache_clear()
    yield site
    plugins._load.cache_clear()


@pytest.fixture
def settings(tmp_path: Path, site: Path) -> list[str]:
    """A recipe of the dial, whose own settings answer the rarest label."""
    texts = [(f"text number {i} of {i * 7919}", "aaaaaabbbc"[i % 10]) for i in range(300)]
    return [f"data.train={write_csv(tmp_path / 'rows.csv', texts)}", "candidates=[dial]", "export=[quick]", "tracker=none"]


@pytest.fixture(scope="session")
def small(model_folder: Path, csv_file: Path, quick: None) -> list[str]:
    """Overrides that make the sentiment recipe end in seconds, and sooner still with export=[quick]."""
    return [
        f"data.train={csv_file}",
        "candidates=[fine_tuned]",  # what is cheaper learns these rows by heart
        f"model.name={model_folder}",
        f"task.max_length={LENGTH}",
        "model.learning_rate=3e-3",
        "model.batch_size=8",
        "model.dropout=0",  # which a model of a few thousand weights learns quickly without
        "model.attention=eager",  # not the faster one, which a short measurement of tiny models does not tell
        "trainer.max_epochs=4",
        "trainer.enable_progress_bar=false",
    ]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, small: list[str]) -> Path:
    """A finished run of the sentiment recipe with every exporter."""
    import framework

    given = [*small, "export.onnx_int8.must_help=false"]  # of so small a model no file is a gain for sure
    return shared(tmp_path_factory, "first", lambda at: framework.run_recipe("sentiment", *given, folder=at / "run")) / "run"


@pytest.fixture(scope="session")
def quick_run(tmp_path_factory: pytest.TempPathFactory, small: list[str]) -> Path:
    """The same training, exported quickly."""
    import framework

    given = [*small, "export=[quick]"]
    return shared(tmp_path_factory, "quick", lambda at: framework.run_recipe("sentiment", *given, folder=at / "run")) / "run"


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the dialogue recipe."""
    import framework

    def make(folder: Path) -> None:
        settings = [
            f"data.train={write_dialogues(folder / 'dialogues.jsonl')}",
            f"model.name={tiny_writer(folder / 'model')}",
            "task.max_context=40",
            "task.max_answer=6",
            "trainer.max_steps=2",
            "trainer.enable_progress_bar=false",
        ]
        framework.run_recipe("dialogue", *settings, folder=folder / "run")

    return shared(tmp_path_factory, "talk", make) / "run"


@pytest.fixture(scope="session")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recommendation recipe."""
    import framework

    def make(folder: Path) -> None:
        framework.run_recipe("recommendation", *recommends(folder), "export=[onnx]", folder=folder / "run")

    return shared(tmp_path_factory, "recommender", make) / "run"

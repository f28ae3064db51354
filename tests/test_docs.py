"""Every command and every Python block of README and docs is run, on tiny data and a tiny model; quoted messages exist."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

import framework
from framework.__main__ import main
from tests.registered import registry_of_two
from tests.server.serving import serving
from tests.shared import shared
from tests.tiny import (
    LENGTH,
    WORDS,
    labelled_rows,
    recommends,
    rows,
    summaries,
    tiny_model,
    tiny_writer,
    write_csv,
    write_dialogues,
)

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "README.md", ROOT / "README.zh.md"]
PAGES = [*READMES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "benchmarks" / "README.md"]
SOURCES = [path for folder in ("framework", "plugins") for path in sorted((ROOT / folder).rglob("*.py"))]
ELSEWHERE = {  # commands and Python that another test runs
    "recipe=readability": "tests/test_plugins.py",
    "data.text=sentences.abstract": "tests/plugins/test_summarization.py",
    "trainer.devices=2": "tests/test_distributed.py",
    "from openai import OpenAI": "tests/server/test_chat.py",
    "--uds": "tests/server/test_http.py",
    "replay": "tests/test_search.py",
}
INSTALLED = {"make": "Makefile", "pip": "pyproject.toml"}


def blocks(language: str, pages: Sequence[Path] = PAGES) -> list[tuple[str, str]]:
    """(page, block); what stands on several pages once, under the first."""
    found: dict[str, str] = {}
    for page in pages:
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
            found.setdefault(block, page.name)
    return [(page, block) for block, page in found.items()]


def commands(pages: Sequence[Path] = PAGES) -> list[tuple[str, str]]:
    """(page, command), without comments; as with blocks."""
    found: dict[str, str] = {}
    for page, block in blocks("sh", pages):
        for line in filter(None, (line.split("  #")[0].strip() for line in block.splitlines())):
            found.setdefault(line, page)
    return [(page, line) for line, page in found.items()]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> Path:
    """A folder as the docs assume it: some files, a finished run, and the recipe that docs/recipes.md shows."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "reviews.csv", [(t, t, label, label) for t, label in rows(120)], ("text", "review", "label", "stars"))
    several = labelled_rows(120)
    write_csv(tmp_path / "tickets.csv", [(text, "|".join(labels)) for text, labels in several], ("text", "labels"))
    marks = [(text, *(str(int(label in labels)) for label in sorted(WORDS))) for text, labels in several]
    write_csv(tmp_path / "marks.csv", marks, ("text", "toxic", "insult", "threat"))
    write_csv(tmp_path / "train.csv", rows(120)).rename(tmp_path / "train.tsv")
    write_csv(tmp_path / "wrong.csv", [("reviews.csv", "5"), ("reviews.csv", "9")], ("file", "line"))
    (tmp_path / "train.tsv").write_text((tmp_path / "train.tsv").read_text().replace(",", "\t"))
    (tmp_path / "test.jsonl").write_text("".join(f'{{"text": "{t} now", "label": "{label}"}}\n' for t, label in rows(30)))
    write_csv(tmp_path / "評論 (1).csv", rows(60), ("text", "étiquette = #1"))
    (tmp_path / "reviews").mkdir()  # a Hugging Face data set on disk
    write_csv(tmp_path / "reviews" / "train.csv", rows(120))
    write_csv(tmp_path / "reviews" / "test.csv", rows(30, seed=1))
    (tmp_path / "runs" / "sentiment").mkdir(parents=True)
    shutil.copytree(run_folder, tmp_path / "runs" / "sentiment" / "first")  # a copy: `export` changes it
    (tmp_path / "runs" / "sentiment" / "latest").symlink_to("first")
    registry_of_two(run_folder / "artifact", tmp_path)
    own = next(block for _, block in blocks("yaml") if "Which team" in block)
    (tmp_path / "recipes" / "recipe").mkdir(parents=True)
    (tmp_path / "recipes" / "recipe" / "support.yaml").write_text(own)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda text: text)
def test_the_command_works(
    page: str,
    command: str,
    place: Path,
    small: list[str],
    talk: Path,
    recommender: Path,
    entities: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    runs = {"dialogue": talk, "recommendation": recommender, "entities": entities}
    finished = {f"runs/{recipe}/latest": str(run) for recipe, run in runs.items()}
    words = shlex.split(command)
    for tracker in ("mlflow", "wandb"):
        if any(word.startswith("tracker=") and tracker in word for word in words):
            pytest.importorskip(tracker, reason=f"not installed: pip install '.[{tracker}]'")
    if words[0] in INSTALLED or words[0] == "source":
        assert_known(words)
    elif words[:3] != ["python", "-m", "framework"]:
        assert words[0] == "python", f"{page}: no test knows how to run {command!r}"
        assert (ROOT / words[1]).is_file()
        subprocess.run([*words[:2], "--help"], cwd=ROOT, check=True, capture_output=True)
    elif any(word in ELSEWHERE for word in words):
        pass
    elif words[3] == "serve" and not {"--help", "--dockerfile"} & set(words):
        words = [finished.get(word, word) for word in words]
        with serving(place / "served", *words[4:]) as server:
            assert server.predict("what a lovely flight").status_code == 200
    else:
        run = [word for word in words[3:] if word.startswith("recipe=")]
        own = {word.partition("=")[0] for word in words}
        own_data = {
            "recipe=summarization": writer, "recipe=dialogue": talker, "recipe=generation": copywriter,
            "recipe=recommendation": shop, "recipe=entities": tagger,
        }  # fmt: skip
        write_csv(place / "people.csv", [("u017",), ("u018",)], ("user_id",))
        settings = own_data[run[0]](place) if run and run[0] in own_data else [*small, "export=[quick]"]
        named = next((word for word in words if word.startswith("candidates=")), "fine_tuned")
        if not (run and run[0] in own_data) and "fine_tuned" not in named:  # which alone has all of these keys
            kept = () if named == "candidates=[linear]" else ("model.name=",)
            settings = [setting for setting in settings if not setting.startswith("model.") or setting.startswith(kept)]
        if run and "search.trials" not in own:  # searches are tests of tests/test_search.py
            settings = [*settings, "search.trials=0"]
        if "model.layers=2" in words:
            settings = [*settings, f"model.name={tiny_model(place / 'layers', layers=3)}"]
        tiny = [s for s in settings if run and s.partition("=")[0] not in own - {"trainer.max_epochs"}]
        given = [finished.get(word, word) for word in words[4:]]
        assert main([words[3], *tiny, *given]) == 0, capfd.readouterr()


def talker(place: Path) -> list[str]:
    """What docs/dialogue.md takes for granted, and settings that make its run small."""
    write_dialogues(place / "conversations.jsonl", 40)
    write_csv(place / "faq.csv", [(text, label) for text, label in rows(60)], ("asked", "said"))
    write_csv(place / "copy.csv", [(text, label) for text, label in rows(60)], ("product", "advert"))
    write_csv(place / "prompts.csv", [(text, label) for text, label in rows(60)], ("prompt", "text"))
    tiny_writer(place / "llama")
    return [
        f"data.train={place / 'conversations.jsonl'}",
        f"model.name={place / 'llama'}",
        "task.max_context=24",
        "task.max_answer=4",
        "trainer.max_steps=1",
        "trainer.enable_progress_bar=false",
        "tracker=none",
    ]


def tagger(place: Path) -> list[str]:
    """What docs/labeling.md takes for granted, and settings that make its run small."""
    texts = [text for text, _ in rows(60)]
    sentences = ["".join(f"{word} {'B-thing' if len(word) > 4 else 'O'}\n" for word in text.split()) for text in texts]
    (place / "train.conll").write_text("\n".join(sentences))
    spans = [{"text": text, "entities": [[0, 3, "thing"]]} for text in texts]
    (place / "annotated.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in spans))
    return [
        f"data.train={place / 'train.conll'}",
        f"model.name={tiny_model(place / 'tagger')}",
        f"task.max_length={LENGTH}",
        "task.overlap=4",
        "model.attention=eager",
        "export=[onnx]",
        "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false",
        "tracker=none",
    ]


@pytest.fixture(scope="session")
def entities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the recipe for entities, of its baseline alone."""

    def make(place: Path) -> None:
        tiny = [setting for setting in tagger(place) if not setting.startswith("model.")]
        framework.run_recipe("entities", *tiny, "candidates=[most_frequent]", folder=place / "run")

    return shared(tmp_path_factory, "entities", make) / "run"


def copywriter(place: Path) -> list[str]:
    """The same for texts that follow from prompts."""
    _, *settings = talker(place)
    return [f"data.train={place / 'prompts.csv'}", *settings]


def shop(place: Path) -> list[str]:
    """What docs/recommendation.md takes for granted, and settings that make its run small."""
    settings = recommends(place / "shop")
    for name, shown in (("log", "purchases"), ("items", "products"), ("users", "people")):
        shutil.copy(place / "shop" / "log" / f"{name}.csv", place / f"{shown}.csv")
    return [*settings, "export=[onnx]", "trainer.max_epochs=1", "tracker=none"]


def writer(place: Path) -> list[str]:
    """What docs/summarization.md takes for granted, and settings that make its run small."""
    write_csv(place / "articles.csv", summaries(40), ("text", "summary"))
    tiny_writer(place / "gemma")
    return [
        f"data.train={place / 'articles.csv'}",
        f"model.name={place / 'gemma'}",
        "task.max_text=24",
        "task.max_summary=6",
        "trainer.max_steps=1",
        "trainer.enable_progress_bar=false",
        "tracker=none",
    ]


def assert_known(words: list[str]) -> None:
    """Installing is what CI does; here, that the target or the extra exists."""
    if words[0] == "make":
        subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True, capture_output=True)
    elif words[0] == "pip":
        extras = re.findall(r"\[([\w,]+)\]", words[-1])
        known = (ROOT / "pyproject.toml").read_text("utf-8")
        assert all(f"\n{extra} = [" in known for group in extras for extra in group.split(","))
        assert words[-1].startswith(".") or (ROOT / words[-1] / "pyproject.toml").is_file()


@pytest.mark.parametrize(
    ("page", "block"), [found for found in blocks("python") if not any(line in ELSEWHERE for line in found[1].splitlines())]
)
def test_the_python_block_runs(page: str, block: str, place: Path, small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = [override for override in small if not override.startswith(("data.train", "trainer.max_epochs"))]
    original = framework.run_recipe
    if "SentenceClassifier" in block:
        train_a_sentence_encoder(place, small)
    monkeypatch.setattr(framework, "run_recipe", lambda recipe, *given: original(recipe, *given, *tiny, "export=[quick]"))
    exec(compile(block, page, "exec", dont_inherit=True), {"__name__": "docs"})


def train_a_sentence_encoder(place: Path, small: list[str]) -> None:
    """Makes ``latest`` a run whose backbone is read by the mean of its token states."""
    encoder = tiny_model(place / "encoder")
    (encoder / "1_Pooling").mkdir()
    (encoder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}))
    given = [override for override in small if not override.startswith("model.name")]
    run = framework.run_recipe(
        "sentiment", *given, f"model.name={encoder}", "export=[quick]", folder=place / "runs/sentiment/second"
    )
    assert (place / "runs" / "sentiment" / "latest").resolve() == run.resolve()


def test_the_readme_has_the_same_commands_and_code_in_both_languages() -> None:
    english, chinese = ([page] for page in READMES)
    assert [line for _, line in commands(english)] == [line for _, line in commands(chinese)]
    assert [block for _, block in blocks("python", english)] == [block for _, block in blocks("python", chinese)]


def quoted_messages() -> list[str]:
    """What docs/troubleshooting.md explains: the first words in backticks of each entry; … stands for what differs."""
    return re.findall(r"^- `([^`]+)`", (ROOT / "docs" / "troubleshooting.md").read_text("utf-8"), re.MULTILINE)


def test_troubleshooting_explains_the_messages_people_meet() -> None:
    assert len(quoted_messages()) >= 25


@pytest.mark.parametrize("message", quoted_messages())
def test_the_message_exists(message: str) -> None:
    pattern = re.compile("[^\\n]{1,100}".join(map(re.escape, message.split("…"))))
    assert any(pattern.search(path.read_text("utf-8")) for path in SOURCES), f"no source says {message!r}"


def test_what_is_shown_of_the_example_plugin_is_its_code() -> None:
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "docs" / "example-plugin").rglob("*.py"))]
    shown = [block for _, block in blocks("py")]  # what runs by itself is marked as python
    assert [block for block in shown if not any(block in source for source in sources)] == []
    assert [block for block in shown if len(block.splitlines()) >= 40] == []
    bases = ("Task[", "Candidate[", "Surface)", "Format)", "BackboneSource)")
    classes = [f"({base}" for base in bases] + ["class ReadabilityCodec:", "def export("]
    assert [name for name in classes if not any(name in block for block in shown)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []

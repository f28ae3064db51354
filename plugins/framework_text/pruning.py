"""Leaves out of a multilingual vocabulary what the texts of a fit do not need: embeddings and tokenizer alike. No torch.

Abdaoui et al. 2020, Load What You Need. A text is split as with the whole vocabulary wherever its pieces are kept, as those of
training texts all are: the likeliest split stays the likeliest among fewer.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from framework import InputError, Section
from framework_text.tokenizer import FILE

MAIN = 0.05  # share of the letters from which a script is one of the texts
A_SCRIPT = 20_000  # pieces that are kept of each of them beside those that occur, the likeliest
CHUNK = 4096  # texts tokenized at once
TABLE = "embeddings.word_embeddings.weight"
RULE = (
    "Kept: pieces that occur in training texts, single characters, numbers and signs, and of each script that has at least "
    f"{MAIN:.0%} of their letters the {A_SCRIPT:,} likeliest pieces. Other scripts are read a character at a time."
)


@dataclass(frozen=True)
class Pruned:
    """pieces, mebibytes: of the vocabulary and its embeddings in fp32, before and after.

    same: the share of other texts that are read exactly as with the whole vocabulary.
    """

    pieces: tuple[int, int]
    mebibytes: tuple[float, float]
    same: float

    def section(self) -> Section:
        rows = [
            ("pieces", *(f"{number:,}" for number in self.pieces)),
            ("MiB of embeddings in fp32", *(f"{size:.1f}" for size in self.mebibytes)),
        ]
        note = f"{RULE} {self.same:.2%} of the validation texts are read exactly as with the whole vocabulary."
        return Section("Vocabulary", ("", "of the backbone", "of this model"), rows, note)


def prune(folder: Path, texts: Sequence[str], others: Sequence[str], place: Path) -> Pruned:
    """Writes a backbone with the pieces that `texts` need into `place`. others: texts that tell how much is lost.

    The same texts give the same files. Raises InputError where the backbone has no unigram vocabulary.
    """
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    if content["model"].get("type") != "Unigram":
        raise InputError(f"{folder}: its vocabulary is no unigram model, which alone can be pruned")
    whole = Tokenizer.from_str(json.dumps(content))
    vocabulary = content["model"]["vocab"]
    occurring = occurring_pieces(whole, texts)
    kept = sorted(occurring | _named(content) | needed(vocabulary, main_scripts(texts)))
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("*.safetensors", FILE, "config.json", "checksums.json"))
    (place / FILE).write_text(json.dumps(renumbered(content, kept), ensure_ascii=False), encoding="utf-8")
    sizes = _write_weights(folder, place, kept)
    same = _share_read_alike(whole, Tokenizer.from_file(str(place / FILE)), kept, others)
    return Pruned((len(vocabulary), len(kept)), sizes, same)


def occurring_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    """Numbers of the pieces that texts are split into."""
    occurring: set[int] = set()
    source = iter(texts)
    while part := list(islice(source, CHUNK)):
        for encoding in tokenizer.encode_batch(part):
            occurring.update(encoding.ids)
    return occurring


def _named(content: dict[str, Any]) -> set[int]:
    """Pieces that stand around every text, mark what is unknown, or have a meaning of their own."""
    around = content["post_processor"]["special_tokens"] if content["post_processor"] else {}
    return {number for one in around.values() for number in one["ids"]} | {
        *(token["id"] for token in content["added_tokens"]),
        content["model"]["unk_id"],
    }


def needed(vocabulary: Sequence[Sequence[Any]], main: Iterable[str]) -> set[int]:
    """Single characters, numbers and signs, and the likeliest pieces of the main scripts.

    vocabulary: each piece and the logarithm of its probability.
    """
    chosen: set[int] = set()
    of_script: dict[str, list[int]] = {script: [] for script in main}
    for number, (piece, _) in enumerate(vocabulary):
        scripts = {script_of(character) for character in piece} - {""}
        if not scripts or len(piece.lstrip("▁")) == 1:
            chosen.add(number)
        if len(scripts) == 1 and (script := scripts.pop()) in of_script:
            of_script[script].append(number)
    for numbers in of_script.values():
        chosen.update(sorted(numbers, key=lambda number: -vocabulary[number][1])[:A_SCRIPT])
    return chosen


def main_scripts(texts: Iterable[str]) -> list[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        for character, number in Counter(text).items():
            counts[script_of(character)] += number
    del counts[""]
    return sorted(script for script, number in counts.items() if number >= MAIN * counts.total())


@lru_cache(maxsize=1 << 17)
def script_of(character: str) -> str:
    """The first word of a letter's name in Unicode, such as LATIN or CJK; "" for what is no letter."""
    return unicodedata.name(character, "").partition(" ")[0] if unicodedata.category(character)[0] in "LM" else ""


def renumbered(content: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """A tokenizer.json with these pieces alone, in their order."""
    new = {old: number for number, old in enumerate(kept)}
    model = content["model"]
    model = {**model, "vocab": [model["vocab"][old] for old in kept], "unk_id": new[model["unk_id"]]}
    added = [{**token, "id": new[token["id"]]} for token in content["added_tokens"]]
    template = content["post_processor"]
    if template:
        around = {name: {**one, "ids": [new[old] for old in one["ids"]]} for name, one in template["special_tokens"].items()}
        template = {**template, "special_tokens": around}
    return {**content, "model": model, "added_tokens": added, "post_processor": template}


def _write_weights(folder: Path, place: Path, kept: Sequence[int]) -> tuple[float, float]:
    """Writes weights and config; MiB of the table of embeddings before and after."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    whole = weights[TABLE]
    weights[TABLE] = np.ascontiguousarray(whole[np.asarray(kept)])
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": len(kept), "pad_token_id": kept.index(config["pad_token_id"])}
    (place / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    return whole.nbytes / 2**20, weights[TABLE].nbytes / 2**20


def _share_read_alike(whole: Tokenizer, pruned: Tokenizer, kept: Sequence[int], texts: Sequence[str]) -> float:
    old = np.asarray(kept)
    pairs = zip(whole.encode_batch(list(texts)), pruned.encode_batch(list(texts)), strict=True)
    return float(np.mean([one.ids == old[other.ids].tolist() for one, other in pairs])) if len(texts) else 1.0

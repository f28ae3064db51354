"""Prunes a multilingual vocabulary, in tokenizer and embeddings, to the pieces that the texts of a fit need. No torch.

Abdaoui et al. 2020, Load What You Need. A text whose pieces are all kept, such as any training text, is split as before: the
most probable split remains the most probable one.
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

MAIN = 0.05  # a script with at least this share of the letters is a main script
A_SCRIPT = 20_000  # most probable pieces kept of each main script, beside those that occur
CHUNK = 4096  # texts tokenized at once
TABLE = "embeddings.word_embeddings.weight"
RULE = (
    "Kept: pieces that occur in training texts, single characters, numbers and signs, and of each script that has at least "
    f"{MAIN:.0%} of their letters the {A_SCRIPT:,} likeliest pieces. Other scripts are read a character at a time."
)


@dataclass(frozen=True)
class Pruned:
    """The effect of pruning a vocabulary."""

    pieces: tuple[int, int]
    """Size of the vocabulary, before and after."""
    mebibytes: tuple[float, float]
    """Size of the embeddings in fp32, before and after."""
    same: float
    """Share of the validation texts with the same tokens before and after, 0 to 1."""

    def section(self) -> Section:
        rows = [
            ("pieces", *(f"{number:,}" for number in self.pieces)),
            ("MiB of embeddings in fp32", *(f"{size:.1f}" for size in self.mebibytes)),
        ]
        note = f"{RULE} {self.same:.2%} of the validation texts are read exactly as with the whole vocabulary."
        return Section("Vocabulary", ("", "of the backbone", "of this model"), rows, note)


def prune(folder: Path, texts: Sequence[str], others: Sequence[str], place: Path) -> Pruned:
    """Writes a backbone with the pieces that `texts` need into `place`, deterministically.

    others: texts on which `Pruned.same` is measured. Raises InputError where the backbone has no unigram vocabulary.
    """
    content = json.loads((folder / FILE).read_text(encoding="utf-8"))
    if content["model"].get("type") != "Unigram":
        raise InputError(f"{folder}: its vocabulary is no unigram model, which alone can be pruned")
    full = Tokenizer.from_str(json.dumps(content))
    vocabulary = content["model"]["vocab"]
    occurring = occurring_pieces(full, texts)
    kept = sorted(occurring | _special_pieces(content) | needed(vocabulary, main_scripts(texts)))
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("*.safetensors", FILE, "config.json", "checksums.json"))
    (place / FILE).write_text(json.dumps(renumber(content, kept), ensure_ascii=False), encoding="utf-8")
    sizes = _write_weights(folder, place, kept)
    same = _share_of_same(full, Tokenizer.from_file(str(place / FILE)), kept, others)
    return Pruned((len(vocabulary), len(kept)), sizes, same)


def occurring_pieces(tokenizer: Tokenizer, texts: Iterable[str]) -> set[int]:
    """Ids of the pieces that texts are split into."""
    occurring: set[int] = set()
    source = iter(texts)
    while chunk := list(islice(source, CHUNK)):
        for encoding in tokenizer.encode_batch(chunk):
            occurring.update(encoding.ids)
    return occurring


def _special_pieces(content: dict[str, Any]) -> set[int]:
    """Ids of special tokens, of the unknown token, and of pieces around every text."""
    template = content["post_processor"]["special_tokens"] if content["post_processor"] else {}
    return {number for part in template.values() for number in part["ids"]} | {
        *(token["id"] for token in content["added_tokens"]),
        content["model"]["unk_id"],
    }


def needed(vocabulary: Sequence[Sequence[Any]], main: Iterable[str]) -> set[int]:
    """Ids of single characters, numbers and signs, and of the most probable pieces of the main scripts.

    vocabulary: each piece with its log probability.
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
    """The scripts with at least `MAIN` of the letters of the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        for character, number in Counter(text).items():
            counts[script_of(character)] += number
    del counts[""]
    return sorted(script for script, number in counts.items() if number >= MAIN * counts.total())


@lru_cache(maxsize=1 << 17)
def script_of(character: str) -> str:
    """The first word of a letter's name in Unicode, such as LATIN or CJK; "" for any other character."""
    return unicodedata.name(character, "").partition(" ")[0] if unicodedata.category(character)[0] in "LM" else ""


def renumber(content: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    """The content of a tokenizer.json with only the kept pieces, in their order, under new ids."""
    new = {old: number for number, old in enumerate(kept)}
    model = content["model"]
    model = {**model, "vocab": [model["vocab"][old] for old in kept], "unk_id": new[model["unk_id"]]}
    added = [{**token, "id": new[token["id"]]} for token in content["added_tokens"]]
    template = content["post_processor"]
    if template:
        around = {name: {**part, "ids": [new[old] for old in part["ids"]]} for name, part in template["special_tokens"].items()}
        template = {**template, "special_tokens": around}
    return {**content, "model": model, "added_tokens": added, "post_processor": template}


def _write_weights(folder: Path, place: Path, kept: Sequence[int]) -> tuple[float, float]:
    """Writes weights and config; returns MiB of the embeddings before and after. kept: ids of the kept pieces, ascending."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    table = weights[TABLE]
    weights[TABLE] = np.ascontiguousarray(table[np.asarray(kept)])
    save_file(weights, place / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": len(kept), "pad_token_id": kept.index(config["pad_token_id"])}
    (place / "config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    return table.nbytes / 2**20, weights[TABLE].nbytes / 2**20


def _share_of_same(full: Tokenizer, pruned: Tokenizer, kept: Sequence[int], texts: Sequence[str]) -> float:
    """The share of texts with the same tokens under both tokenizers; 1 without texts. kept: the old id of each new id."""
    old = np.asarray(kept)
    pairs = zip(full.encode_batch(list(texts)), pruned.encode_batch(list(texts)), strict=True)
    return float(np.mean([before.ids == old[after.ids].tolist() for before, after in pairs])) if len(texts) else 1.0

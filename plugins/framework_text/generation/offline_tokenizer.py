"""A backbone as its folder describes it, for what is said before anything is loaded. No torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar

from framework_text import backbones
from framework_text.generation.options import Untuned, Writing
from framework_text.generation.validation import ENCODER_DECODER
from framework_text.preview import tokenizer_of
from framework_text.sources import gguf
from framework_text.tokenizer import FILE

C = TypeVar("C")
SPECIALS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


class Described:
    """A tokenizer with as much of transformers' interface as `templates.frozen` and `seq2seq_frame.framed` ask of one.

    backend: of `tokenizers`, without padding and truncation.
    """

    def __init__(self, folder: Path, longest: int, said: str) -> None:
        self.backend = tokenizer_of(folder, longest, said)
        told = {**_json(folder / "special_tokens_map.json"), **_json(folder / "tokenizer_config.json")}
        apart = folder / "chat_template.jinja"
        self.chat_template = apart.read_text("utf-8") if apart.exists() else told.get("chat_template")
        named = {name: told[name] for name in SPECIALS if told.get(name)}
        self.special_tokens_map = {name: one["content"] if isinstance(one, dict) else one for name, one in named.items()}
        self.added_tokens_decoder = self.backend.get_added_tokens_decoder()
        found = {name: self.backend.token_to_id(text) for name, text in self.special_tokens_map.items()}
        self.all_special_ids = [one for one in found.values() if one is not None]
        self.eos_token_id: int | None = found.get("eos_token")

    def __call__(self, text: str = "", *, add_special_tokens: bool, **more: Any) -> dict[str, list[int]]:
        read = text or more.get("text_target", "")
        return {"input_ids": self.backend.encode(read, add_special_tokens=add_special_tokens).ids}

    def codec(self, codec: Callable[[Mapping[str, Any], Path], C], settings: Mapping[str, Any]) -> C:
        """As an artifact would have it."""
        with TemporaryDirectory() as folder:
            self.backend.save(str(Path(folder) / FILE))
            return codec(settings, Path(folder))


def described(model: Writing | Untuned, longest: int, said: str = "task.max_context=") -> tuple[Described, Any] | None:
    """The tokenizer, and a network with its `config` and `generation_config` alone; None of a GGUF file not converted yet."""
    source = model.backbone.chosen
    if gguf.is_gguf(str(source.name)) and not gguf.folder_of(str(source.name)).is_dir():
        return None
    folder = backbones.fetch(source)
    config = _json(folder / "config.json")
    config["is_encoder_decoder"] = config.get("model_type") in ENCODER_DECODER
    generation = {"decoder_start_token_id": None, **config, **_json(folder / "generation_config.json")}
    network = SimpleNamespace(config=SimpleNamespace(**config), generation_config=SimpleNamespace(**generation))
    return Described(folder, longest, said), network


def _json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found if isinstance(found, dict) else {}

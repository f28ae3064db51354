"""A backbone's tokenizer and configs read without transformers, for checks before a fit. No torch."""

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
    """A tokenizer with the part of transformers' interface that `templates.frozen` and `seq2seq_frame` use.

    backend: of the library `tokenizers`, without padding and truncation. longest: tokens that the backbone must be able to
    read. setting: the key of the recipe, with its ``=``, that sets `longest`. Raises InputError where the tokenizer cannot be
    used.
    """

    def __init__(self, folder: Path, longest: int, setting: str) -> None:
        self.backend = tokenizer_of(folder, longest, setting)
        config = {**_json(folder / "special_tokens_map.json"), **_json(folder / "tokenizer_config.json")}
        template = folder / "chat_template.jinja"
        self.chat_template = template.read_text("utf-8") if template.exists() else config.get("chat_template")
        tokens = {name: config[name] for name in SPECIALS if config.get(name)}
        self.special_tokens_map = {name: t["content"] if isinstance(t, dict) else t for name, t in tokens.items()}
        self.added_tokens_decoder = self.backend.get_added_tokens_decoder()
        ids = {name: self.backend.token_to_id(text) for name, text in self.special_tokens_map.items()}
        self.all_special_ids = [number for number in ids.values() if number is not None]
        self.eos_token_id: int | None = ids.get("eos_token")

    def __call__(self, text: str = "", *, add_special_tokens: bool, **more: Any) -> dict[str, list[int]]:
        content = text or more.get("text_target", "")
        return {"input_ids": self.backend.encode(content, add_special_tokens=add_special_tokens).ids}

    def codec(self, codec: Callable[[Mapping[str, Any], Path], C], settings: Mapping[str, Any]) -> C:
        """A codec with this tokenizer, as in an artifact."""
        with TemporaryDirectory() as folder:
            self.backend.save(str(Path(folder) / FILE))
            return codec(settings, Path(folder))


def described(model: Writing | Untuned, longest: int, setting: str = "task.max_context=") -> tuple[Described, Any] | None:
    """The tokenizer, and a network that has only `config` and `generation_config`; None for a GGUF file not converted yet.

    longest, setting: see `Described`. Raises InputError where the backbone cannot be used.
    """
    source = model.backbone.chosen
    if gguf.is_gguf(str(source.name)) and not gguf.folder_of(str(source.name)).is_dir():
        return None
    folder = backbones.fetch(source)
    config = _json(folder / "config.json")
    config["is_encoder_decoder"] = config.get("model_type") in ENCODER_DECODER
    generation = {"decoder_start_token_id": None, **config, **_json(folder / "generation_config.json")}
    network = SimpleNamespace(config=SimpleNamespace(**config), generation_config=SimpleNamespace(**generation))
    return Described(folder, longest, setting), network


def _json(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return content if isinstance(content, dict) else {}

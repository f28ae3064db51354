"""Finds, checks and loads pretrained backbones. Only loading one imports torch and transformers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from framework import InputError
from framework_text.options import Backbone, BackboneAddress
from framework_text.sources import source_of
from framework_text.sources.folder import TOKENIZER_FILES, first_line, read_json

LENGTHS = {"gpt2": "n_positions"}  # model type -> config key of the longest input, if not max_position_embeddings
SHOWN = 3  # tokens listed in an error message
PLACEHOLDERS = {"<image_soft_token>"}  # in Gemma 3's tokenizer, without an embedding in its text-only models
POOLING = Path("1_Pooling") / "config.json"  # the file in which sentence-transformers states how token states are pooled


def problems_with(
    source: BackboneAddress, accepted: Iterable[str], max_length: int, setting: str = "task.max_length="
) -> list[str]:
    """Why a backbone cannot be used with texts of `max_length` tokens; empty when it can.

    Reads the config, the file names and, where the backbone is on this machine and pinned, the checksum.

    accepted: model types, as in config.json. setting: the start of the message, naming the recipe's keys that set `max_length`.
    """
    if not source.name:
        return ["no backbone: write model.name=FOLDER or a Hugging Face id, or choose one with model=NAME"]
    try:
        origin = source_of(source.name)
        config = origin.config(source.name, source.revision)
        problems = origin.problems(source.name, source.revision, source.sha256)
    except InputError as error:
        return list(error.problems)
    unfit = []
    family = config.get("model_type")
    if family not in set(accepted):
        unfit.append(f"model.name={source.name} is a {family or 'nameless'} model; "
                        f"accepted: {', '.join(sorted(accepted))}")  # fmt: skip
    longest = config.get(LENGTHS.get(str(family), "max_position_embeddings")) or max_length
    if not 3 <= max_length <= longest:
        unfit.append(f"{setting}{max_length} must lie between 3 and {longest}, the most this backbone reads")
    return [*unfit, *problems]


def family(source: BackboneAddress) -> str | None:
    """The model type of a backbone; None when its config cannot be read, which `problems_with` reports."""
    model_type = config_of(source).get("model_type")
    return model_type if isinstance(model_type, str) else None


def config_of(source: BackboneAddress) -> Mapping[str, Any]:
    """A backbone's config.json; empty when it cannot be read, which `problems_with` reports."""
    try:
        return source_of(source.name).config(source.name, source.revision) if source.name else {}
    except InputError:
        return {}


def misplaced(backbone: Backbone, *, ranks: bool = False) -> list[str]:
    """A message for each field of `backbone` that would be ignored: those that go with `model.name=`, which is not set, because
    `backbone.source` is used then, with its own fields; and `backbones`, unless the task `ranks` them.
    """
    fields = {"revision": backbone.revision, "sha256": backbone.sha256, "licence": backbone.licence}
    problems = [f"model.{key}={value} goes with model.name=" for key, value in fields.items() if value and not backbone.name]
    if backbone.backbones and not ranks:
        problems.append("backbones= compares backbones by the labels of texts, which this task does not have: leave it out")
    return problems


def count_weights(folder: Path) -> int:
    """Number of weights in the safetensors files, from their headers."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        total += sum(prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")
    return total


def pools_by_mean(folder: Path) -> bool:
    """Whether the backbone is a sentence encoder that pools token states by their mean, and in no further way."""
    path = folder / POOLING
    if not path.is_file():
        return False
    config = json.loads(path.read_text(encoding="utf-8"))
    modes = [name for name, value in config.items() if name.startswith("pooling_mode") and value is True]
    return modes == ["pooling_mode_mean_tokens"]


def fetch(source: BackboneAddress) -> Path:
    """The folder of a backbone, downloaded or converted if needed; its checksum is verified if the address pins one.

    Raises InputError or FrameworkError where the backbone cannot be had; see `BackboneSource.fetch`.
    """
    assert source.name
    return source_of(source.name).fetch(source.name, source.revision, source.sha256)


def load_tokenizer(folder: Path, max_length: int, setting: str = "task.max_length=") -> Any:
    """The tokenizer of a backbone, as transformers loads it.

    setting: the key of the recipe, with its ``=``, that sets `max_length`. Raises InputError where the tokenizer cannot be
    read, has no fast version, the only kind an artifact can hold, or takes fewer tokens than `max_length`.
    """
    from transformers import AutoTokenizer

    check_length(folder, max_length, setting)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # transformers and tokenizers raise many kinds
        raise InputError(f"{folder}: its tokenizer cannot be read: {first_line(error)}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"{folder}: its tokenizer has no tokenizer.json form, which an artifact needs")
    tokenizer._tokenizer = without_placeholders(folder, tokenizer.backend_tokenizer)
    limit = min(tokenizer.model_max_length, max_length)
    if limit < max_length:
        raise InputError(f"{setting}{max_length}: this backbone takes at most {limit} tokens")
    return tokenizer


def without_placeholders(folder: Path, tokenizer: Any) -> Any:
    """`tokenizer`, of the library `tokenizers`, without image placeholders that have no embedding in the backbone in `folder`.

    Raises InputError for any other token id beyond the embedding table: a text with that token would crash the model.
    """
    from tokenizers import Tokenizer

    rows = read_json(folder / "config.json").get("vocab_size")
    beyond = {token: number for token, number in tokenizer.get_vocab().items() if isinstance(rows, int) and number >= rows}
    if not beyond:
        return tokenizer
    if beyond.keys() - PLACEHOLDERS:
        raise _beyond(folder, rows, beyond)
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in beyond]
    return Tokenizer.from_str(json.dumps(content))


def _beyond(folder: Path, rows: Any, beyond: Mapping[str, int]) -> InputError:
    shown = ", ".join(f"{token!r} ({number})" for token, number in sorted(beyond.items(), key=lambda entry: entry[1])[:SHOWN])
    more = f" and {len(beyond) - SHOWN:,} more" if len(beyond) > SHOWN else ""
    return InputError(
        f"{folder}: its tokenizer has {len(beyond):,} tokens beyond the model's {rows:,} rows of embeddings: {shown}{more}; "
        "take the tokenizer that belongs to the weights, or give them rows: "
        "model.resize_token_embeddings(max(tokenizer.get_vocab().values()) + 1, pad_to_multiple_of=64), then save_pretrained"
    )


def plain_tokenizer(folder: Path) -> Tokenizer | None:
    """The tokenizer in tokenizer.json, unchanged; None where the folder has none. Raises InputError when the file is broken."""
    path = folder / TOKENIZER_FILES[0]
    try:
        return Tokenizer.from_file(str(path)) if path.exists() else None
    except Exception as error:  # tokenizers raises no other kind
        raise InputError(f"{folder}: its tokenizer cannot be read: {first_line(error)}") from error


def check_length(folder: Path, max_length: int, setting: str) -> None:
    """Raises InputError when tokenizer_config.json limits the backbone to fewer than `max_length` tokens.

    setting: see `load_tokenizer`.
    """
    path = folder / "tokenizer_config.json"
    limit = json.loads(path.read_text(encoding="utf-8")).get("model_max_length") if path.exists() else None
    if isinstance(limit, int | float) and limit < max_length:
        raise InputError(f"{setting}{max_length}: this backbone takes at most {limit} tokens")


def load_model(kind: str, folder: Path, **config: Any) -> Any:
    """Loads a model of transformers in fp32, from safetensors only.

    ``load_model("AutoModelForSequenceClassification", folder, num_labels=3)``

    kind: name of a class of transformers. config: changes to the model's config. Raises InputError where weights cannot be
    loaded, or any but a head's or a pooler's are missing.
    """
    import torch
    import transformers

    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        model, loaded = getattr(transformers, kind).from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **config
        )
    except Exception as error:  # safetensors and transformers raise many kinds
        raise InputError(f"{folder}: its weights cannot be loaded: {first_line(error)}") from error
    finally:
        transformers.logging.set_verbosity(level)
    bare = kind == "AutoModel" or not hasattr(model, model.base_model_prefix)  # a T5 model holds no separate backbone
    _check_loaded(folder, "" if bare else f"{model.base_model_prefix}.", loaded)
    return model


def _check_loaded(folder: Path, prefix: str, loaded: Any) -> None:
    """Raises InputError where weights other than those of a head or a pooler would be random.

    prefix: beginning of the names of the backbone's weights; "": all weights are the backbone's. loaded: transformers' loading
    info.
    """
    names = [*loaded["missing_keys"], *(entry[0] for entry in loaded["mismatched_keys"])]
    random = sorted(name for name in names if name.startswith(prefix) and "pooler" not in name)
    if random:
        raise InputError(
            f"{folder}: model.safetensors does not fit its config.json: {len(random)} of the backbone's weights are missing "
            f"or have another shape, such as {random[0]}"
        )


def as_encoder(model: Any) -> Any:
    """The model without what is unused where token states are averaged, in place: a pooler, whose weights would not be trained,
    and a loss, of which transformers warns when the model is traced.
    """
    if getattr(model, "pooler", None) is not None:
        model.pooler = None
    model.loss_type = "ForSequenceClassification"
    return model

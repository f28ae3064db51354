"""Finds, checks and loads pretrained backbones. torch and transformers are imported when one is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from framework import FrameworkError, InputError, locate
from framework_text import gguf
from framework_text.options import Backbone, BackboneSource

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model")
LENGTHS = {"gpt2": "n_positions"}  # where a config says otherwise how many tokens are read
SHOWN = 3  # tokens that a message names
PLACEHOLDERS = {"<image_soft_token>"}  # of Gemma 3's tokenizer, which its models of texts alone have no embedding of
POOLING = Path("1_Pooling") / "config.json"  # where sentence-transformers keeps how token states become one vector
ADAPTER = "adapter_config.json"  # what peft leaves
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.ckpt")
HUB_FILES = ["config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer*", "special_tokens_map.json",
             "vocab.*", "merges.txt", "*.model", "chat_template*", "README.md", "generation_config.json"]  # fmt: skip


def problems_with(
    source: BackboneSource, accepted: Iterable[str], max_length: int, said: str = "task.max_length="
) -> list[str]:
    """Why a backbone cannot be used with texts of `max_length` tokens, empty when it can. said: what of the recipe sets these.

    Reads its config, its file names and, where it is on this machine and pinned, its checksum.
    """
    if not source.name:
        return ["no backbone: write model.name=FOLDER or a Hugging Face id, or choose one with model=NAME"]
    try:
        config, folder = _config(source)
    except InputError as error:
        return list(error.problems)
    problems = []
    family = config.get("model_type")
    if family not in set(accepted):
        problems.append(f"model.name={source.name} is a {family or 'nameless'} model; "
                        f"accepted: {', '.join(sorted(accepted))}")  # fmt: skip
    longest = config.get(LENGTHS.get(str(family), "max_position_embeddings")) or max_length
    if not 3 <= max_length <= longest:
        problems.append(f"{said}{max_length} must lie between 3 and {longest}, the most this backbone reads")
    if folder:
        problems += _missing_files(source.name, folder) or _wrong_checksum(folder, source.sha256)
    elif gguf.is_gguf(source.name):
        problems += gguf.wrong_checksum(source.name, source.sha256)
    return problems


def family(source: BackboneSource) -> str | None:
    """The model type of a backbone; None when its config cannot be read, of which `problems_with` tells."""
    found = config_of(source).get("model_type")
    return found if isinstance(found, str) else None


def config_of(source: BackboneSource) -> dict[str, Any]:
    """A backbone's config.json; empty when it cannot be read, of which `problems_with` tells."""
    try:
        return _config(source)[0] if source.name else {}
    except InputError:
        return {}


def misplaced(backbone: Backbone) -> list[str]:
    """What is said about a backbone that is not named: it would be ignored, since `source` counts as a whole."""
    beside = {"revision": backbone.revision, "sha256": backbone.sha256, "licence": backbone.licence}
    return [f"model.{key}={value} goes with model.name=" for key, value in beside.items() if value and not backbone.name]


def pools_by_mean(folder: Path) -> bool:
    """Whether the backbone is a sentence encoder that averages its token states, and does nothing else with them."""
    path = folder / POOLING
    if not path.is_file():
        return False
    config = json.loads(path.read_text(encoding="utf-8"))
    modes = [name for name, value in config.items() if name.startswith("pooling_mode") and value is True]
    return modes == ["pooling_mode_mean_tokens"]


def fetch(source: BackboneSource) -> Path:
    """The folder of a backbone, its pinned checksum verified: downloaded if it is a Hugging Face id, converted once if GGUF."""
    assert source.name
    if gguf.is_gguf(source.name):
        return gguf.converted(source.name, source.sha256)
    folder = _local(source.name) or Path(_hub("snapshot_download", source, allow_patterns=HUB_FILES))
    problems = _missing_files(source.name, folder) or _wrong_checksum(folder, source.sha256)
    if problems:
        raise InputError(*problems)
    return folder


def load_tokenizer(folder: Path, max_length: int, said: str = "task.max_length=") -> Any:
    """The tokenizer of a backbone. Raises InputError when it has no fast version, the only kind an artifact can hold."""
    from transformers import AutoTokenizer

    plain_tokenizer(folder)
    check_length(folder, max_length, said)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # transformers and tokenizers raise many kinds
        raise InputError(f"{folder}: its tokenizer cannot be read: {_first(error)}") from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(f"{folder}: its tokenizer has no tokenizer.json form, which an artifact needs")
    tokenizer._tokenizer = within_rows(folder, tokenizer.backend_tokenizer)
    limit = min(tokenizer.model_max_length, max_length)
    if limit < max_length:
        raise InputError(f"{said}{max_length}: this backbone takes at most {limit} tokens")
    return tokenizer


def within_rows(folder: Path, tokenizer: Any) -> Any:
    """A tokenizer of `tokenizers`, without placeholders of pictures that the model has no embedding of.

    Raises InputError for other tokens beyond the embeddings: a text that holds one would end every run that it is part of.
    """
    from tokenizers import Tokenizer

    rows = _json(folder / "config.json").get("vocab_size")
    beyond = {token: number for token, number in tokenizer.get_vocab().items() if isinstance(rows, int) and number >= rows}
    if not beyond:
        return tokenizer
    if beyond.keys() - PLACEHOLDERS:
        raise _beyond(folder, rows, beyond)
    told = json.loads(tokenizer.to_str())
    told["added_tokens"] = [token for token in told["added_tokens"] if token["content"] not in beyond]
    return Tokenizer.from_str(json.dumps(told))


def _beyond(folder: Path, rows: Any, beyond: Mapping[str, int]) -> InputError:
    shown = ", ".join(f"{token!r} ({number})" for token, number in sorted(beyond.items(), key=lambda one: one[1])[:SHOWN])
    more = f" and {len(beyond) - SHOWN:,} more" if len(beyond) > SHOWN else ""
    return InputError(
        f"{folder}: its tokenizer has {len(beyond):,} tokens beyond the model's {rows:,} rows of embeddings: {shown}{more}; "
        "take the tokenizer that belongs to the weights, or give them rows: "
        "model.resize_token_embeddings(max(tokenizer.get_vocab().values()) + 1, pad_to_multiple_of=64), then save_pretrained"
    )


def plain_tokenizer(folder: Path) -> Tokenizer | None:
    """tokenizer.json as it is; None where the folder has none. Raises InputError when it is broken."""
    path = folder / TOKENIZER_FILES[0]
    try:
        return Tokenizer.from_file(str(path)) if path.exists() else None
    except Exception as error:  # tokenizers raises no other kind
        raise InputError(f"{folder}: its tokenizer cannot be read: {_first(error)}") from error


def check_length(folder: Path, max_length: int, said: str) -> None:
    """Raises InputError when the tokenizer's own config says that the backbone takes fewer tokens."""
    path = folder / "tokenizer_config.json"
    limit = json.loads(path.read_text(encoding="utf-8")).get("model_max_length") if path.exists() else None
    if isinstance(limit, int | float) and limit < max_length:
        raise InputError(f"{said}{max_length}: this backbone takes at most {limit} tokens")


def load_model(kind: str, folder: Path, **config: Any) -> Any:
    """``load_model("AutoModelForSequenceClassification", folder, num_labels=3)``; safetensors only, in fp32."""
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
        raise InputError(f"{folder}: its weights cannot be loaded: {_first(error)}") from error
    finally:
        transformers.logging.set_verbosity(level)
    whole = kind == "AutoModel" or not hasattr(model, model.base_model_prefix)  # T5 has no backbone within it
    _check_loaded(folder, "" if whole else f"{model.base_model_prefix}.", loaded)
    return model


def _check_loaded(folder: Path, prefix: str, loaded: Any) -> None:
    """Only a head and a pooler may start from random weights."""
    names = [*loaded["missing_keys"], *(entry[0] for entry in loaded["mismatched_keys"])]
    random = sorted(name for name in names if name.startswith(prefix) and "pooler" not in name)
    if random:
        raise InputError(
            f"{folder}: model.safetensors does not fit its config.json: {len(random)} of the backbone's weights are missing "
            f"or have another shape, such as {random[0]}"
        )


def _config(source: BackboneSource) -> tuple[dict[str, Any], Path | None]:
    """The backbone's config.json, and its folder when it is on this machine and not GGUF."""
    assert source.name
    if gguf.is_gguf(source.name):
        return gguf.config_of(source.name), None
    folder = _local(source.name)
    path = folder / "config.json" if folder else Path(_hub("hf_hub_download", source, filename="config.json"))
    if not path.exists() and (path.parent / ADAPTER).exists():
        raise InputError(
            f"model.name={source.name} is an adapter alone ({ADAPTER}), without the model it belongs to; merge them first: "
            "PeftModel.from_pretrained(BASE, ADAPTER).merge_and_unload().save_pretrained(FOLDER)"
        )
    if not path.exists():
        raise InputError(f"model.name={source.name} has no config.json; it must be a folder that save_pretrained wrote")
    return _json(path), folder


def _json(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} must hold a JSON object, as save_pretrained writes it")
    return config


def _local(name: str) -> Path | None:
    if name.startswith("package://"):
        return locate(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise InputError(f"model.name={name}: no such folder")
    return None


def _hub(function: str, source: BackboneSource, **arguments: Any) -> str:
    """Calls huggingface_hub, which answers from its cache when there is no network."""
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return str(getattr(huggingface_hub, function)(source.name, revision=source.revision, **arguments))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise InputError(f"model.name={source.name} is neither a folder nor a Hugging Face id: {_first(error)}") from error
    except (errors.LocalEntryNotFoundError, errors.EntryNotFoundError, errors.HfHubHTTPError, OSError) as error:
        raise FrameworkError(
            f"model.name={source.name} is no folder here, and Hugging Face did not answer for it: {_first(error)}"
        ) from error


def _first(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _missing_files(name: str, folder: Path) -> list[str]:
    problems = []
    if not any((folder / file).exists() for file in TOKENIZER_FILES):
        problems.append(
            f"model.name={name} has no tokenizer ({TOKENIZER_FILES[0]}); save it beside the weights: "
            "AutoTokenizer.from_pretrained(...).save_pretrained(FOLDER)"
        )
    if not any((folder / file).exists() for file in ("model.safetensors", "model.safetensors.index.json")):
        pickles = [file for file in PICKLES if (folder / file).exists()]
        found = f"only {', '.join(pickles)}, a pickle, which can run code when read" if pickles else "no weights"
        problems.append(
            f"model.name={name} has {found}; it needs model.safetensors: "
            "AutoModel.from_pretrained(...).save_pretrained(FOLDER) writes it"
        )
    return [*problems, *_broken_weights(folder)]


def _broken_weights(folder: Path) -> list[str]:
    """Files of weights that are cut off or no safetensors, told from their headers."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(folder.glob("model*.safetensors")):
        try:
            with safe_open(path, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            return [f"{folder}: its weights cannot be loaded: {path.name}: {_first(error)}"]
    return []


def _wrong_checksum(folder: Path, expected: str | None) -> list[str]:
    if expected is None:
        return []
    path = folder / "model.safetensors"
    if not path.exists():
        return [f"model.sha256 pins {path.name}, and {folder} has its weights in several files"]
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    return (
        []
        if found == expected
        else [f"{path} has sha256 {found}, the recipe pins {expected}; correct model.sha256 or the file"]
    )

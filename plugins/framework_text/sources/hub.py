"""Backbones of the Hugging Face hub, whose client falls back to its cache without a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from framework import BackboneSource, FrameworkError, InputError
from framework_text.sources.folder import check, config_in, first_line

FILES = [
    *("config.json", "*.safetensors", "model.safetensors.index.json", "generation_config.json", "README.md"),
    *("tokenizer*", "special_tokens_map.json", "vocab.*", "merges.txt", "*.model", "chat_template*", "1_Pooling/config.json"),
]


class Hub(BackboneSource):
    """``owner/name`` or ``hf://owner/name``. revision: a branch, tag or commit."""

    def fetch(self, name: str, revision: str | None, sha256: str | None) -> Path:
        folder = Path(_download("snapshot_download", name, revision, allow_patterns=FILES))
        check(name, folder, sha256)
        return folder

    def config(self, name: str, revision: str | None) -> Mapping[str, Any]:
        return config_in(name, Path(_download("hf_hub_download", name, revision, filename="config.json")).parent)


def _download(function: str, name: str, revision: str | None, **arguments: Any) -> str:
    import huggingface_hub
    from huggingface_hub import errors

    try:
        return str(getattr(huggingface_hub, function)(name.removeprefix("hf://"), revision=revision, **arguments))
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError, errors.HFValidationError) as error:
        raise InputError(f"model.name={name} is neither a folder nor a Hugging Face id: {first_line(error)}") from error
    except (errors.LocalEntryNotFoundError, errors.EntryNotFoundError, errors.HfHubHTTPError, OSError) as error:
        raise FrameworkError(
            f"model.name={name} is no folder here, and Hugging Face did not answer for it: {first_line(error)}"
        ) from error

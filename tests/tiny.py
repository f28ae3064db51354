"""Tiny real things: a labelled file, and randomly initialised models of every family, with a tokenizer."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WORDS = {
    "positive": ["lovely", "great", "superb", "kind", "happy"],
    "negative": ["awful", "late", "rude", "broken", "sad"],
    "neutral": ["blue", "daily", "round", "average", "paper"],
}
THINGS = ["flight", "phone", "car", "seat", "crew", "bag", "screen", "meal", "ticket", "engine", "door", "window"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LENGTH = 32  # tokens


def rows(count: int = 120, labels: Mapping[str, Sequence[str]] = WORDS, seed: int = 0) -> list[tuple[str, str]]:
    """(text, label) pairs, all texts different, the label decided by one word."""
    pick = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label = sorted(labels)[len(found) % len(labels)]
        parts = [pick.choice(THINGS) for _ in range(pick.randint(2, 6))]
        parts.insert(pick.randrange(len(parts)), pick.choice(labels[label]))
        found.setdefault(" ".join(["the", *parts]), label)
    return list(found.items())


def labelled_rows(count: int = 120, seed: int = 0) -> list[tuple[str, list[str]]]:
    """(text, labels) pairs, all texts different; each label is decided by a word of its own, and some texts have none."""
    pick = random.Random(seed)
    found: dict[str, list[str]] = {}
    while len(found) < count:
        labels = [label for label in sorted(WORDS) if pick.random() < 0.45]
        parts = [pick.choice(THINGS) for _ in range(pick.randint(2, 6))]
        for label in labels:
            parts.insert(pick.randrange(len(parts) + 1), pick.choice(WORDS[label]))
        found.setdefault(" ".join(["the", *parts]), pick.sample(labels, len(labels)))
    return list(found.items())


def write_csv(path: Path, pairs: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *pairs])
    return path


def install(site: Path, name: str, module: str) -> None:
    """What pip leaves of a distribution with one entry point."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[framework.plugins]\n{module.rpartition('.')[2]} = {module}\n")


def tiny_model(folder: Path, family: str = "bert", layers: int = 2) -> Path:
    """A folder as save_pretrained leaves it: a few thousand random parameters and a word-level tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    words = [*SPECIAL, "the", "a", *THINGS, *(word for words in WORDS.values() for word in words)]
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **_sizes(family, len(words), layers))
    AutoModel.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=_tokenizer(words),
        **{f"{name[1:-1].lower()}_token": name for name in SPECIAL},
        model_max_length=LENGTH,
    ).save_pretrained(folder)
    return folder


def _tokenizer(words: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def _sizes(family: str, vocabulary: int, layers: int) -> dict[str, Any]:
    ids = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    if family == "distilbert":
        own: dict[str, Any] = {"dim": 32, "hidden_dim": 48, "n_layers": layers, "n_heads": 2}
    else:
        own = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": layers, "num_attention_heads": 2}
    if family in ("albert", "electra"):
        own["embedding_size"] = 16
    if family == "deberta-v2":
        own |= {"relative_attention": True, "position_buckets": 8, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm"}
    if family == "modernbert":
        own |= {"local_attention": 16, "global_attn_every_n_layers": 2}
    return {"vocab_size": vocabulary, "max_position_embeddings": LENGTH + 8, **ids, **own}


def tiny_writer(folder: Path) -> Path:
    """A causal language model of a few thousand random parameters, and a tokenizer that begins a text and can end it."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BEGIN]", "eos_token": "[END]"}
    words = [*special.values(), "Summary", ":", "the", *THINGS, *WORDS, *(word for words in WORDS.values() for word in words)]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[BEGIN] $A", special_tokens=[("[BEGIN]", 2)])
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llama", vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, pad_token_id=0, bos_token_id=2, eos_token_id=3,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special, model_max_length=128).save_pretrained(folder)
    return folder


def tiny_reader(folder: Path, family: str = "t5") -> Path:
    """An encoder-decoder model of a few thousand random parameters, and a tokenizer that ends a text."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

    special = {"pad_token": "[PAD]", "eos_token": "[END]", "unk_token": "[UNK]"}
    words = [*special.values(), "summarize", ":", "the", *THINGS, *WORDS, *(word for words in WORDS.values() for word in words)]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [END]", special_tokens=[("[END]", 1)])
    torch.manual_seed(0)
    ids = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    if family in ("t5", "mt5"):
        own: dict[str, Any] = {"d_kv": 8, "d_ff": 48, "num_layers": 1, "num_heads": 4}
    else:
        parts = {"layers": 1, "attention_heads": 4, "ffn_dim": 48}
        own = {f"{end}_{name}": size for end in ("encoder", "decoder") for name, size in parts.items()}
        own |= {"max_position_embeddings": 64, "forced_eos_token_id": 1}
    config = AutoConfig.for_model(family, vocab_size=len(words), d_model=32, **ids, **own)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special, model_max_length=128).save_pretrained(folder)
    return folder


def telling_apart(folder: Path) -> Path:
    """Makes the random weights of an encoder-decoder model so large that what it writes depends on what it reads."""
    from transformers import AutoModelForSeq2SeqLM

    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder)
    for name, weights in model.named_parameters():
        if weights.ndim > 1 and "shared" not in name:
            weights.data *= 12.0 if "encoder_attn" in name or "EncDecAttention" in name else 3.0
    model.save_pretrained(folder)
    return folder


def summaries(count: int = 120) -> list[tuple[str, str]]:
    """(text, summary) pairs: of a text about things its tone and its first thing."""
    return [(text, f"{label} {next(word for word in text.split() if word in THINGS)}") for text, label in rows(count)]


def tiny_gguf(path: Path) -> Any:
    """Writes a Gemma 3 of random weights as GGUF, with a tokenizer, and returns it."""
    import gguf
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    words = ["<pad>", "<eos>", "<bos>", "<unk>", *"▁thefligbadrSumy:", "▁the", "he"]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "gemma3_text", vocab_size=len(words), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=128, sliding_window=16,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_config(config)
    writer = gguf.GGUFWriter(path, "gemma3")
    told = {
        "context_length": 128, "embedding_length": 32, "block_count": 2, "feed_forward_length": 48, "head_count": 4,
        "head_count_kv": 2, "key_length": 8, "value_length": 8, "sliding_window": 16, "layer_norm_rms_eps": 1e-6,
        "tokenizer_model": "llama", "token_list": words, "token_scores": [-float(i) for i in range(len(words))],
        "token_types": [3, 3, 3, 2, *[1] * (len(words) - 4)], "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
        "unk_token_id": 3, "add_bos_token": True, "add_space_prefix": False,
    }  # fmt: skip
    for key, value in told.items():
        getattr(writer, f"add_{key}")(value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA3, 2)
    for name, weights in model.state_dict().items():
        if name != "lm_head.weight":  # tied; and llama.cpp adds the 1 of Gemma's norms beforehand
            stored = names.get_name(name, try_suffixes=(".weight",))
            assert stored is not None
            writer.add_tensor(stored, (weights + 1 if "norm" in name else weights).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def write_dialogues(path: Path, count: int = 120) -> Path:
    """Conversations about things, as messages with roles; of every third two turns each are said."""
    import json

    lines = []
    for number, (text, label) in enumerate(rows(count)):
        thing = next(word for word in text.split() if word in THINGS)
        turns = [("user", text), ("assistant", f"{label} {thing}")]
        if number % 3 == 0:
            turns += [("user", f"the {thing}"), ("assistant", label)]
        lines.append(json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_log(folder: Path, users: int = 40, each: int = 8) -> Path:
    """log.csv, items.csv, users.csv: one half of the users takes lovely things and the other half awful ones, each its own."""
    folder.mkdir(parents=True, exist_ok=True)
    pick = random.Random(0)
    items = {f"{label}-{number}": label for label in ("positive", "negative") for number in range(len(THINGS))}
    log = [("user_id", "item_id", "timestamp", "rating")]
    for user in range(users):
        mine = [item for item, label in items.items() if label == ("positive", "negative")[user % 2]]
        taken = enumerate(pick.sample(mine, each))
        log += [(f"u{user:03}", item, str(1000 * user + place), pick.choice("345")) for place, item in taken]
    about = [(item, f"the {WORDS[label][number % 5]} {THINGS[number]}", label, str(2000 + number))
             for (item, label), number in zip(items.items(), [*range(len(THINGS))] * 2, strict=True)]  # fmt: skip
    people = [(f"u{user:03}", ("F", "M")[user % 2], str(20 + user)) for user in range(users)]
    write_csv(folder / "items.csv", about, ("item_id", "title", "kind", "year"))
    write_csv(folder / "users.csv", people, ("user_id", "gender", "age"))
    return write_csv(folder / "log.csv", log[1:], log[0])


def tiny_encoder(folder: Path) -> Path:
    """A sentence encoder that averages its token states, as sentence-transformers leaves one."""
    pooling = tiny_model(folder) / "1_Pooling"
    pooling.mkdir(exist_ok=True)
    (pooling / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    return folder


def recommends(folder: Path, candidate: str = "ease") -> list[str]:
    """Overrides that make the recommendation recipe end in seconds, on a log, items and users that are written there."""
    log = write_log(folder / "log")
    return [
        f"data.train={log}",
        f"data.items={log.with_name('items.csv')}",
        f"data.users={log.with_name('users.csv')}",
        f"candidates=[{candidate}]",
        f"encoder.name={tiny_encoder(folder / 'encoder')}",
        "encoder.sha256=null",
        "trainer.enable_progress_bar=false",
    ]

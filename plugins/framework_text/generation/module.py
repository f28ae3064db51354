"""The LightningModule and DataModule that train a causal or encoder-decoder language model by cross entropy of answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch.nn import functional
from torch.utils.data import DataLoader

from framework import LengthBucketSampler
from framework_text.generation.adapters import Ranks
from framework_text.generation.head import Head
from framework_text.generation.options import Writing
from framework_text.generation.rows import IGNORED, Batch, PromptCollator, PromptedRows, batch_part, runs
from framework_text.optimization import Optimized


class Writer(Optimized):
    """Trains a language model. Logs train_loss and val_loss, in nats a token of the answers.

    Logits are computed only where an answer's token follows, because vocabularies are large and prompts long.
    """

    def __init__(self, model: Any, options: Writing) -> None:
        super().__init__()
        self.model = model
        self.options = options
        self.ranks = Ranks(model) if options.adapter == "adalora" else None

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (tokens, vocabulary) in fp32 and their labels (tokens,), of all answers of a batch, in no particular order."""
        model = self._base_model()
        passes = [_states_and_labels(model, part) for part in self._parts(batch, apart=model.config.is_encoder_decoder)]
        hidden, labels = (torch.cat(parts) for parts in zip(*passes, strict=True))
        return Head(model)(hidden), labels

    def _parts(self, batch: Batch, *, apart: bool) -> list[Batch]:
        """Splits a batch into parts with little padding; with several ranks, which must run the same number of passes, returns
        the whole batch.

        apart: see `PromptCollator`.
        """
        if self._trainer is not None and self._trainer.world_size > 1:
            return [batch]
        inputs, answers = batch["attention_mask"].sum(1), (batch["labels"] != IGNORED).sum(1)
        groups = runs(torch.stack([inputs, answers] if apart else [inputs], 1).cpu().numpy())
        return [batch] if len(groups) == 1 else [batch_part(batch, rows) for rows in groups]

    def _base_model(self) -> Any:
        """The model of transformers, without the wrapper of an adapter."""
        return self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model

    def training_step(self, batch: Batch, index: int) -> torch.Tensor:
        loss = functional.cross_entropy(*self(batch))
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch["labels"]))
        return loss if self.ranks is None else loss + self.ranks.penalty()

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        if self.ranks is not None:
            self.ranks.allocate(self.trainer.global_step + 1)  # the step counts as done only when this returns

    def validation_step(self, batch: Batch, index: int) -> None:
        logits, labels = self(batch)
        loss = functional.cross_entropy(logits, labels)
        self.log("val_loss", loss, prog_bar=True, batch_size=len(labels), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        trained = [weights for weights in self.parameters() if weights.requires_grad]
        groups = [{"params": trained, "weight_decay": self.options.weight_decay}]
        optimizers = self.adamw(groups, self.options.learning_rate, self.options.warmup)
        if self.ranks is not None:
            self.ranks.plan(int(self.trainer.estimated_stepping_batches))
        return optimizers

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drops frozen weights, which the backbone holds already."""
        named = self.named_parameters(remove_duplicate=False)  # a tied head has a second name
        frozen = {name for name, weights in named if not weights.requires_grad}
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: value for name, value in state.items() if name not in frozen}
        if self.ranks is not None:
            checkpoint["ranks"] = self.ranks.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.ranks is not None:
            self.ranks.restore(checkpoint["ranks"])

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        return super().load_state_dict({**self.state_dict(), **state_dict}, strict, assign)


def _states_and_labels(model: Any, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states (tokens, width) that predict the answers' tokens, and these tokens (tokens,)."""
    labels = batch["labels"]
    if model.config.is_encoder_decoder:
        hidden = _decoder_states(model, batch)
    else:
        inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        hidden = model.base_model(**inputs, use_cache=False).last_hidden_state
        hidden, labels = hidden[:, :-1], labels[:, 1:]
    counted = labels != IGNORED
    return hidden[counted], labels[counted]


def _decoder_states(model: Any, batch: Batch) -> torch.Tensor:
    """The decoder's hidden states (batch, answer, width), each computed from the tokens before it (teacher forcing)."""
    mask, labels = batch["attention_mask"], batch["labels"]
    source = model.get_encoder()(input_ids=batch["input_ids"], attention_mask=mask).last_hidden_state
    start = labels.new_full((len(labels), 1), model.config.decoder_start_token_id)
    before = torch.cat([start, labels[:, :-1]], 1)
    hidden: torch.Tensor = model.get_decoder()(
        input_ids=before.masked_fill(before == IGNORED, 0),  # padding is on the right, which causal attention does not see
        encoder_hidden_states=source,
        encoder_attention_mask=mask,
        use_cache=False,
    ).last_hidden_state
    return hidden


class WriterBatches(pl.LightningDataModule):
    """Batches of rows of similar length, divided among ranks."""

    def __init__(
        self, train: PromptedRows, validation: PromptedRows, collate: PromptCollator, batch_size: int, seed: int
    ) -> None:
        super().__init__()
        self.train, self.validation = train, validation
        self.collate, self.batch_size, self.seed = collate, batch_size, seed

    def train_dataloader(self) -> Any:
        return self._loader(self.train, shuffle=True)

    def val_dataloader(self) -> Any:
        return self._loader(self.validation, shuffle=False)

    def _loader(self, rows: PromptedRows, *, shuffle: bool) -> DataLoader[Any]:
        rank, world = (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        sampler = LengthBucketSampler(rows.lengths, self.batch_size, shuffle=shuffle, seed=self.seed, rank=rank, world=world)
        return DataLoader(rows, batch_sampler=sampler, collate_fn=self.collate, num_workers=0)

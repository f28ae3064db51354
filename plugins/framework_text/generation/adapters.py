"""Adapters that are trained in place of the backbone's weights and merged into them: LoRA and AdaLoRA of peft."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from framework import InputError
from framework_text.generation.options import LEAST_STEPS, Writing
from framework_text.readiness import too_few

BEGUN = 1.5  # AdaLoRA's initial rank, as a multiple of its mean rank at the end
WARMUP, FINAL = 0.1, 0.3  # shares of the steps before the first reduction of ranks, and after the last
ORTHOGONAL = 0.1  # weight of the penalty that keeps singular vectors orthogonal
ALLOCATIONS = 100  # about so many times in a training ranks are reallocated; scores are updated in every step
NAME = "default"  # the name that peft gives to the adapter


def adapted(network: Any, options: Writing) -> Any:
    """A model of transformers with an adapter at every linear layer; unchanged with `adapter=none`."""
    if options.adapter == "none":
        return network
    from peft import AdaLoraConfig, LoraConfig, get_peft_model

    common = {
        "target_modules": "all-linear",
        "lora_dropout": 0.0,
        "task_type": "SEQ_2_SEQ_LM" if network.config.is_encoder_decoder else "CAUSAL_LM",
        "fan_in_fan_out": network.config.model_type == "gpt2",  # the layers of GPT-2 store transposed weights
    }
    scale = options.alpha or 2 * options.rank
    if options.adapter == "lora":
        config = LoraConfig(r=options.rank, lora_alpha=scale, **common)
    else:
        begun = max(options.rank + 1, round(BEGUN * options.rank))
        alpha = round(scale * begun / options.rank)  # peft divides by the initial rank
        config = AdaLoraConfig(init_r=begun, target_r=options.rank, lora_alpha=alpha, total_step=LEAST_STEPS, **common)
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*is_gradient_checkpointing.*"
        )  # peft reads an attribute that transformers renamed
        return get_peft_model(network, config)


class Ranks:
    """During training, reduces the ranks of the adapter's matrices that matter least (Zhang et al. 2023, AdaLoRA).

    Every matrix starts with a rank above `model.rank`; at the end `model.rank` is the mean of the ranks.
    """

    def __init__(self, model: Any) -> None:
        """model: as returned by `adapted`, with `adapter=adalora`."""
        self.model = model
        self.tuner = model.base_model
        self.config = model.peft_config[NAME]

    def plan(self, steps: int) -> None:
        """Schedules the reduction. steps: of the optimizer, in the whole training. Raises InputError below `LEAST_STEPS`."""
        if steps < LEAST_STEPS:
            raise InputError(too_few(steps))
        self.config.total_step, self.config.tinit, self.config.tfinal = steps, int(WARMUP * steps), int(FINAL * steps)
        self.config.deltaT = max(1, steps // ALLOCATIONS)

    def penalty(self) -> torch.Tensor:
        """How far the singular vectors are from orthogonal, a scalar to be added to the loss."""
        distances = [
            torch.linalg.matrix_norm((side @ side.T) - torch.eye(len(side), device=side.device))
            for name, weights in self.model.named_parameters()
            if "lora_A" in name or "lora_B" in name
            for side in [weights.float() if "lora_A" in name else weights.float().T]
        ]
        return ORTHOGONAL * torch.stack(distances).mean()

    def allocate(self, step: int) -> None:
        """Updates the scores of singular values, and reduces ranks in scheduled steps.

        Called after each optimizer step, before gradients are cleared. step: number of that step, from 1.
        """
        allocator, device = self.tuner.rankallocator, next(self.model.parameters()).device
        for scores in (allocator.ipt, allocator.exp_avg_ipt, allocator.exp_avg_unc):  # restored scores are on the CPU
            scores.update({name: score.to(device) for name, score in scores.items()})
        for weights in self.model.parameters():
            if weights.grad is not None:  # a step that overflowed in fp16 must not spoil the scores
                weights.grad.nan_to_num_(0.0, 0.0, 0.0)
        self.tuner.update_and_allocate(step)

    def left(self) -> tuple[int, int]:
        """The number of singular values of the adapter that are not zero, and the number of all."""
        values = [weights for name, weights in self.model.named_parameters() if "lora_E" in name]
        return sum(int((weights != 0).sum()) for weights in values), sum(weights.numel() for weights in values)

    def state(self) -> dict[str, Any]:
        """The state of the allocation for a checkpoint, as plain data and tensors."""
        allocator = self.tuner.rankallocator
        return {
            "scores": dict(allocator.exp_avg_ipt), "doubts": dict(allocator.exp_avg_unc), "kept": self.config.rank_pattern,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Restores what `state` returned."""
        allocator = self.tuner.rankallocator
        allocator.exp_avg_ipt, allocator.exp_avg_unc = dict(state["scores"]), dict(state["doubts"])
        allocator.ipt = {name: torch.zeros_like(score) for name, score in state["scores"].items()}
        self.config.rank_pattern = state["kept"]

"""Mult-VAE (Liang et al. 2018, Variational Autoencoders for Collaborative Filtering): a multinomial over all items."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from framework import FitContext
from framework_recommendation.interactions import HeldOutUsers, Interactions
from framework_recommendation.models.trained import SideInformation, Trained
from framework_recommendation.models.training import Batch, Network, fit_network, with_zero_first
from framework_recommendation.options import MultVaeOptions

WIDER = 3  # width of the hidden layers, relative to the latent vector
ANNEALED, STEPS = 1.0, 300  # the final weight of the KL divergence, and the steps of its linear annealing


class MultVAE(Network):
    """Encoder: the embeddings of the history, summed and divided by the norm of its multi-hot vector, which equals a dense
    layer on the normalized vector. Decoder: the weights and biases of its last layer are the item
    vectors. Inference uses the mean.
    """

    steps: torch.Tensor

    def __init__(self, catalogue: int, latent: int, dropout: float) -> None:
        super().__init__(catalogue=catalogue, latent=latent, dropout=dropout)
        width = WIDER * latent
        self.latent, self.dropout = latent, dropout
        self.taken = nn.Embedding(catalogue + 1, width, padding_idx=0)
        self.bias = nn.Parameter(torch.zeros(width))
        self.encode = nn.Linear(width, 2 * latent)
        self.decode = nn.Linear(latent, width)
        self.offered = nn.Parameter(torch.empty(catalogue + 1, width))
        self.offsets = nn.Parameter(torch.zeros(catalogue + 1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.float32))
        with torch.no_grad():
            for matrix in (self.taken.weight, self.offered, self.encode.weight, self.decode.weight):
                nn.init.xavier_normal_(matrix)
            self.taken.weight[0] = 0.0

    def encode_history(self, history: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latent vectors, each (batch, latent)."""
        present = (history > 0).to(self.bias.dtype)
        norm = present.sum(1, keepdim=True).clamp(min=1.0).sqrt()
        if self.training:  # the same sum, without a tensor of all embeddings of the batch
            kept = functional.dropout(present, self.dropout)
            pooled = functional.embedding_bag(history, self.taken.weight, mode="sum", per_sample_weights=kept) / norm
        else:
            pooled = self.taken(history).sum(1) / norm
        mean, log_variance = self.encode(torch.tanh(pooled + self.bias)).split(self.latent, dim=1)
        return mean, log_variance

    def decode_latent(self, latent: torch.Tensor) -> torch.Tensor:
        """(batch, width + 1): the last hidden layer, and a 1 for the biases."""
        hidden = torch.tanh(self.decode(latent))
        return torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)

    def forward(self, history: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        return self.decode_latent(self.encode_history(history)[0])

    def matrix(self) -> torch.Tensor:
        return with_zero_first(torch.cat([self.offered, self.offsets[:, None]], dim=1))

    def loss(self, batch: Batch) -> torch.Tensor:
        """The negative evidence lower bound, with an annealed KL divergence."""
        history = batch["history"]
        mean, log_variance = self.encode_history(history)
        latent = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        logits = self.decode_latent(latent) @ self.matrix().T
        log_shares = functional.log_softmax(logits[:, 1:].float(), dim=1)
        padded = functional.pad(log_shares, (1, 0))  # the padding gets 0
        likelihood = padded.gather(1, history).sum(1).mean()
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).float().sum(1).mean()
        self.steps += 1
        return ANNEALED * (self.steps / STEPS).clamp(max=1.0) * divergence - likelihood


def fit(
    train: Interactions, held_out: HeldOutUsers, options: MultVaeOptions, context: FitContext[Any, Any], side: SideInformation
) -> Trained:
    torch.manual_seed(context.seed)
    network = MultVAE(train.catalogue, options.dimensions, options.dropout)
    return fit_network(network, train, held_out, options, context, side)

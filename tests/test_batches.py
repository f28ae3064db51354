"""Batches are of similar length, complete, reproducible, and fair to every rank."""

from __future__ import annotations

import numpy as np
import pytest

from framework import LengthBucketSampler

LENGTHS = list(np.random.default_rng(0).integers(3, 120, 1000))


def padding(batches: list[list[int]]) -> float:
    real = sum(LENGTHS[i] for batch in batches for i in batch)
    padded = sum(len(batch) * max(LENGTHS[i] for i in batch) for batch in batches)
    return float(1 - real / padded)


def test_little_of_a_batch_is_padding() -> None:
    assert padding(list(LengthBucketSampler(LENGTHS, 32, shuffle=True))) < 0.1
    assert padding([list(range(i, i + 32)) for i in range(0, 960, 32)]) > 0.4


def test_every_row_comes_once_and_epochs_differ() -> None:
    sampler = LengthBucketSampler(LENGTHS, 32, shuffle=True, seed=3)
    first = list(sampler)
    assert sorted(i for batch in first for i in batch) == list(range(1000))
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first


@pytest.mark.parametrize("shuffle", [True, False])
def test_ranks_share_the_global_batch(shuffle: bool) -> None:
    whole = list(LengthBucketSampler(LENGTHS, 33, shuffle=shuffle))
    ranks = [list(LengthBucketSampler(LENGTHS, 33, shuffle=shuffle, rank=rank, world=2)) for rank in range(2)]
    assert len(ranks[0]) == len(ranks[1]) == len(whole)
    for batch, *parts in zip(whole, *ranks, strict=True):
        assert set(batch) == set().union(*parts)
        assert all(parts)
        assert not shuffle or len(parts[0]) == len(parts[1])

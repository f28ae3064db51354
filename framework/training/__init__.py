"""Training with Lightning: trainer, checkpoints, schedule, throughput."""

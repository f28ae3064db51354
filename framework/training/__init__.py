"""Lightning: trainer, checkpoints, schedule, throughput."""

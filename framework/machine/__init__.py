"""CPUs, memory, disk and versions."""

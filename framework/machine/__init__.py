"""The machine: CPUs, memory, disk, interrupts, and versions of libraries."""

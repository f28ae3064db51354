"""The output of a run: console, log and report."""

"""One fit of a candidate, in the process of the run or in a process of its own."""

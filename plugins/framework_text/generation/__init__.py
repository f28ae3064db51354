"""Text generation, shared by tasks: training rows, fine-tuning, the decoder as a graph with a cache, decoding in numpy."""

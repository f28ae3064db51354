"""Searches settings of a candidate within stage "fit": trials in processes of their own, and a record that survives them."""

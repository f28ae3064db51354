"""Runs a recipe: the run's folder and its stages."""

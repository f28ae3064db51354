"""Recipes: their schema, composition by Hydra, and validation."""

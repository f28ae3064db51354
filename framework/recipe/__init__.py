"""Recipes: schema, composition by Hydra, validation."""

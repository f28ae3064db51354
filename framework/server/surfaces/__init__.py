"""Surfaces on the server: their routes, exchanges, pages and part of OpenAPI."""

"""HTTP below the routes."""

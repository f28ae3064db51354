"""What plugins and the framework agree on. Imports numpy and itself only."""

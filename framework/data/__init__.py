"""From files to splits: reading, columns by role, cleaning, splitting, fingerprints."""

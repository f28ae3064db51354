"""Tables: columns and their cells, the files that they are read from."""

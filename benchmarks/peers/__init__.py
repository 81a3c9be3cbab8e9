"""Other servers of the same model, as their own documentation shows how to write them. Each file runs by itself."""

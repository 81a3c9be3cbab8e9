"""Photos that are kept: where they are stored, which are kept, for how long, and what tidies up after them."""

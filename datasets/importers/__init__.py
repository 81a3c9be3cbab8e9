"""Ways to make a manifest from photos somebody has: one file a kind of source."""

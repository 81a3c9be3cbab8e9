"""Where photos and labels come from: manifests, their checks, and the ways to make one. Never torch."""

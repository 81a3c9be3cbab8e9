"""What training and serving must agree on: the problems, the photo road, the released model and its decisions."""

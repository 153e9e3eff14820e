"""What ``--gen`` takes: one file a family of generators."""

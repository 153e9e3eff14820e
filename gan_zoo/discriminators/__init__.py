"""What ``--disc`` takes: one file a family of discriminators."""

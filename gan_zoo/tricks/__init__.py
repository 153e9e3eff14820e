"""What ``--tricks`` takes."""

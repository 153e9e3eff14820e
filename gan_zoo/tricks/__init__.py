"""The tricks that ``--tricks`` takes."""

"""Feature networks for ``--extractor``: fixed networks from images to features."""

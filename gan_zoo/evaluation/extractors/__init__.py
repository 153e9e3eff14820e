"""What ``--extractor=`` takes: fixed networks that turn images into features, one file a network."""

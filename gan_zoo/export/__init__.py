"""A run's generator for other programs: formats, and the folder that describes it."""

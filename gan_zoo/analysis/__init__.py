"""Questions about finished runs and data sets, answered with records."""

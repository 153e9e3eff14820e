"""Analyses of finished runs, of pictures and of data sets; each returns a record."""

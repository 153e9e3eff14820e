"""Variants and seeds against each other."""

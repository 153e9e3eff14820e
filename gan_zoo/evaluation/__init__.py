"""Distances between sets of images, and the protocol that gives such a number a meaning."""

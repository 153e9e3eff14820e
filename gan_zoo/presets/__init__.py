"""Presets that ship with gan_zoo: recipes, old projects, the demo."""

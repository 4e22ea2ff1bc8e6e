"""Figures: a module each, and their common ``style``."""

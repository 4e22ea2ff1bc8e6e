"""Medley's library: typed functions that know nothing of Snakemake."""

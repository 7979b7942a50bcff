"""The run directory: what a run is about, and what its commands have written."""

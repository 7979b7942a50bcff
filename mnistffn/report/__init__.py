"""Everything of a run on one page that needs no network."""

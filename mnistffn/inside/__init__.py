"""Looking into the layers of a trained network."""

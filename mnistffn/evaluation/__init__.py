"""Measuring a trained network on images that it has never seen."""

"""Choosing a network's parameters by cross-validation."""

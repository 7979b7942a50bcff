"""What is trained, and nothing of training."""

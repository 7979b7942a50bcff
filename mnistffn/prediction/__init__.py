"""What a network reads in pictures of one's own."""

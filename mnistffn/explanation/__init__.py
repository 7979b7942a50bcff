"""Why a network read one image as it did."""

"""What all searches have in common: space, number of candidates, how each is trained and tested."""

import os

from mnistffn.search.space import SearchSpace

SPACE = SearchSpace((100, 600), (2, 2), (0.0, 0.3))  # the second layer has half the bounds of the first
TRIALS = int(os.environ["RACE_TRIALS"])
FOLDS, EPOCHS, BATCH, LR, JOBS = 3, 5, 512, 1e-3, 2

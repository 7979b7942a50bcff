"""scikit-learn's ``MLPClassifier`` as in its example on MNIST (plot_mnist_filters): SGD at 0.2."""

from typing import Any

import joblib
from clock import FOLDER, SEED, Clock
from images import load_data
from sklearn.neural_network import MLPClassifier

HIDDEN = (360, 187)

clock = Clock()
(X, y), (X_test, y_test) = load_data()


class Observed(MLPClassifier):
    """Calls what is called at the end of every epoch of ``fit``."""

    def _update_no_improvement_count(self, *arguments: Any) -> None:
        super()._update_no_improvement_count(*arguments)
        if clock.end_epoch(lambda: self.score(X_test, y_test)):
            raise KeyboardInterrupt  # upon which ``fit`` ends in good order


network = Observed(
    HIDDEN, max_iter=1000, alpha=1e-4, solver="sgd", learning_rate_init=0.2, random_state=SEED
)
network.fit(X, y)
joblib.dump(network, FOLDER / "model.joblib")

"""Keras as in its example on MNIST (mnist_convnet): Adam, batches of 128, a tenth for validation."""

from typing import Any

import keras
from clock import FOLDER, SEED, Clock
from images import load_data
from keras import layers

HIDDEN = (360, 187)
DROPOUT = 0.2

clock = Clock()
(X, y), (X_test, y_test) = load_data()


class Observer(keras.callbacks.Callback):
    """Measures after every epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop when time is up."""
        self.model.stop_training = clock.end_epoch(self.measure)

    def measure(self) -> float:
        """Return the test accuracy."""
        return (self.model.predict(X_test, verbose=0).argmax(axis=1) == y_test).mean()


keras.utils.set_random_seed(SEED)
model = keras.Sequential([keras.Input(shape=(X.shape[1],))])
for n_units in HIDDEN:
    model.add(layers.Dense(n_units))
    model.add(layers.BatchNormalization())
    model.add(layers.Activation("relu"))
    model.add(layers.Dropout(DROPOUT))
model.add(layers.Dense(int(y.max()) + 1, activation="softmax"))
model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, y, batch_size=128, epochs=1000, validation_split=0.1, callbacks=[Observer()], verbose=2)
model.save(FOLDER / "model.keras")

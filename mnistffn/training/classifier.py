"""The scikit-learn classifier that holds a skorch net."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, BinaryIO, Self

import numpy as np
import torch
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from mnistffn.errors import ParameterError
from mnistffn.network.modelfile import Model, write_model
from mnistffn.network.network import FeedForwardNetwork
from mnistffn.network.probabilities import compute_log_probabilities, compute_probabilities
from mnistffn.network.seeding import seeded
from mnistffn.network.tensors import as_tensor
from mnistffn.training.adversarial import Adversary
from mnistffn.training.augment import Distortion, Strengths
from mnistffn.training.batching import Part, batch_sizes, choose_batch_size
from mnistffn.training.checkpoint import Checkpoint
from mnistffn.training.device import check_precision, computing, resolve_device
from mnistffn.training.epochs import train_epochs
from mnistffn.training.net import Epoch, TrainingNet
from mnistffn.training.optimizers import SGD, AdamW
from mnistffn.training.parameters import (
    DISTORTIONS,
    Activation,
    Device,
    Norm,
    Optimizer,
    Precision,
    Schedule,
    check_parameters,
)
from mnistffn.training.recipes import DEFAULT_RECIPE, combine, get_recipe
from mnistffn.training.rows import (
    TrainingRows,
    choose_rows,
    draw_seed,
    find_validation_rows,
    hold_out_images,
)
from mnistffn.training.trained import read_trained
from mnistffn.training.weights import ClassWeight

OPTIMIZERS: Mapping[Optimizer, dict[str, Any]] = {
    "adam": {"optimizer": AdamW},
    "sgd": {
        "optimizer": SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
}
FEWEST_PIXELS = 36  # of what may be an image
RAW_SAMPLE = 100  # rows that are looked at


class FeedForwardClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A batch-normalised feed-forward network with dropout, trained on images as they are or modified.

    Inputs are float32 as they are, or uint8 images, which are scaled to [0, 1] batch by batch. The
    loss is the negative log-likelihood of the softmax.

    Parameters
    ----------
    hidden : sequence of int, default=(360, 187)
        Units of every hidden layer.
    dropout, input_dropout : float in [0, 1), default=0.0
        Dropout after every hidden layer, and of the inputs.
    activation : {"relu", "gelu", "tanh"}, default="relu"
        Of the hidden units.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam with decoupled weight decay (AdamW; Loshchilov and Hutter, 2019), which without any is Adam
        (Kingma and Ba, 2015); or stochastic gradient descent with Nesterov momentum 0.9
        (Sutskever and others, 2013).
    lr : float, default=1e-2
        Learning rate, the highest one of a schedule.
    schedule : {"one-cycle", "plateau", "constant"}, default="one-cycle"
        How it changes: see :class:`~mnistffn.training.net.TrainingNet`.
    weight_decay : float, default=0.0
        Decoupled weight decay; with ``sgd`` that of an L2 penalty.
    label_smoothing : float in [0, 1), default=0.0
        Part of the target that is spread over all classes (Szegedy and others, 2016).
    ema_decay : float in [0, 1), default=0.0
        Decay at every step of a moving average of the weights, which is kept; 0: none.
    batch_size : int or None, default=None
        Images of one step; None for a fiftieth of the training images, but from 32 to 512.
    max_epochs : int, default=20
        Passes over the training part, at the most.
    patience : int, default=0
        Epochs without a lower validation loss after which training stops; the weights of the best
        epoch are kept. 0 trains for ``max_epochs`` and keeps the last.
    min_delta : float, default=0.0
        What the validation loss must fall by for ``patience`` to begin anew.
    class_weight : mapping of label to float, "balanced" or None, default=None
        Weights of the classes, as scikit-learn has them, times those that :meth:`fit` is given.
        ``balanced``: all classes are trained on equally often.
    validation_fraction : float in [0, 1), default=0.1
        Part of ``X`` that is not trained on but measured after every epoch, the classes in proportion.
    adversarial : float, default=0.0
        Trains on adversarial images, which differ by this much; inputs must be in [0, 1]. 0: on the
        images as they are. See :func:`~mnistffn.training.adversarial.attack`.
    adversarial_norm : {"linf", "l2"}, default="linf"
        How the difference is measured: the largest of a pixel, or the Euclidean length.
    adversarial_steps : int, default=1
        Steps that make an adversarial image. One is enough for small strengths.
    augment : bool, default=False
        Distorts the images of every batch at random. 0 is what lies outside of an image.
    rotation, scaling, shear, shift, elastic, elastic_width : float
        How far: see :class:`~mnistffn.training.augment.Strengths`.
    image_shape : (int, int) or None, default=None
        Height and width of the images that ``X`` holds in its rows; None for square ones.
    precision : {"float32", "tf32", "bf16"}, default="float32"
        Numbers in which the matrix products of the training are taken: see
        :func:`~mnistffn.training.device.mixed`. Predictions do not depend on it.
    device : {"auto", "cpu", "cuda", "mps"}, default="cpu"
        Where it is trained; ``auto`` is a GPU where there is one. The fitted network is on the CPU.
    n_threads : int or None, default=None
        Threads of torch while it trains; None keeps those that are set.
    random_state : int, RandomState or None, default=None
        Seeds the validation part, the initial weights, the order of the images, their modification and
        dropout.
    on_epoch : callable or None, default=None
        Called with the :class:`~mnistffn.training.net.Epoch` that has just ended.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Features of ``X``, for images the pixels.
    history_ : list of Epoch
        One entry an epoch.
    best_epoch_ : int
        The epoch whose weights were kept; 0 if not one of them was finite.
    net_ : skorch.NeuralNet
        The net that was trained; not there after :meth:`load`.
    module_ : FeedForwardNetwork
        The fitted network: float32 (n, n_features) in, logits (n, n_classes) out.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = FeedForwardClassifier(hidden=(32,), augment=True, random_state=0)
    >>> classifier.fit(X / 16, y).predict(X[:3] / 16)
    array([0, 1, 2])
    """

    def __init__(
        self,
        hidden: Sequence[int] = (360, 187),
        *,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        activation: Activation = "relu",
        optimizer: Optimizer = "adam",
        lr: float = 1e-2,
        schedule: Schedule = "one-cycle",
        weight_decay: float = 0.0,
        label_smoothing: float = 0.0,
        ema_decay: float = 0.0,
        batch_size: int | None = None,
        max_epochs: int = 20,
        patience: int = 0,
        min_delta: float = 0.0,
        class_weight: ClassWeight = None,
        validation_fraction: float = 0.1,
        adversarial: float = 0.0,
        adversarial_norm: Norm = "linf",
        adversarial_steps: int = 1,
        augment: bool = False,
        rotation: float = 10.0,
        scaling: float = 0.11,
        shear: float = 0.11,
        shift: float = 0.03,
        elastic: float = 0.025,
        elastic_width: float = 0.14,
        image_shape: tuple[int, int] | None = None,
        precision: Precision = "float32",
        device: Device = "cpu",
        n_threads: int | None = None,
        random_state: int | RandomState | None = None,
        on_epoch: Callable[[Epoch], None] | None = None,
    ) -> None:
        self.hidden = hidden
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.activation = activation
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.min_delta = min_delta
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.adversarial = adversarial
        self.adversarial_norm = adversarial_norm
        self.adversarial_steps = adversarial_steps
        self.augment = augment
        self.rotation = rotation
        self.scaling = scaling
        self.shear = shear
        self.shift = shift
        self.elastic = elastic
        self.elastic_width = elastic_width
        self.image_shape = image_shape
        self.precision = precision
        self.device = device
        self.n_threads = n_threads
        self.random_state = random_state
        self.on_epoch = on_epoch

    @classmethod
    def from_recipe(cls, recipe: str = DEFAULT_RECIPE, /, **parameters: Any) -> Self:
        """Return a classifier that is trained as ``mnistffn train --recipe`` trains, not yet fitted.

        Fitted on the same images with equal ``hidden``, ``random_state`` and ``n_threads``, it becomes
        the same network, bit for bit.

        Parameters
        ----------
        recipe : str, default="default"
            One of :data:`~mnistffn.training.recipes.RECIPES`. Only ``best``
            and ``record`` set ``hidden``.
        **parameters
            Parameters of the classifier that differ from the recipe's. A ``patience`` without a
            ``schedule`` brings the schedule ``plateau``, for one-cycle is at its best at its end.

        Raises
        ------
        UsageError
            There is no such recipe.
        ValueError
            There is no such parameter: the message names those that there are.

        Examples
        --------
        >>> FeedForwardClassifier.from_recipe("robust", hidden=(64, 32), max_epochs=5)
        FeedForwardClassifier(adversarial=0.08, augment=True, hidden=(64, 32),
                              max_epochs=5, validation_fraction=0.05)
        """
        classifier: Self = cls().set_params(**combine(get_recipe(recipe), parameters))
        return classifier

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        rows: NDArray[np.int64] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Train the network from new weights.

        Parameters
        ----------
        X : array-like of shape (n, n_features), float32 or uint8
            uint8 is scaled from 0 to 255 to [0, 1]; float32, and what becomes it, is taken as it is. It
            is not copied if it is an array of one of these types and may be written to.
        y : array-like of shape (n,)
            Labels, numbers or strings, of at least two classes.
        sample_weight : array-like of shape (n,) or None, default=None
            How often each row is trained on, 0 or more. Whole numbers are copies of the row, and an
            epoch has them all; of others, only their ratios count: an epoch has as many rows as there
            are with a weight above 0, drawn anew for every epoch by these weights. The validation part
            is weighted likewise.
        rows : ndarray of shape (n_rows,), int64, or None, default=None
            Train on these rows of ``X`` and ``y`` only.
        checkpoint : Checkpoint or None, default=None
            Where the state of the training is kept, from which it goes on after it was interrupted.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            A parameter is out of its range, or there is no such device. It is a ValueError too.
        ValueError
            ``X``, ``y`` or ``sample_weight`` is not fit for training: NaN, one class only, too few
            rows, weights below 0.

        Warns
        -----
        UserWarning
            ``X`` holds pixels of 0 to 255 that are not uint8, and so are not scaled; or uint8 that do
            not reach half of 255.
        ConvergenceWarning
            The loss became infinite or NaN, and training stopped there.
        CatastrophicOverfittingWarning
            Adversarial training learned to defeat its own attack only, and stopped there.
        """
        check_parameters(self.get_params(deep=False))
        device = resolve_device(self.device)
        check_precision(self.precision, device)
        X, labels = self._check_training_data(X, y)
        _warn_of_raw_pixels(X)
        _warn_of_dark_pixels(X)
        found = choose_rows(X, labels, rows, sample_weight, self.get_params(deep=False))
        self.classes_ = found.classes
        seed = draw_seed(check_random_state(self.random_state))
        train, valid = hold_out_images(X, found, self.validation_fraction, seed)
        with seeded(seed, self.n_threads, device), computing(self.precision):
            data = as_tensor(X).to(device), as_tensor(found.targets).to(device)
            parts = (
                _make_part(data, found, train),
                None if valid is None else _make_part(data, found, valid),
            )
            self.net_ = self._make_net(len(train), device).initialize()
            self.module_: FeedForwardNetwork = self.net_.module_
            self.history_, self.best_epoch_ = train_epochs(
                self.net_, parts, self.patience, self.min_delta, self.on_epoch, checkpoint
            )
            self.module_.cpu()
        return self

    def make_distortion(self) -> Distortion | None:
        """Return what distorts the images in training, or None where they stay as they are.

        Raises
        ------
        ParameterError
            The classifier's rows are not images of ``image_shape``.
        """
        if not self.augment:
            return None
        side = math.isqrt(self.n_features_in_)
        height, width = self.image_shape or (side, side)
        if height * width != self.n_features_in_:
            what = f"{height} by {width} pixels" if self.image_shape else "a square image"
            problem = f"needs images, but {self.n_features_in_} features are not {what}"
            raise ParameterError(problem, augment=True)
        strengths = Strengths(**{name: getattr(self, name) for name in DISTORTIONS})
        return Distortion((height, width), strengths)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of every class, computed in double precision.

        Parameters
        ----------
        X : array-like of shape (n, n_features), float32 or uint8

        Returns
        -------
        ndarray of shape (n, n_classes), float64
            Softmax of the logits, the classes in the order of ``classes_``.
        """
        rows = self._check_inputs(X)
        return compute_probabilities(self.module_, rows)

    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithms of :meth:`predict_proba`, finite where that is rounded to 0."""
        rows = self._check_inputs(X)
        return compute_log_probabilities(self.module_, rows)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable label of every row, an ndarray of shape (n,)."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def find_validation_rows(
        self, X: ArrayLike, y: ArrayLike, rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """Return the rows that :meth:`fit`, given the same, holds out and does not train on.

        Parameters
        ----------
        X, y, rows
            As :meth:`fit` takes them; without weights of single rows.

        Returns
        -------
        ndarray of shape (n_valid,), int64
            Ascending; empty without a ``validation_fraction``.

        Raises
        ------
        ParameterError
            ``random_state`` is no number: nothing says which rows they were.
        """
        inputs, labels = clone(self)._check_training_data(X, y)
        return find_validation_rows(inputs, labels, rows, self.get_params(deep=False))

    def save(self, path: str | PathLike[str] | BinaryIO) -> None:
        """Write weights, architecture and parameters to ``path`` (usually ``model.pt``).

        The file holds tensors and plain values only: ``torch.load(path, weights_only=True)`` reads it.
        """
        parameters = self.get_params(deep=False)
        del parameters["on_epoch"]
        if isinstance(self.random_state, RandomState):
            parameters["random_state"] = None
        if isinstance(self.class_weight, Mapping):  # whose labels may be anything
            parameters["class_weight"] = None
        check_is_fitted(self)
        write_model(path, Model(self.module_, self.classes_, parameters))

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a fitted classifier that :meth:`save` has written.

        Raises
        ------
        RunDirectoryError
            There is no such file, or it is not a model of this program.
        """
        model = read_trained(path)
        classifier = cls(**model.parameters)
        classifier.classes_ = model.classes
        classifier.n_features_in_ = model.network.widths[0]
        classifier.history_ = []
        classifier.best_epoch_ = 0
        classifier.module_ = model.network
        return classifier

    def _check_inputs(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        rows: NDArray[Any] = validate_data(self, X, dtype=[np.float32, np.uint8], reset=False)
        _warn_of_raw_pixels(rows)
        return rows

    def _check_training_data(self, X: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return inputs and labels."""
        inputs, labels = validate_data(self, X, y, dtype=[np.float32, np.uint8])
        check_classification_targets(labels)
        if self.adversarial and inputs.dtype != np.uint8 and (inputs.min() < 0 or inputs.max() > 1):
            found = f"it reaches from {inputs.min()} to {inputs.max()}"
            problem = f"needs X in [0, 1], but {found}"
            raise ParameterError(problem, adversarial=self.adversarial)
        return inputs, labels

    def _make_net(self, n_train: int, device: torch.device) -> TrainingNet:
        batch_size = choose_batch_size(self.batch_size, n_train)
        adversary = Adversary(self.adversarial, self.adversarial_norm, self.adversarial_steps)
        return TrainingNet(
            module__n_features=self.n_features_in_,
            module__hidden=tuple(self.hidden),
            module__n_classes=len(self.classes_),
            module__dropout=self.dropout,
            module__input_dropout=self.input_dropout,
            module__activation=self.activation,
            criterion__label_smoothing=self.label_smoothing,
            lr=self.lr,
            optimizer__weight_decay=self.weight_decay,
            optimizer__fused=True,
            **OPTIMIZERS[self.optimizer],
            schedule=self.schedule,
            # Before patience is used up, so that a smaller learning rate has its chance.
            plateau_epochs=max(1, self.patience // 2) if self.patience else 5,
            n_steps=self.max_epochs * len(batch_sizes(n_train, batch_size)),
            ema_decay=self.ema_decay,
            batch_size=batch_size,
            max_epochs=self.max_epochs,
            distortion=self.make_distortion(),
            adversary=adversary if self.adversarial else None,
            precision=self.precision,
            device=device,
        )


def _make_part(data: tuple[Tensor, Tensor], found: TrainingRows, places: NDArray[np.int64]) -> Part:
    """Return the part of some places among the rows, on the device where the data are."""
    own = None if found.weights is None else as_tensor(found.weights[places])
    return Part(*data, as_tensor(found.rows[places]).to(data[0].device), own)


def _warn_of_dark_pixels(X: NDArray[Any]) -> None:
    """Warn of what looks like images of 0 to 16 or of 0 and 1, as uint8: they are divided by 255."""
    if X.dtype == np.uint8 and X.shape[1] >= FEWEST_PIXELS and 0 < (highest := int(X.max())) < 128:
        msg = (
            f"X is uint8, which is divided by 255, and goes up to {highest} only: if that is white, "
            f"give (X / {highest}).astype(np.float32)"
        )
        warnings.warn(msg, stacklevel=3)


def _warn_of_raw_pixels(X: NDArray[Any]) -> None:
    """Warn of what looks like images of 0 to 255, which only uint8 is scaled for."""
    if X.dtype == np.uint8 or X.shape[1] < FEWEST_PIXELS:
        return
    some = X[:RAW_SAMPLE]
    if X.min() == 0 and 128 <= X.max() <= 255 and np.array_equal(some, np.rint(some)):
        msg = (
            f"X goes from 0 to {X.max():g} in whole numbers and is taken as it is: only uint8 images "
            f"are scaled to [0, 1]; give X.astype(np.uint8), or X / 255"
        )
        warnings.warn(msg, stacklevel=3)

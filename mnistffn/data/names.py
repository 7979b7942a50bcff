"""What the names of variables say. Shapes and contents come first: a name decides between equals."""

import re
from collections.abc import Sequence

PARTS = {
    "train": ("train", "training", "trn", "tr", "tra", "entrenamiento"),
    "validation": ("validation", "val", "valid", "dev", "vali", "cv", "tune"),
    "test": ("test", "testing", "tst", "te", "tes", "t10k", "prueba", "pruebas"),
}
IMAGES = {
    "image", "images", "img", "imgs", "x", "data", "fea", "feas", "feature", "features", "input",
    "inputs", "pixels", "digits", "samples", "patterns", "pic", "pics", "i", "im",
}  # fmt: skip
LABELS = {
    "label", "labels", "lab", "labs", "y", "t", "target", "targets", "class", "classes", "gnd", "gt",
    "output", "outputs", "answers", "truth", "category", "categories", "onehot",
}  # fmt: skip
GUESSES = {
    "pred", "preds", "predicted", "prediction", "predictions", "estimated", "estimate", "est", "guess",
    "noisy", "flipped", "wrong", "pseudo",
}  # fmt: skip
# What belongs to every image and is not its label.
OTHERS = {
    "writer", "writers", "author", "authors", "subject", "subjects", "person", "persons", "user",
    "group", "groups", "id", "ids", "index", "indices", "idx", "ind", "set", "sets", "split", "fold",
    "folds", "partition", "part", "weight", "weights", "box", "boxes", "bbox", "count", "number",
    "order", "perm", "page", "form", "session", "source", "time", "age", "angle", "angles", "rotation",
    "noise", "error", "permutation",
}  # fmt: skip
SETS = {"set"}  # MatConvNet's
DIVISIONS = {"set", "sets", "split", "splits", "partition", "fold", "folds", "istrain", "istest"}
BATCHES = {"batch", "fold", "part", "x", "set", "block", "chunk", "view", "session", "subject"}
MEANS = {"mean", "avg", "average"}
CLASS_NAMES = {"mapping", "classes", "names", "classnames", "labelnames", "categories", "classlabels"}
NO_CLASS_NAMES = {
    "feature",
    "features",
    "file",
    "files",
    "filenames",
    "pixel",
    "pixels",
    "image",
    "images",
}

_WORD = re.compile(r"t10k|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def split_words(name: str) -> list[str]:
    """Return the words that a name is made of, in small letters.

    Examples
    --------
    >>> split_words("xTrainImages"), split_words("dataset.train_x"), split_words("X1")
    (['x', 'train', 'images'], ['dataset', 'train', 'x'], ['x', '1'])
    """
    return [word.lower() for word in _WORD.findall(name)]


def find_part(name: str) -> tuple[str | None, str]:
    """Return which part of the data a name speaks of, if any, and the name without it.

    Examples
    --------
    >>> find_part("Xtrain"), find_part("traingnd"), find_part("labels_test"), find_part("values")
    (('train', 'x'), ('train', 'gnd'), ('test', 'labels'), (None, 'values'))
    """
    words = split_words(name)
    for part, spellings in PARTS.items():
        for word in words:
            if word in spellings:
                rest = [other for other in words if other != word]
                return part, " ".join(rest)
    known = IMAGES | LABELS | OTHERS
    for place, word in enumerate(words):
        for part, spellings in PARTS.items():
            for spelling in spellings[:3]:
                left = word.removeprefix(spelling) if word.startswith(spelling) else ""
                left = left or (word.removesuffix(spelling) if word.endswith(spelling) else "")
                if left in known:
                    return part, " ".join([*words[:place], left, *words[place + 1 :]])
    return None, " ".join(words)


def says(name: str, words: Sequence[str] | set[str]) -> bool:
    """Return whether one of the words is among those that a name's last step is made of.

    Examples
    --------
    >>> says("dataset.train.labels", LABELS), says("training.images", LABELS), says("ytrain", LABELS)
    (True, False, True)
    """
    last = name.rpartition(".")[2]
    return bool(set(find_part(last)[1].split()) & set(words))


def rate_label(name: str) -> int:
    """Return how much a name speaks for labels, less than 0 where it speaks for something else.

    Examples
    --------
    >>> [rate_label(name) for name in ("label_idx", "y", "numero", "writer", "predicted_label")]
    [2, 1, 0, -1, -2]
    """
    if says(name, GUESSES):
        return -2
    if says(name, {word for word in LABELS if len(word) > 1}):
        return 2
    if says(name, OTHERS):
        return -1
    return int(says(name, {"y"}))


def find_class(name: str) -> tuple[str, int] | None:
    """Return stem and number of a name that ends in one, as ``train7`` or ``digit_3`` do.

    Examples
    --------
    >>> find_class("train7"), find_class("digit_10"), find_class("X")
    (('train', 7), ('digit_', 10), None)
    """
    found = re.fullmatch(r"(.*?\D)(\d{1,3})", name)
    return (found[1], int(found[2])) if found else None

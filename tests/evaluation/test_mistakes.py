import numpy as np

from mnistffn.evaluation.mistakes import (
    ConfusedPair,
    choose_confused,
    choose_examples,
    find_confused_pairs,
    find_doubtful_labels,
)


def test_examples_are_the_extremes_of_their_kind() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.99, 0.01, 0], [0.34, 0.33, 0.33]])
    kinds = choose_examples(probabilities, np.array([True, True, False, False]), count=1)
    assert {kind: rows.tolist() for kind, rows in kinds.items()} == {
        "sure and right": [0],
        "unsure and right": [1],
        "sure and wrong": [2],
        "most spread out": [3],
    }


def test_a_network_without_errors_has_no_wrong_examples() -> None:
    kinds = choose_examples(np.array([[0.9, 0.1]]), np.array([True]))
    assert len(kinds["sure and wrong"]) == 0


def test_sure_examples_are_of_different_classes_where_there_are() -> None:
    top = np.array([0.99, 0.98, 0.97, 0.96, 0.95, 0.94])
    classes = np.array([0, 0, 0, 1, 0, 2])
    probabilities = np.zeros((6, 3))
    probabilities[np.arange(6), classes] = top
    rows = choose_examples(probabilities, np.ones(6, bool))["sure and right"]
    assert rows.tolist() == [0, 3, 5, 1]


def test_the_most_confused_pairs_come_first_and_both_ways_count() -> None:
    confusion = np.array([[9, 2, 0, 4], [3, 9, 0, 0], [0, 1, 9, 0], [0, 0, 0, 9]])
    assert find_confused_pairs(confusion, np.array([2, 4, 7, 9])) == [
        ConfusedPair((4, 2), (3, 2)),
        ConfusedPair((2, 9), (4, 0)),
        ConfusedPair((7, 4), (1, 0)),
    ]
    assert find_confused_pairs(np.diag([3, 4]), np.array([0, 1])) == []
    assert len(find_confused_pairs(np.ones((9, 9), int), np.arange(9))) == 5


def test_the_images_of_a_pair_are_those_misread_either_way_the_surest_first() -> None:
    probabilities = np.array([[0.2, 0.8], [0.1, 0.9], [0.6, 0.4], [0.9, 0.1], [0.3, 0.7]])
    labels, classes = np.array([4, 4, 9, 4, 9]), np.array([4, 9])
    first, second = choose_confused(ConfusedPair((4, 9), (2, 1)), probabilities, labels, classes)
    assert (first.tolist(), second.tolist()) == ([1, 0], [2])


def test_flipped_labels_are_found() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 5, 1000)
    is_sure = generator.random(1000) < 0.8
    own = np.where(is_sure, 0.95, 0.5)
    probabilities = generator.dirichlet(np.full(5, 0.3), 1000) * (1 - own)[:, None]
    probabilities[np.arange(1000), truth] += own
    labels = truth.copy()
    flipped = generator.permutation(1000)[:30]
    labels[flipped] = (truth[flipped] + 1 + generator.integers(0, 4, 30)) % 5
    rows, suggested = find_doubtful_labels(probabilities, labels)
    assert sorted(rows) == sorted(flipped[is_sure[flipped]])
    np.testing.assert_array_equal(suggested, truth[rows])
    own, others = probabilities[rows, labels[rows]], probabilities[rows, suggested]
    assert (np.diff(own - others) >= 0).all(), "the clearest first"


def test_doubts_follow_the_definition_image_by_image() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.full(4, 0.5), 200)
    labels = generator.integers(0, 3, 200)  # the last class has no images
    means = [probabilities[labels == label, label].mean() for label in range(3)]
    expected = {
        row
        for row, (p, label) in enumerate(zip(probabilities, labels, strict=True))
        if p[label] < means[label]
        and any(p[other] >= means[other] for other in range(3) if other != label)
    }
    rows, suggested = find_doubtful_labels(probabilities, labels)
    assert set(rows.tolist()) == expected
    assert 3 not in suggested


def test_one_image_and_one_class_have_no_doubts() -> None:
    for n in (1, 5):
        rows, suggested = find_doubtful_labels(np.tile([0.4, 0.6], (n, 1)), np.zeros(n, int))
        assert len(rows) == len(suggested) == 0

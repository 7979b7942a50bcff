"""One sentence that sums up an explanation; what the numbers do not carry is left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLEAR_AGREEMENT = 0.02  # of two correlations
CLEAR_SHARE = 0.1
MOST_PREFERRED = 2


def summarise(content: Mapping[str, Any]) -> str:
    """Sum up what explain-<index>.json holds of an image."""
    clauses = [
        *_tell_agreement(content),
        *_tell_unit(content),
        _tell_nearest(content),
        *_tell_change(content),
    ]
    head = _capitalise(tell_reading(content))
    return f"{head}: {'; '.join(clauses)}."


def write_headings(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the title of the page, and by what stands under each, the headings: sentences too."""
    one, other = content["prediction"], content["rival"]
    then = {
        True: f"rightly; next comes {other}",
        False: f"but it is labelled {other}",
        None: f"next comes {other}",
    }[content["is_right"]]
    pixels = content["pixels"]
    headings = {
        "title": f"{_name_image(content)} is read as {one}, {then}",
        "text": content["sentence"],
        "pixels": "Red pixels speak for the class, blue ones against it. "
        f"For {one} rather than {other} they add {pixels['added']['difference']:+.2f} "
        f"to the {pixels['black']['difference']:+.2f} of a black image.",
        "change": _head_change(content["change"]),
        "patterns": _head_patterns(content),
        "nearest": f"{_capitalise(_tell_nearest(content))}.",
    }
    for place, step in zip(("units", "units_below"), content["units"], strict=False):
        headings[place] = _head_units(content, step)
    return headings


def _name_image(content: Mapping[str, Any]) -> str:
    picture = content["file"]
    return f"Image {content['index']}" if picture is None else Path(picture).name


def _head_units(content: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    layer, above, one, other = (
        step["layer"],
        step["unit_above"],
        content["prediction"],
        content["rival"],
    )
    pixels = " ← pixels" if step is content["units"][-1] else ""
    if above is None:
        chain, aim = f"Class ← units of layer {layer}", f"what spoke for {one} rather than {other}"
        colors = f"Red units spoke for {one}, blue ones for {other}; "
    else:
        chain = f"Unit {above} ← units of layer {layer}"
        aim = f"what turned unit {above} {'on' if step['sign'] > 0 else 'below 0'}"
        colors = "Red units helped, blue ones hindered; "
    strongest = ""
    if step["strongest"]:
        unit = step["strongest"][0]
        strongest = f"unit {unit['unit']} gave {unit['share']:.0%} of {aim}. "
    sums = f"all units and the bias ({step['bias']:+.2f}) add up to {step['total']:+.2f}."
    return f"{chain}{pixels}, drawn as what each looks for: {strongest}{colors}{sums}"


def _head_change(change: Mapping[str, Any]) -> str:
    if change["strength"] is None:
        return "No change was found that turns it over."
    median = change["median_smallest_strength"]
    usual = f" Half of the test images take {median:.2g}." if median else ""
    return f"{_capitalise(_spell_change(change))}.{usual}"


def _head_patterns(content: Mapping[str, Any]) -> str:
    pairs = zip(content["agreement"], content["classes"], strict=True)
    known = [(value, name) for value, name in pairs if value is not None]
    if not known:
        return "The image is of one brightness: it agrees with no pattern."
    best = max(value for value, _ in known)
    close = [name for value, name in known if value > best - CLEAR_AGREEMENT]
    if len(close) > MOST_PREFERRED:
        return "Several patterns fit it about as well."
    names = " and ".join(name_many(name) for name in close)
    fit = "patterns of {} fit it about as well" if len(close) > 1 else "pattern of {} fits it best"
    return f"The {fit.format(names)} ({best:.2f})."


def _capitalise(text: str) -> str:
    return text[:1].upper() + text[1:]


def tell_reading(content: Mapping[str, Any]) -> str:
    """Tell what the network reads, and whether rightly."""
    probability = dict(zip(content["classes"], content["probabilities"], strict=True))
    prediction, rival = content["prediction"], content["rival"]
    read = f"read as {prediction} ({probability[prediction]:.2f})"
    if content["is_right"] is not False:
        rightly = ", rightly" if content["is_right"] else ""
        return f"{read}{rightly}, next {rival} ({probability[rival]:.2f})"
    return f"{read}, labelled {content['label']} ({probability[rival]:.2f})"


def name_many(label: Any) -> str:
    """Return how a sentence calls the images of a class.

    Examples
    --------
    >>> name_many(7), name_many("A"), name_many("shirt")
    ('7s', "A's", 'shirt')
    """
    text = str(label)
    if text.isdecimal():
        return f"{text}s"
    return f"{text}'s" if len(text) == 1 else text


def name_one(label: Any) -> str:
    """Return how a sentence calls an image of a class.

    Examples
    --------
    >>> name_one(7), name_one(8), name_one("F"), name_one("coat")
    ('a 7', 'an 8', 'an F', 'a coat')
    """
    text = str(label)
    vowels = "AEFHILMNORSXaefhilmnorsx8" if len(text) == 1 else "AEIOUaeiou8"
    return f"{'an' if text[:1] in vowels or text in ('11', '18') else 'a'} {text}"


def tell_preferred(unit: Mapping[str, Any]) -> str:
    """Tell which classes a unit looks for; nothing where it is none, or more than two."""
    named = [name_many(label) for label in unit["prefers"]]
    return f"looks for {' and '.join(named)}" if 0 < len(named) <= MOST_PREFERRED else ""


def _tell_agreement(content: Mapping[str, Any]) -> list[str]:
    agreement = dict(zip(content["classes"], content["agreement"], strict=True))
    prediction, rival = content["prediction"], content["rival"]
    one, other = agreement[prediction], agreement[rival]
    if one is None or other is None or abs(one - other) < CLEAR_AGREEMENT:
        return []
    better, worse = (prediction, rival) if one > other else (rival, prediction)
    though = "" if one > other else "although "
    fits = f"it fits the pattern of {name_many(better)} ({max(one, other):.2f})"
    return [f"{though}{fits} better than that of {name_many(worse)} ({min(one, other):.2f})"]


def _tell_unit(content: Mapping[str, Any]) -> list[str]:
    if not content["units"] or not content["units"][0]["strongest"]:
        return []
    step = content["units"][0]
    unit = step["strongest"][0]
    if unit["share"] < CLEAR_SHARE:
        return []
    preferred = tell_preferred(unit)
    which = f", which {preferred}," if preferred else ""
    spoke = (
        f"{unit['share']:.0%} of what spoke for {content['prediction']} rather than {content['rival']}"
    )
    return [f"unit {unit['unit']} of layer {step['layer']}{which} gave {spoke}"]


def _tell_nearest(content: Mapping[str, Any]) -> str:
    """Tell of which class the nearest training image is, in pixels and in the last hidden layer."""
    where = {"pixels": "in pixels", "hidden": "in the last hidden layer"}
    places: dict[Any, list[str]] = {}
    for place, found in content["nearest"].items():
        places.setdefault(found["any"]["label"], []).append(where[place])
    told = (f"{name_one(label)} {' and '.join(names)}" for label, names in places.items())
    return f"the nearest training image is {', '.join(told)}"


def _tell_change(content: Mapping[str, Any]) -> list[str]:
    change = content["change"]
    if change["strength"] is None:
        return []
    text = _spell_change(change)
    if median := change["median_smallest_strength"]:
        text += f" (half of the test images are misread within {median:.2g})"
    return [text]


def _spell_change(change: Mapping[str, Any]) -> str:
    how = {"l2": "a change of length", "linf": "changing every pixel by at most"}[change["norm"]]
    return f"{how} {change['strength']:.2g} makes it {name_one(change['read_as'])}"

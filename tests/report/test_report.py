"""The report of real runs: what is on the page, what it says of the rest, and how it bears damage."""

import json
import re
import shlex
import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from drawings import draw_zero
from helpers import call, invoke
from PIL import Image

from mnistffn.report.pictures import encode_all
from mnistffn.run.directory import RunDirectory

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """What is on a page: every element with its attributes, and the text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text("utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(self.source)
        assert self.open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(run: Path, *args: str) -> Page:
    result = invoke("report", "-r", run, *args)
    assert result.exit_code == 0, result.output
    return Page(run / "report.html")


@pytest.fixture(scope="module")
def _full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory in which every command has been."""
    run = tmp_path_factory.mktemp("report") / "run"
    zero = run.parent / "zero.png"
    Image.fromarray(draw_zero()).save(zero)
    search = ("--hidden", 16, 24, "--layers", 1, "-n", 2, "-k", 2, "--epochs", 2, "-j", 1)
    commands = [
        ("data",),
        ("search", *search),
        ("train", "--epochs", 8, "--recipe", "fast"),
        ("evaluate", "--attack", "0.1"),
        ("fields",),
        ("maximize", "--steps", 8, "--restarts", 1),
        ("maximize", "--layer", 1, "--units", "0,2", "--card", "--steps", 8, "--restarts", 1),
        ("explain", 4),
        ("explain", "--image", zero, "--label", 0),
    ]
    for command in commands:
        result = invoke(*command, "-r", run, "-q")
        assert result.exit_code == 0, result.output
    return run


@pytest.fixture
def full(_full: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_full, tmp_path / "run"))


def test_the_page_holds_every_picture_and_the_numbers_of_the_files(full: Path) -> None:
    page = report(full)
    pictures = {path.name for path in full.glob("*.png")}
    assert {a["aria-label"] for a in page.find("div") if a.get("class") == "picture"} == {
        f"Picture {name}" for name in pictures
    }
    metrics = json.loads((full / "metrics.json").read_text())
    low, high = metrics["interval"]
    assert f"{metrics['accuracy']:.4f}" in page.text
    assert f"95% interval {low:.4f} to {high:.4f}" in page.text
    for row in metrics["per_class"]:
        assert f"{row['f1']:.4f}" in page.text
    robustness = json.loads((full / "robustness.json").read_text())
    assert f"{robustness['accuracies'][0]['accuracy']:.4f}" in page.text
    [last] = (full / "search.csv").read_text().splitlines()[-1:]
    assert all(cell in page.text for cell in last.split(","))
    for name in ("explain-4", "explain-picture-zero"):
        assert json.loads((full / f"{name}.json").read_text())["sentence"] in page.text
    assert "zero.png: labelled 0, " in page.text
    manifest = RunDirectory(full).manifest()
    for stage in manifest.stages.values():
        assert all(
            digest in page.text for file, digest in stage.outputs.items() if file != "report.html"
        )
    assert manifest.data
    assert manifest.data.sha256 in page.text
    assert manifest.stages["train"].versions["torch"] in page.text


def test_the_page_is_whole_in_itself_and_can_be_read_by_everybody(full: Path) -> None:
    page = report(full)
    assert len(page.source) < 5_000_000
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for name in ("href", "aria-describedby", "aria-labelledby"):
        for target in [a[name] for _, a in page.elements if name in a]:
            assert target == "data:," or target.removeprefix("#") in ids, target
    assert not page.find("script")
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(\w+:)""", page.source)
    assert set(outside) == {"data:"}
    for image in page.find("img"):
        assert len(image["alt"] or "") > 30
        assert int(image["width"] or 0) > 0
        assert int(image["height"] or 0) > 0
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - before <= 1 for before, later in pairwise(levels))
    assert page.find("html")[0]["lang"] == "en"
    n_boxes = sum(a.get("class") in ("scroll", "picture") and a.get("tabindex") == "0"
                  for a in page.find("div"))  # fmt: skip
    assert n_boxes == len(page.find("table")) + len(page.find("img"))


def test_a_unit_has_the_numbers_of_its_card_at_hand(full: Path) -> None:
    page = report(full)
    card = json.loads((full / "card-layer1-unit2.json").read_text())
    tips = [a["id"] or "" for _, a in page.elements if a.get("role") == "tooltip"]
    assert {"layer1-0", "layer1-1"} <= set(tips)
    assert f"{card['score']['activation']:.2f} (best real image" in page.text
    assert f"{card['ablation']:.4f} ± {card['ablation_se']:.4f}" in page.text


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_colours_have_the_contrast_that_wcag_asks_for() -> None:
    style = (Path(__file__).parents[2] / "mnistffn" / "report" / "page.css").read_text()
    schemes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(schemes) == 3, "light, dark and printed"
    for scheme in schemes:
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", scheme))
        focus = [("focus", ground, 3) for ground in ("page", "soft") if "focus" in colours]
        texts = [
            (text, ground, 4.5) for text in ("text", "muted", "link") for ground in ("page", "soft")
        ]
        for text, ground, least in [*texts, ("warn-text", "warn", 4.5), *focus]:
            bright, dark = sorted((luminance(colours[n]) for n in (text, ground)), reverse=True)
            assert (bright + 0.05) / (dark + 0.05) >= least, (text, ground)


def keep_stages(run: Path, *names: str) -> None:
    """Let the manifest forget all other stages."""
    manifest = json.loads((run / "run.json").read_text())
    manifest["stages"] = {name: manifest["stages"][name] for name in names}
    (run / "run.json").write_text(json.dumps(manifest))


def test_what_is_not_there_is_named_with_its_command(full: Path) -> None:
    keep_stages(full, "train")
    page = report(full)
    commands = ("data", "search", "evaluate", "evaluate --attack 0.05,0.1", "fields --layer 2",
                "maximize --layer 2", "fields --layer 1 --top 20", "explain")  # fmt: skip
    for command in commands:
        assert f"mnistffn {command} " in page.text
    assert "Robustness" not in [word.strip() for word in page.words]
    summary = json.loads(invoke("report", "-r", full, "--json").stdout)
    assert f"mnistffn evaluate --run-dir {full}" in summary["missing"]
    assert summary["files"] == [str(full / "report.html")]


def test_a_search_alone_makes_a_report_and_nothing_makes_none(full: Path, tmp_path: Path) -> None:
    keep_stages(full, "search")
    page = report(full)
    assert "All candidates, the best first" in page.text
    assert "mnistffn train " in page.text
    result = invoke("report", "-r", tmp_path / "empty")
    assert result.exit_code == 5
    assert result.stderr.count("\n") == 1
    assert "mnistffn train --hidden 360,187" in result.stderr
    assert not (tmp_path / "empty").exists()


def test_what_is_out_of_date_is_marked(full: Path) -> None:
    assert "out of date" not in report(full).text
    with (full / "model.pt").open("ab") as file:
        file.write(b"another")
    assert "report" in RunDirectory(full).stale_commands()
    page = report(full)
    assert "Evaluation (out of date)" in page.text
    assert (
        "Out of date: model.pt changed after it was made. Run mnistffn evaluate --run-dir" in page.text
    )


def test_a_report_is_out_of_date_when_a_result_comes_that_it_has_not(full: Path) -> None:
    keep_stages(full, "train")
    metrics = (full / "metrics.json").rename(full / "kept")
    report(full)
    assert RunDirectory(full).stale_commands() == []
    metrics.rename(full / "metrics.json")
    assert RunDirectory(full).stale_commands() == ["report"]


def test_pictures_and_files_that_are_gone_or_broken_are_told(full: Path) -> None:
    (full / "confusion.png").unlink()
    (full / "curves.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    (full / "robustness.json").unlink()
    result = invoke("report", "-r", full, "-q")
    assert result.exit_code == 0, result.output
    assert "curves.png cannot be read as a picture" in result.stderr
    page = Page(full / "report.html")
    assert "confusion.png is missing. Run mnistffn evaluate --run-dir" in page.text
    assert "curves.png has changed since it was written. Run mnistffn train " in page.text
    assert "robustness.json is missing." in page.text


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.json", b"{"),
        ("metrics.json", b'{"schema": 1, "accuracy": "high"}'),
        ("fields-layer2.json", b'{"schema": 1, "units": [3]}'),
        ("explain-4.json", b'{"schema": 1}'),
        ("search.csv", b"rank,hidden\n1\n"),
        ("history.csv", b"\xff\xfe"),
        ("history.csv", b""),
        ("run.json", b"[]"),
    ],
)
def test_a_damaged_file_is_one_line_that_names_it(full: Path, file: str, content: bytes) -> None:
    (full / file).write_bytes(content)
    result = invoke("report", "-r", full)
    assert result.exit_code == 5, result.output
    assert result.stderr.count("\n") == 1
    assert str(full / file) in result.stderr
    assert not (full / "report.html").exists()


def test_nothing_that_is_told_becomes_markup(full: Path) -> None:
    evil = "</title><script>alert(1)</script>\" onload='x' &amp; {{ 7 * 7 }}"
    names = ("run.json", "metrics.json", "card-layer1-unit2.json", "explain-4.json", "data.json")
    manifest = json.loads((full / "run.json").read_text())
    manifest["data"]["path"] = f"/tmp/{evil}"
    manifest["data"]["classes"][0] = evil
    manifest["stages"]["train"]["options"]["recipe"] = evil
    metrics = json.loads((full / "metrics.json").read_text())
    metrics["per_class"][0]["label"] = metrics["source"] = evil
    card = json.loads((full / "card-layer1-unit2.json").read_text())
    card["name"] = card["prefers"][0:1] = [evil]
    explained = json.loads((full / "explain-4.json").read_text()) | {"sentence": evil, "label": evil}
    data = json.loads((full / "data.json").read_text()) | {"source": evil, "warnings": [evil]}
    for name, content in zip(names, (manifest, metrics, card, explained, data), strict=True):
        (full / name).write_text(json.dumps(content))
    page = report(full)
    assert not page.find("script")
    assert all("onload" not in attributes for _, attributes in page.elements)
    assert evil in "".join(page.words)


def test_the_training_command_line_trains_the_same_network(tmp_path: Path, digits_mat: Path) -> None:
    given = ("--hidden", "9,7", "--recipe", "robust", "--epochs", 2, "--patience", 2, "--lr", "0.0123",
             "--no-augment", "--seed", 5, "--test-size", 0.2, "--orientation", "row-major")  # fmt: skip
    first, second = tmp_path / "it's", tmp_path / "again"
    assert invoke("train", digits_mat, *given, "-r", first, "-q").exit_code == 0
    page = report(first)
    [line] = re.findall(r"mnistffn (train .*?) \d{4}-", page.text)
    assert invoke(*shlex.split(line), "-r", second, "-q").exit_code == 0
    records = [RunDirectory(run).manifest().stages["train"] for run in (first, second)]
    assert records[0].outputs["model.pt"] == records[1].outputs["model.pt"]
    assert {**records[0].options} == {**records[1].options}


def test_many_pictures_still_fit(full: Path) -> None:
    files = ["explain-4.png", "curves.png", "fields-layer2.png"]
    whole = encode_all(full, files, 10_000_000)
    assert [picture.scale for picture in whole.values()] == [1, 1, 1]
    budget = sum(len(picture.src) for picture in whole.values()) * 9 // 10
    fitted = encode_all(full, files, budget)
    assert sum(len(picture.src) for picture in fitted.values()) <= budget
    assert fitted["explain-4.png"].width < whole["explain-4.png"].width
    assert fitted["curves.png"] == whole["curves.png"], "a small one stays as it is"


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
def test_a_browser_shows_it_at_every_width_without_a_complaint(full: Path) -> None:
    browsing = pytest.importorskip("playwright.sync_api", reason="pip install mnistffn[browser]")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    report(full)
    said: list[str] = []
    asked: list[str] = []
    with browsing.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for width, scheme in ((1280, "light"), (375, "dark")):
            page = browser.new_page(
                viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True
            )
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
            page.goto((full / "report.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert page.evaluate("Promise.all([...document.images].map(image => image.decode()))")
            assert axe.run(page).response["violations"] == []
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip"
            unit = page.locator(".units button").first
            for reach in (unit.hover, unit.focus):
                page.mouse.move(0, 0)
                reach()
                assert page.locator(".tip:visible").count() == 1
        browser.close()
    assert said == []
    assert asked.count("file") == 2
    assert set(asked) <= {"file", "data"}


def test_neither_torch_nor_matplotlib_nor_scipy_is_loaded(full: Path) -> None:
    result = call("report", "-r", full, PYTHONPROFILEIMPORTTIME="1")
    assert result.returncode == 0
    loaded = set(re.findall(r"\|\s+([\w.]+)$", result.stderr, re.MULTILINE))
    assert "mnistffn.report.page" in loaded
    assert not {"torch", "matplotlib", "scipy", "sklearn", "skorch"} & loaded

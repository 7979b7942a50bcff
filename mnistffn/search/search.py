"""The search's work: candidates tried on the training part of a run's data, best ones first."""

from dataclasses import asdict, replace
from typing import Any

from mnistffn.errors import MnistffnError
from mnistffn.progress import Progress
from mnistffn.run.data import RunData, open_run_data
from mnistffn.run.directory import RunDirectory, exclusive
from mnistffn.run.files import SEARCHING
from mnistffn.run.journal import Journal, keep_command
from mnistffn.run.options import DataOptions
from mnistffn.run.settings import describe_data, list_versions
from mnistffn.search.options import SearchOptions, plan_rounds
from mnistffn.search.random_search import count_jobs, make_classifier, random_search
from mnistffn.search.report import describe_edges, summarise
from mnistffn.search.result import SearchResult, make_table
from mnistffn.search.space import SearchSpace, draw_candidates
from mnistffn.search.standing import Standing
from mnistffn.training.classifier import FeedForwardClassifier
from mnistffn.training.device import resolve_device
from mnistffn.wording import count

TOLD = 5  # lines about fits that failed or diverged


@exclusive
def run_search(
    run: RunDirectory,
    data: DataOptions,
    space: SearchSpace,
    options: SearchOptions,
    progress: Progress,
    *,
    fresh: bool = False,
) -> SearchResult:
    """Search on the training part of a run's data; write params.json, search.csv and search.png.

    Every finished fit is kept in ``.search``, so that the same search goes on where it was stopped, and
    one with more trials where it ended.

    Raises
    ------
    RunDirectoryError
        Another search was stopped here, and it is not to be started over (``fresh``).
    """
    from mnistffn.figures.search import draw_search
    from mnistffn.search.picture import make_picture

    run_data = open_run_data(run, data, options.seed, progress)
    seed = run_data.resolve_seed(options.seed)
    candidates = draw_candidates(space, options.n_trials, seed)
    n_different = len(candidates)
    if n_different < options.n_trials:
        progress.note(f"different candidates: {n_different:,}, not {options.n_trials:,}")
    options = replace(options, seed=seed, n_trials=n_different)
    if options.scheduler is None:  # else it is the cluster that says how many
        options = replace(options, n_jobs=count_jobs(options, len(run_data.split.train)))
    device = str(resolve_device(options.device))
    resolved = asdict(options) | {"space": asdict(space), "threads": 1, "device": device}
    with run.stage("search", command="search", options=resolved, data=run_data.record) as stage:
        rounds = plan_rounds(options, len(run_data.split.train))
        n_fits = sum(tried for tried, _ in rounds) * options.n_folds
        X, y, shape = run_data.X_train, run_data.y_train, run_data.dataset.image_shape
        folder = run.path / SEARCHING
        folder.mkdir(exist_ok=True)
        journal = Journal(folder / "fits.jsonl")
        settings = _list_settings(run_data, make_classifier(y, space, options, shape), space, options)
        if kept := journal.open(settings, fresh=fresh):
            progress.note(f"{count(kept, 'fit')} kept from before, in {folder}")
        keep_command(folder, run.command)
        standing = Standing(progress, n_fits, options.n_folds, kept)
        result = random_search(
            X, y, space, options, shape, standing, journal, progress.note, candidates
        )
        if result.n_unfinished and options.time_limit:
            done = options.n_trials - result.n_unfinished
            progress.note(f"time limit reached: {done} of {options.n_trials} candidates were finished")
        _tell_of_trouble(result, progress)
        if result.best.diverged:
            msg = "training diverged even for the best candidate: lower the bounds of the learning rate"
            raise MnistffnError(msg)
        for line in describe_edges(result.findings):
            progress.note(line)
        stage.write_json("params.json", summarise(result))
        stage.write_csv("search.csv", *make_table(result))
        stage.write_figure("search.png", draw_search, make_picture(result))
    journal.finish()  # all is in its place: before, other settings must not take it
    return result


def _tell_of_trouble(result: SearchResult, progress: Progress) -> None:
    """Name the fits that failed, and the candidates whose training diverged."""
    diverged = [candidate for candidate in result.candidates if candidate.diverged]
    lines = [f"warning: left out: {failure}" for failure in result.failures]
    lines += [
        f"warning: training diverged (infinite or NaN loss) with {candidate.describe()}"
        for candidate in diverged
    ]
    for line in lines[:TOLD]:
        progress.note(line)
    if len(lines) > TOLD:
        fits, candidates = count(len(result.failures), "fit"), count(len(diverged), "candidate")
        failed = f"in all, {fits} failed and {candidates} diverged"
        progress.note(f"warning: {failed}")


def _list_settings(
    data: RunData, classifier: FeedForwardClassifier, space: SearchSpace, options: SearchOptions
) -> dict[str, Any]:
    """Return what the fits of a search depend on, whatever their number."""
    parameters = classifier.get_params(deep=False)
    searched = {*space.distributions(), "on_epoch"}
    return {
        "data": describe_data(data),
        "folds": options.n_folds,
        "space": asdict(space),
        "parameters": {name: value for name, value in parameters.items() if name not in searched},
        "version": list_versions(),
    }

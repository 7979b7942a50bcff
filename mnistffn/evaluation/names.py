"""What the files of a test are called, so that one test does not overwrite another's."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from mnistffn.run.directory import RunDirectory

LONGEST = 60  # letters of a data file's name


@dataclass(frozen=True)
class ResultNames:
    """Names of the files and stages of one test.

    Attributes
    ----------
    command : str
        What repeats it.
    suffix : str
        Of all names; empty for the run's own test part.
    """

    command: str = "evaluate"
    suffix: str = ""

    @property
    def stage(self) -> str:
        """Name of the stage that measures."""
        return f"evaluate{self.suffix}"

    @property
    def attack_stage(self) -> str:
        """Name of the stage that attacks."""
        return f"attack{self.suffix}"

    def of(self, file: str) -> str:
        """Return the name of a file of this test.

        Examples
        --------
        >>> ResultNames("evaluate usps.mat", "-usps").of("metrics.json")
        'metrics-usps.json'
        """
        path = Path(file)
        return f"{path.stem}{self.suffix}{path.suffix}"


def name_results(run: RunDirectory, path: Path, sha256: str) -> ResultNames:
    """Return names for a test on another file than the run's, after that file.

    Letters that are not safe in the name of a file become dashes. Of two files with the same name the
    second one's results have a part of its hash in their names.

    Parameters
    ----------
    run : RunDirectory
    path : Path
        The data file.
    sha256 : str
        Of the file.
    """
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", path.stem).strip("-.")[:LONGEST] or "data"
    names = ResultNames(f"evaluate {shlex.quote(str(path))}", f"-{stem}")
    before = run.manifest().stages.get(names.stage)
    if before is None or before.options.get("file") == str(path.resolve()):
        return names
    return ResultNames(names.command, f"-{stem}-{sha256[:8]}")

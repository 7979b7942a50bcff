"""The table of exit codes, against those who use it."""

from helpers import invoke

from mnistffn import errors
from mnistffn.cli.signals import CODES


def test_the_table_has_all_exit_codes_and_help_shows_it() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = {kind.exit_code for kind in kinds if issubclass(kind, errors.MnistffnError)}
    assert {0} | raised | set(CODES.values()) == set(errors.EXIT_CODES)
    told = " ".join(invoke("--help").stdout.split())
    assert all(f"{code} {meaning}" in told for code, meaning in errors.EXIT_CODES.items())

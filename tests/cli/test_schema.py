"""What ``--json`` prints, against the schema that describes it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import SCHEMA, invoke, read_output
from jsonschema import Draft202012Validator, ValidationError
from PIL import Image

from mnistffn.training.parameters import RECIPE_PARAMETERS

FEW = ("-n", 2, "-k", 2, "--epochs", 1, "-j", 1, "--hidden", 4, 8)


def list_fields(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that a schema describes, with where they stand."""
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{path}/{name}", field
        for name, part in schema.items():
            yield from list_fields(part, f"{path}/{name}")


def test_it_is_a_schema_and_describes_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    fields = dict(list_fields(SCHEMA))
    assert len(fields) > 250
    assert [path for path, field in fields.items() if not field.get("description")] == []
    assert json.loads(invoke("info", "--schema").stdout) == SCHEMA


def test_no_object_may_have_a_field_that_is_not_described() -> None:
    def check(schema: Any) -> None:
        if isinstance(schema, dict):
            if "properties" in schema and "const" not in schema:
                assert schema["additionalProperties"] is False
                assert set(schema["required"]) <= set(schema["properties"])
            for part in schema.values():
                check(part)

    check(SCHEMA["$defs"])


def test_training_parameters_are_those_of_the_table() -> None:
    described = set(SCHEMA["$defs"]["parameters"]["properties"])
    assert described == {row.name for row in RECIPE_PARAMETERS} | {"recipe", "seed"}


def test_every_command_prints_what_the_schema_says(trained_run: Path, tmp_path: Path) -> None:
    other, picture = tmp_path / "other", tmp_path / "picture.png"
    shutil.copytree(trained_run, other)
    Image.fromarray(np.pad(np.full((20, 4), 255, np.uint8), 8)).save(picture)
    commands = [
        ("data", "--convert", tmp_path / "digits.mat"),
        ("search", *FEW, "--dry-run"),
        ("search", *FEW, "--tune", "lr=1e-3:1e-1", "-r", tmp_path / "searched"),
        ("train", "--hidden", 8, "--epochs", 1, "-r", tmp_path / "trained"),
        ("train", "--show-recipe"),
        ("evaluate",),  # with --attack, which takes its time, in test_cli.py
        ("evaluate", tmp_path / "digits.mat"),
        ("fields", "--layer", 1),
        ("fields", "--kind", "pattern"),
        ("maximize", "--objective", "4-9", "--steps", 2),
        ("maximize", "--layer", 1, "--units", 3, "--card", "--steps", 2),
        ("explain", 4),
        ("explain", "--image", picture),
        ("predict", picture),
        ("compare", trained_run, other, "-o", tmp_path / "comparison"),
        ("export",),
        ("report",),
        ("status",),
        ("info",),
    ]
    seen = set()
    for command in commands:
        where = () if {"-r", "-o", "--show-recipe"} & set(command) else ("-r", trained_run)
        result = invoke(*command, *where, "--json", "-q")
        assert result.exit_code == 0, result.output
        content = json.loads(result.stdout)
        seen.add(content["command"].replace(" --", "-"))
        Draft202012Validator(SCHEMA).validate(content)
    assert {f"#/$defs/{kind}" for kind in seen} == {kind["$ref"] for kind in SCHEMA["oneOf"]}


def test_a_field_too_many_or_too_few_is_found(tmp_path: Path) -> None:
    content = json.loads(invoke("status", "-r", tmp_path, "--json").stdout)
    for broken in (content | {"more": 1}, {k: v for k, v in content.items() if k != "stopped"}):
        with pytest.raises(ValidationError):
            read_output(json.dumps(broken))
    with pytest.raises(ValueError, match="JSON has no NaN"):
        read_output('{"schema": NaN}')

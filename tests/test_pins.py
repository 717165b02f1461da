"""The pins of .ci/constraints.txt: one exact version for each requirement of pyproject.toml."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LINES = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [Requirement(line) for line in LINES if not line.startswith("#")]


def required() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return [each for each in map(Requirement, [*listed, *project["optional-dependencies"]["dev"]]) if each.specifier]


def test_each_pin_is_one_version_of_one_package() -> None:
    assert [str(pin) for pin in PINS if pin.url or [part.operator for part in pin.specifier] != ["=="]] == []
    names = [canonicalize_name(pin.name) for pin in PINS]
    assert len(set(names)) == len(names)


def test_every_requirement_is_pinned_within_its_bounds() -> None:
    versions = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in PINS}
    loose = [str(each) for each in required() if canonicalize_name(each.name) not in versions]
    assert loose == []
    assert [str(each) for each in required() if versions[canonicalize_name(each.name)] not in each.specifier] == []

"""The compose file, the image and the example environment agree with each other and with what the services read."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from kernel.config import SERVICES, Settings
from tests.house import ROOT

COMPOSE = ROOT / "docker-compose.yml"
#: What psycopg's own library reads; everything else has to be a setting of ours.
READ_BY_LIBPQ = {"PGPASSWORD"}
SECRET = re.compile(r"PASSWORD|KEY|SECRET|TOKEN")
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<rule>:?[-?+])?(?P<rest>[^}]*)\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(COMPOSE.read_text())
    return loaded


class Asked(Mapping[str, str]):
    """An environment that remembers what was asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values_by_name = values
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """A service's variables with every ``${NAME...}`` filled in as if the operator had set it to ``filled``."""
    return {name: VARIABLE.sub("filled", value) for name, value in service.get("environment", {}).items()}


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    """Runs the official compose-spec schema, which check-jsonschema carries with it, over ``file``."""
    arguments = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_compose_follows_the_official_schema() -> None:
    result = check_schema(COMPOSE)
    assert result.returncode == 0, result.stdout + result.stderr


def test_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text().replace("    healthcheck:", "    healthchek:", 1))
    result = check_schema(broken)
    assert result.returncode == 1
    assert "healthchek" in result.stdout


def test_every_service_runs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "scheduler", *SERVICES}
    for name in SERVICES:
        command = compose["services"][name]["command"]
        assert command == ["serve", name, "--host", "0.0.0.0", "--port", "8000"]
    assert compose["services"]["scheduler"]["command"][:2] == ["serve", "scheduler"]


def test_every_variable_is_one_that_the_settings_read(compose: dict[str, Any]) -> None:
    for name in ("scheduler", *SERVICES):
        given = environment(compose["services"][name])
        asked = Asked(given)
        Settings.from_environment(asked)
        assert set(given) - READ_BY_LIBPQ <= asked.names, name


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_a_schema_of_its_own_and_finds_the_others(compose: dict[str, Any], name: str) -> None:
    settings = Settings.from_environment(environment(compose["services"][name]))
    assert settings.schema == name
    assert settings.service_key == "filled"
    assert settings.scheduler is False
    for other in SERVICES:
        url = urlsplit(settings.url_of(other))
        assert (url.hostname, url.port) == (other, 8000)
    assert urlsplit(settings.database_url).hostname in compose["services"]


def test_only_the_scheduler_schedules(compose: dict[str, Any]) -> None:
    settings = {
        name: Settings.from_environment(environment(compose["services"][name])) for name in ("scheduler", *SERVICES)
    }
    assert [name for name, setting in settings.items() if setting.scheduler] == ["scheduler"]


def test_secrets_have_no_default() -> None:
    used = {match["name"]: match["rule"] for match in VARIABLE.finditer(COMPOSE.read_text())}
    secrets = {name: rule for name, rule in used.items() if SECRET.search(name)}
    assert secrets == {"POSTGRES_PASSWORD": ":?", "H2MARKET_SERVICE_KEY": ":?"}


def test_no_secret_is_written_out(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert VARIABLE.fullmatch(value), name
            assert urlsplit(value).password is None, name


def test_the_example_names_every_variable_and_no_secret() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(example) == {match["name"] for match in VARIABLE.finditer(COMPOSE.read_text())}
    assert {name for name, value in example.items() if not value} == {name for name in example if SECRET.search(name)}


def test_whoever_is_waited_for_can_say_that_it_is_healthy(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, wait in service.get("depends_on", {}).items():
            assert wait == {"condition": "service_healthy"}, (name, other)
            assert "test" in services[other]["healthcheck"], (name, other)


def test_named_volumes_are_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", [])}
    assert used == set(compose["volumes"])


def test_the_image_gets_every_package_and_installs_by_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    dockerfile = (ROOT / "Dockerfile").read_text()
    locks = set(re.findall(r"requirements[\w-]*\.lock", dockerfile))
    assert let_in >= {*packages, *locks, "pyproject.toml", "README.md", "LICENSE"}
    for line in re.findall(r"pip install[^\n]*", dockerfile):
        assert "--require-hashes" in line or "--no-deps --no-index" in line, line


def test_the_image_does_not_run_as_root() -> None:
    final = (ROOT / "Dockerfile").read_text().split("\nFROM ")[-1]
    assert re.findall(r"^USER (\S+)$", final, re.MULTILINE) == ["h2market"]
    assert "/health/live" in final

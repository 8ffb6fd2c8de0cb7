"""Figures of a page come from the JSON reports: pages are Jinja templates over ``benchmarks/results``.

In a page, ``{{ value("refine-main", "before", "fid", spec=".3g") }}`` is the figure of a report. A name or key that is
not there stops the build, so that no page shows a figure without its file.
"""

from __future__ import annotations

import ast
import json
import pkgutil
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
from sphinx.application import Sphinx

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def report(name: str) -> dict[str, Any]:
    """One JSON report."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def reports(prefix: str) -> list[str]:
    """Names of all reports that begin so, at least one."""
    found = sorted(path.stem for path in RESULTS.glob(f"{prefix}*.json"))
    if not found:
        raise FileNotFoundError(f"no report in {RESULTS} is named {prefix}*")
    return found


def find(name: str, *keys: str | int) -> Any:
    """The entry of a report below the keys, one after the other."""
    found: Any = report(name)
    for key in keys:
        found = found[key]
    return found


def value(name: str, *keys: str | int, spec: str = ".3g") -> str:
    """One figure."""
    return format(find(name, *keys), spec)


def percent(name: str, *keys: str | int, digits: int = 1) -> str:
    """A share as a percentage."""
    return f"{100 * find(name, *keys):.{digits}f} %"


def interval(name: str, *keys: str, spec: str = ".3g") -> str:
    """A figure with its 95 % interval, which the report keeps beside the figure under the name ``..._ci``."""
    *above, last = keys
    low, high = find(name, *above, f"{last}_ci")
    return f"{value(name, *keys, spec=spec)} ({low:{spec}} to {high:{spec}})"


def change(name: str, *keys: str) -> str:
    """By how much a figure changed, in per cent: the last key is that of the figure below ``before`` and ``after``."""
    *above, last = keys
    before, after = (find(name, *above, side, last) for side in ("before", "after"))
    return f"{100 * (after - before) / before:+.1f} %"


def seeds(name: str, *keys: str | int, spec: str = ".1f", times: float = 1.0, among: Iterable[int] = (0, 1, 2)) -> str:
    """The same figure of several seeds, each of a report ``name-SEED``."""
    return ", ".join(format(times * find(f"{name}-{seed}", *keys), spec) for seed in among)


def mean(name: str, *keys: str | int, spec: str = ".3f", among: Iterable[int] = (0, 1, 2)) -> str:
    """The mean of the same figure over several seeds."""
    figures = [find(f"{name}-{seed}", *keys) for seed in among]
    return format(sum(figures) / len(figures), spec)


def drop(name: str, *keys: str, among: Iterable[int] = (0, 1, 2)) -> str:
    """By how many per cent a figure fell, for several seeds."""
    *above, last = keys
    falls = []
    for seed in among:
        before, after = (find(f"{name}-{seed}", *above, side, last) for side in ("before", "after"))
        falls.append(f"{100 * (before - after) / before:.0f}")
    return ", ".join(falls)


def best(name: str, *keys: str, by: str, least: bool = False) -> dict[str, Any]:
    """The entry of a list that has the most (or the least) of one figure."""
    return (min if least else max)(find(name, *keys), key=lambda entry: entry[by])


def modules(package: str) -> list[str]:
    """Names of the modules of a package that offer something, folder by folder; commands and studies are left out."""
    root = RESULTS.parents[1]
    found = []
    for module in pkgutil.walk_packages([str(root / package)], f"{package}."):
        hidden = {"__main__", "commands", "studies", "peers"} & set(module.name.split("."))
        if not module.ispkg and not hidden:
            found.append(module.name)
    return sorted(found, key=lambda name: (name.count("."), name))


def summary(module: str) -> str:
    """The first line of a module's docstring, without its last full stop."""
    tree = ast.parse((RESULTS.parents[1] / Path(*module.split("."))).with_suffix(".py").read_text())
    return (ast.get_docstring(tree) or module).split("\n")[0].rstrip(".")


def layers() -> list[dict[str, str]]:
    """Every layer of a manifest: its name, its settings with their defaults, and what it does."""
    import dataclasses
    import importlib

    found = {}
    for name in modules("pairs"):
        if name.startswith("pairs.sequential."):
            importlib.import_module(name)
    from pairs.sequential.layers import LAYERS

    for kind, layer in sorted(LAYERS.items()):
        settings = []
        for field in dataclasses.fields(layer):
            if field.name in ("name", "share"):  # common to all, described once
                continue
            needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            settings.append(field.name if needed else f"{field.name} = {json.dumps(field.default, default=str)}")
        words = " ".join((layer.__doc__ or "").split("\n\n")[0].split())
        # a dataclass without a docstring gets its signature as one
        words = "" if words.startswith(f"{layer.__name__}(") else words.replace("``", "`")
        found[kind] = {"kind": kind, "settings": ", ".join(settings), "words": words.replace("|", "\\|")}
    return list(found.values())


def families() -> list[Any]:
    """Published families that are known by the names of their tensors."""
    from checkpoints.families import FAMILIES

    return list(FAMILIES)


def figure(number: float | None) -> str:
    """A deviation with two digits, or a dash; its minus is one at which browsers break no line."""
    return "-" if number is None else f"{number:.1e}".replace("-", "\N{NON-BREAKING HYPHEN}")


def presets() -> dict[str, Any]:
    """Each preset's settings, by name."""
    import dcd

    return {name: make() for name, make in dcd.PRESETS.items()}


FUNCTIONS = {
    f.__name__: f
    for f in (
        report,
        reports,
        find,
        value,
        percent,
        interval,
        change,
        seeds,
        mean,
        drop,
        best,
        modules,
        summary,
        presets,
        layers,
        families,
        figure,
    )
}


def render(app: Sphinx, document: str, source: list[str]) -> None:
    """Fill in one page."""
    if "{{" in source[0] or "{%" in source[0]:
        environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        # a figure stays in one line with its unit and with the figure it changes into
        source[0] = re.sub(
            r"(?<=\d) (%|→) ?",
            lambda m: f"\u00a0{m[1]}" + ("\u00a0" if m[1] == "→" else m[0][2:]),
            environment.from_string(source[0]).render(**FUNCTIONS),
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Entry of the extension."""
    app.connect("source-read", render)
    return {"version": "1", "parallel_read_safe": True}

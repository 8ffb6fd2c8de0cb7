"""What ``ganrefine import`` prints about a pair: layers and tensors side by side, notes, doubts, the first look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pairs.errors import printable

if TYPE_CHECKING:
    from checkpoints.importing import Imported

__all__ = ["account", "show_import", "show_look"]


def account(made: Imported) -> dict[str, Any]:
    """What was decided and checked, in JSON form."""
    tables = {
        net: [{"layer": r.path, "kind": r.kind, "module": r.module, "tensors": list(r.tensors)} for r in rows]
        for net, rows in made.tables.items()
    }
    check = made.check and {"rows": made.check.rows, "samples": made.check.samples, "scores": made.check.scores}
    return {"tensors": tables, "notes": list(made.notes), "doubts": list(made.doubts), "check": check}


def show_import(made: Imported) -> None:
    """Print tables, notes, doubts, the check and the pair."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False)
    for net, rows in made.tables.items():
        table = Table("layer", "kind", "module", "tensors", title=net, title_justify="left", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(printable(v)) for v in (row.path, row.kind, row.module, ", ".join(row.tensors))))
        console.print(table)
    for note in made.notes:
        console.print(Text(printable(note)))
    for doubt in made.doubts:
        console.print(Text(printable(f"warning: {doubt}"), style="bold"))
    if made.check is not None:
        scores = "" if made.check.scores is None else f", scores to {made.check.scores:.1e}"
        console.print(Text(f"reproduces {made.check.rows} stored rows: samples to {made.check.samples:.1e}{scores}"))
    console.print(Text(repr(made.pair)))


def show_look(seen: dict[str, Any], made: Imported) -> None:
    """Print the first look."""
    from rich.console import Console
    from rich.text import Text

    console = Console(markup=False)
    range_ = made.pair.sample_range
    declared = "unbounded" if range_ is None else f"declared [{range_[0]:g}, {range_[1]:g}]"
    console.print(Text(f"first look: {seen['n']} samples in [{seen['lowest']:.4g}, {seen['highest']:.4g}], {declared}"))
    for name, s in seen["scores"].items():
        console.print(Text(f"  score on {name:8} {s['mean']:.4g}, spread {s['spread']:.3g}"))
    for name, value in seen["auc"].items():
        console.print(Text(f"  {name}: {value:.1%} of comparisons"))
    for warning in seen["warnings"]:
        console.print(Text(f"warning: {warning}", style="bold"))
    if seen["picture"]:
        print(f"64 samples in {seen['picture']}")

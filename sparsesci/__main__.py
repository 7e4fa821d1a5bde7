"""``python -m sparsesci compare`` and ``python -m sparsesci info``."""

import argparse
import sys
from pathlib import Path

_EXIT_FAILED, _EXIT_USAGE = 1, 2
_WIDTH_OF_FILES = 120


def main(arguments=None):
    """Run the command line; return the exit status: 0, 1 if a method of ours failed, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    return options.command(options)


def _parser():
    parser = argparse.ArgumentParser(prog="python -m sparsesci", description="sparsesci from the command line")
    commands = parser.add_subparsers(required=True, metavar="command")

    info = commands.add_parser("info", help="print versions, threads, GPU and directories")
    info.set_defaults(command=_info)

    compare = commands.add_parser(
        "compare",
        help="measure methods against what one would use instead",
        description="Measure methods of sparsesci against what one would use instead, on the same input.",
    )
    compare.add_argument("methods", nargs="*", metavar="method", help="which methods (default: all); see --list")
    compare.add_argument("--list", action="store_true", help="list the methods that have a comparison, and stop")
    compare.add_argument(
        "--size", choices=("quick", "full"), default="quick", help="quick: 20 s for each method; full: minutes"
    )
    compare.add_argument("--seed", type=int, default=0, help="seed of problems and sketches (default: 0)")
    compare.add_argument("--output", type=Path, metavar="DIR", help="write report.html and report.json to DIR")
    compare.add_argument(
        "--n-jobs", type=int, default=1, help="threads for our methods and for BLAS alike (default: 1)"
    )
    compare.set_defaults(command=_compare)
    return parser


def _info(options):
    from sparsesci._core.info import show_versions

    show_versions()
    return 0


def _compare(options):
    from sparsesci.compare import list_methods, run

    console = _console()
    if options.list:
        for method in list_methods():
            console.print(method, highlight=False)
        return 0
    try:
        if options.output is not None:
            options.output.mkdir(parents=True, exist_ok=True)
        result = run(
            options.methods or None,
            size=options.size,
            random_state=options.seed,
            n_jobs=options.n_jobs,
            verbose=1,
        )
    except (ValueError, OSError) as error:
        print(f"python -m sparsesci compare: error: {error}", file=sys.stderr)
        return _EXIT_USAGE
    console.print(result.table())
    if options.output is not None:
        result.to_html(options.output / "report.html")
        result.to_json(options.output / "report.json")
        console.print(f"Written: {options.output / 'report.html'}, {options.output / 'report.json'}", highlight=False)
    for failure in result.failures:
        print(f"{failure.contender} failed: {failure.message}", file=sys.stderr)
    return _EXIT_FAILED if result.failures else 0


def _console():
    """Return a console that is as wide as the terminal, and wide enough for the tables where there is none."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH_OF_FILES)


if __name__ == "__main__":
    sys.exit(main())

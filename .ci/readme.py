"""Read what README.md tells its readers to do, so that exactly that can be checked.

``python .ci/readme.py command NAME`` prints the shell block that follows ``<!-- ci:NAME -->``;
``python .ci/readme.py run-code`` runs all Python blocks, in order and in one namespace, as if they
were pasted into the cells of one notebook.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCK = r"```(?:{language})\n(.*?)^```"


def shell_command(text, name):
    """Return the one shell block that stands directly under the marker ``<!-- ci:name -->``."""
    pattern = rf"<!-- ci:{re.escape(name)} -->\n+" + BLOCK.format(language="bash")
    blocks = re.findall(pattern, text, flags=re.DOTALL | re.MULTILINE)
    if len(blocks) != 1 or not blocks[0].strip():
        raise SystemExit(f"README.md: expected one command marked ci:{name}, found {len(blocks)}")
    return blocks[0].strip()


def run_code(text):
    """Run every Python block of the README in one namespace."""
    pattern = BLOCK.format(language="python")
    blocks = re.findall(pattern, text, flags=re.DOTALL | re.MULTILINE)
    if not blocks:
        raise SystemExit("README.md: no Python code found")
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(blocks, start=1):
        exec(compile(block, f"README.md, Python block {number}", "exec"), namespace)
    print(f"README.md: {len(blocks)} Python blocks ran")


def main(arguments):
    text = README.read_text(encoding="utf-8")
    match arguments:
        case ["command", name]:
            print(shell_command(text, name))
        case ["run-code"]:
            run_code(text)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])

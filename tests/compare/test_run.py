"""run, its result in every form, and the command line."""

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from sparsesci.__main__ import main
from sparsesci.compare import _run, list_methods, run
from sparsesci.compare._measure import Effort
from sparsesci.compare._plots import case_figure
from tests.compare import toy

ALL = (toy.SORTER, toy.SLOW, toy.ABSENT, toy.BROKEN, toy.BROKEN_OURS, toy.ALLOCATOR)


@pytest.fixture
def registry(monkeypatch):
    """A registry of toys in place of the real one, and the least effort."""
    comparisons = {"toy": toy.comparison(*ALL), "other": toy.comparison(toy.SORTER, method="other")}
    monkeypatch.setattr(_run, "_COMPARISONS", comparisons)
    monkeypatch.setattr(_run, "EFFORTS", {"quick": Effort(0.0, 3, 15), "full": Effort(0.0, 5, 15)})
    return comparisons


@pytest.fixture
def result(registry):
    return run()


class Elements(HTMLParser):
    """Collects tags and text, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.images, self._open = [], "", [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))
        elif tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += data


class TestRun:
    def test_all_methods(self, result):
        assert [table.method for table in result.tables] == ["toy", "other"]
        assert set(result.seconds) == {"toy", "other"}

    @pytest.mark.parametrize("methods", ["other", ["other"], ("other", "other")])
    def test_some_methods(self, registry, methods):
        assert [table.method for table in run(methods).tables] == ["other"]

    @pytest.mark.parametrize("methods", ["unknown", ["toy", "unknown"], []])
    def test_unknown_method(self, registry, methods):
        with pytest.raises(ValueError, match="methods must be among toy, other; got"):
            run(methods)

    @pytest.mark.parametrize("options", [{"size": "huge"}, {"random_state": "a"}, {"n_jobs": 0}])
    def test_bad_options(self, registry, options):
        with pytest.raises(ValueError, match=next(iter(options))):
            run("other", **options)

    def test_same_seed_same_problem(self, registry):
        # Seeds 3 to 3 + 5: the warm-up and five rounds.
        first, again = (run("other", random_state=3).tables[0].measurements[0].metrics for _ in range(2))
        assert first["median seed"] == again["median seed"] == 5.5

    def test_random_state_instances(self, registry):
        result = run("other", random_state=np.random.default_rng(0))
        assert isinstance(result.seed, int)
        assert result.seed == run("other", random_state=np.random.default_rng(0)).seed

    def test_failures_are_ours_only(self, result):
        assert [failure.contender for failure in result.failures] == ["broken, ours"]

    def test_nothing_is_printed(self, registry, capsys):
        run("toy")
        assert capsys.readouterr() == ("", "")

    def test_progress_bar(self, registry, capsys):
        run("toy", verbose=1)
        assert "toy: sorter" in capsys.readouterr().err


class TestForms:
    def test_json(self, result, tmp_path):
        text = result.to_json(tmp_path / "report.json")
        assert (tmp_path / "report.json").read_text(encoding="utf-8") == text
        content = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        table = content["tables"][0]
        by_name = {m["contender"]: m for m in table["measurements"]}
        assert list(by_name) == [contender.name for contender in ALL]
        assert by_name["absent"]["status"] == "not installed"
        assert by_name["absent"]["median_seconds"] is None
        assert by_name["broken"]["status"] == "failed"
        assert by_name["broken"]["message"] == "RuntimeError: cannot be [prepared]"
        assert by_name["sorter"]["time_ratio"] == 1
        assert by_name["sorter"]["metrics"]["missing"] is None
        assert len(by_name["sorter"]["seconds"]) == table["n_rounds"]
        assert table["parameters"] == {"n": 20_000}
        assert content["methods"]["toy"]["published"] == "none published"
        assert content["environment"]["packages"]["numpy"] == np.__version__
        assert "tracemalloc" in content["measured_how"]

    def test_html(self, result, tmp_path):
        text = result.to_html(tmp_path / "report.html")
        assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
        page = Elements(text)
        assert page.tags.count("table") == len(result.tables)
        assert len(page.images) == len(result.tables)
        assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.images)
        for expected in (
            "Sorting <numbers>",
            "a [note] & more",
            "not installed",
            "failed: ValueError: cannot be <called>",
        ):
            assert expected in page.text
        # Self-contained: no address of anything outside the page.
        assert re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text) == []

    @pytest.mark.parametrize("width", [60, 100, 200])
    def test_terminal(self, result, width):
        console = Console(width=width, file=io.StringIO())
        console.print(result.table())
        text = console.file.getvalue()
        assert max(len(line) for line in text.splitlines()) <= width
        for expected in ("not installed", "a [note] & more", "RuntimeError: cannot be [prepared]", "none published"):
            assert expected.replace(" ", "") in "".join(text.split())

    def test_figure(self, result):
        figure = case_figure(result.tables[0])
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names == [contender.name for contender in ALL]
        assert [ax.get_xlabel() for ax in figure.axes[:2]] == ["time (ms)", "peak memory (MiB)"]
        assert figure.axes[0].get_xscale() == "log"
        shown = {text.get_text() for text in figure.axes[0].texts}
        assert {"not installed", "failed"} <= shown
        figure.canvas.draw()

    def test_figure_of_nothing_but_failures(self, registry):
        registry["toy"] = toy.comparison(toy.BROKEN_OURS, toy.ABSENT)
        result = run("toy")
        case_figure(result.tables[0]).canvas.draw()
        assert "none of ours ran" in result.to_html()


class TestCommandLine:
    def test_reports_and_exit_status(self, registry, tmp_path, capsys):
        status = main(["compare", "other", "--output", str(tmp_path / "new" / "report"), "--seed", "5"])
        assert status == 0
        assert (tmp_path / "new" / "report" / "report.html").stat().st_size > 1000
        content = json.loads((tmp_path / "new" / "report" / "report.json").read_text(encoding="utf-8"))
        assert (content["seed"], content["size"], content["n_jobs"]) == (5, "quick", 1)
        assert "sorter" in capsys.readouterr().out

    def test_failure_of_ours(self, registry, capsys):
        assert main(["compare", "toy"]) == 1
        captured = capsys.readouterr()
        assert "broken, ours failed: ValueError: cannot be <called>" in captured.err
        assert "not installed" in captured.out

    def test_failure_of_a_peer_is_no_failure(self, registry):
        registry["toy"] = toy.comparison(toy.SORTER, toy.BROKEN, toy.ABSENT)
        assert main(["compare", "toy"]) == 0

    def test_unknown_method(self, registry, capsys):
        assert main(["compare", "unknown"]) == 2
        assert "methods must be among toy, other; got 'unknown'" in capsys.readouterr().err

    def test_output_that_is_a_file(self, registry, tmp_path, capsys):
        (tmp_path / "taken").write_text("")
        assert main(["compare", "other", "--output", str(tmp_path / "taken")]) == 2
        assert "taken" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments", [[], ["compare", "--size", "huge"], ["compare", "--n-jobs", "two"], ["other"]]
    )
    def test_usage(self, arguments):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2

    def test_list(self, capsys):
        assert main(["compare", "--list"]) == 0
        assert capsys.readouterr().out.split() == list_methods()

    def test_as_a_module(self):
        done = subprocess.run(
            [sys.executable, "-m", "sparsesci", "compare", "unknown"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert all(method in done.stderr for method in list_methods())

"""The page: whole, self-contained, escaped, and unimpressed by runs with holes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import polars as pl
import pytest
import soundfile

from stemwise.core.errors import OutputError
from stemwise.core.types import Reference, Source, Track
from stemwise.report.figures.palette import Palette, themed
from stemwise.report.ledger_words import routing_sentence
from stemwise.report.page import tracks_data, write_report
from stemwise.report.run_tables import read_run
from stemwise.report.verdict import verdict
from stemwise.storage import tables

from .conftest import Run, written

VOID = {"meta", "link", "br", "img", "input", "path", "line", "circle", "use", "rect", "col"}
SECTIONS = ("verdict", "leaderboard", "ledger", "paper", "genre", "troubles", "explore")
VOCALS = ("mixture", "mixture", "vocals")


class Reader(HTMLParser):
    """Collects elements and text, and fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: dict[str, str] = {}
        self.words: list[str] = []
        self.section = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "section":
            self.section = dict(attrs)["id"] or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)
            self.text[self.section] = self.text.get(self.section, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


class Whole(NamedTuple):
    """A made run and what its page says."""

    run: Run
    reader: Reader
    page: Path


def opened(run) -> tuple[Reader, Path]:
    page = write_report(run.output, run.models)
    assert page == run.output / "report" / "index.html"
    return Reader(page.read_text(encoding="utf-8")), page


def data_of(page: Path) -> dict:
    html = page.read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    return json.loads(found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Whole:
    """A run with whatever is hard in it, and its page; to be read only."""
    options = {"audio": True, "infinite": True, "flagged": ["beta"]}
    run = written(tmp_path_factory.mktemp("whole"), **options)
    return Whole(run, *opened(run))


def test_a_whole_run(whole):
    reader, page = whole.reader, whole.page
    html = page.read_text(encoding="utf-8")
    assert len(html) < 3_000_000
    ids = [a["id"] for a in reader.all("section")]
    assert ids == [*SECTIONS[:-1], "blind", "explore", "definitions"]
    for name in SECTIONS:
        assert "has no data" not in reader.text[name]
    # anchors lead somewhere, and every relative link to a file that is there
    ids = {a["id"] for _, a in reader.found if a.get("id")}
    for link in (a["href"] for a in reader.all("a")):
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert (page.parent / unquote(link)).is_file(), link
    assert len(reader.all("figure")) > 10
    for figure in (page.parent / "figures").glob("*.svg"):
        assert figure.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
        assert f"figures/{figure.name}" in html
    for kind in ("csv", "md", "tex"):
        assert (page.parent / f"leaderboard.{kind}").is_file()


def test_nothing_is_loaded_from_elsewhere(whole):
    reader, page = whole.reader, whole.page
    for _, attributes in reader.found:
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            assert not re.match(r"(\w+:)?//|http", attributes.get(name) or "")
    assert not re.search(r"https?://|@import|url\((?!#)", page.read_text(encoding="utf-8"))
    assert {a["href"] for a in reader.all("link")} == {"data:,"}
    assert not [a for a in reader.all("script") if a.get("src")]


def test_what_users_name_is_text(make_run):
    run = make_run(infinite=True, models=("alpha", 'file:<b>"x"</b>'))
    reader, page = opened(run)
    html = page.read_text(encoding="utf-8")
    assert len(reader.all("script")) == 2
    assert (not reader.all("img") and not reader.all("b")) or "<b>&" not in html
    assert "<img" not in html and "<i>odd" not in html and "window.hacked" in html
    assert 'file:<b>"x"</b>' in reader.text["verdict"] + reader.text["leaderboard"]
    data = data_of(page)
    assert data["tracks"][0][1].startswith('</script><script>window.hacked=1</script> "q" & ')
    assert "\u2028" not in html and "\u2028" in data["tracks"][0][1]
    assert "run <b>&" in "".join(reader.words)


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Whole:
    """A run as it should be."""
    run = written(tmp_path_factory.mktemp("plain"))
    return Whole(run, *opened(run))


def test_ids_are_unique_and_tables_have_headers(plain):
    reader = plain.reader
    ids = [a["id"] for _, a in reader.found if a.get("id")]
    repeated = {i for i in ids if ids.count(i) > 1}
    assert not repeated
    assert all(a.get("scope") for a in reader.all("th"))
    assert len([a for a in reader.all("th") if "aria-sort" in a]) == 9
    assert all(a.get("aria-label") for a in reader.all("svg") if a.get("role") == "img")


HARD = {
    "one track": {"tracks": 1},
    "one model": {"models": ("alpha",)},
    "one model, one track": {"models": ("alpha",), "tracks": 1},
    "silent": {"silent": True},
    "no level 2": {"level2": False},
    "no analysis": {"analysis": False},
    "infinite": {"infinite": True, "tracks": 5},
    "many models": {"models": tuple(f"m{i}" for i in range(11)), "tracks": 4},
}


@pytest.mark.parametrize("options", HARD.values(), ids=HARD)
def test_hard_runs_have_a_page_too(make_run, options):
    reader, page = opened(make_run(**options))
    ids = [a["id"] for a in reader.all("section")]
    theirs = "htdemucs_6s" in options.get("models", ("htdemucs_6s",))
    assert ids == [name for name in (*SECTIONS, "definitions") if theirs or name != "paper"]
    told = " ".join(reader.text[name] for name in ids[:-1])
    assert not re.search(r"\b(None|nan|NaN|null|inf)\b", told)
    assert data_of(page)["rows"]


@pytest.mark.usefixtures("unrendered")
def test_a_run_without_any_score(make_run):
    run = make_run(analysis=False)
    tables.write(run.output / "tables", "scores", [tables.to_table("scores", [])])
    tables.write(run.output / "tables", "tracks", [tables.to_table("tracks", [])])
    reader, page = opened(run)
    assert "has no data" in reader.text["verdict"]
    assert data_of(page)["rows"] == []


@pytest.mark.usefixtures("unrendered")
def test_no_tables_and_older_tables(make_run, tmp_path):
    with pytest.raises(OutputError, match="stemwise evaluate"):
        write_report(tmp_path / "nowhere", [])
    run = make_run()
    path = run.output / "tables" / "leaderboard" / "leaderboard.parquet"
    pl.read_parquet(path).drop("rank_clean").write_parquet(path)
    with pytest.raises(OutputError, match="leaderboard has no column 'rank_clean'"):
        write_report(run.output, run.models)


@pytest.mark.usefixtures("unrendered")
def test_a_score_that_is_younger_than_the_run(make_run):
    run = make_run(tracks=2)
    path = run.output / "tables" / "scores" / "scores.parquet"
    pl.read_parquet(path).drop("museval_sir").write_parquet(path)
    assert opened(run)[1].is_file()


@pytest.mark.usefixtures("unrendered")
def test_a_file_in_the_place_of_the_folder(make_run):
    run = make_run(tracks=1)
    (run.output / "report").write_text("x")
    with pytest.raises(OutputError, match="report"):
        write_report(run.output, run.models)


def test_the_verdict_says_who_and_how_surely(make_run):
    run = make_run(tracks=40)
    found = verdict(read_run(run.output, run.models), VOCALS)
    assert (found.kind, found.models) == ("leads", ("htdemucs_6s",))
    assert found.low < found.score < found.high
    assert found.why == "clearly the best of 3"
    assert found.details == (
        "htdemucs_6s scores higher than every other model (p < 0.05, adjusted for all pairs).",
        "Blending gains about 0.30 dB on held-out tracks (0.40 dB (0.10 … 0.70) before correcting for "
        "having picked the best blend).",
    )
    drums = verdict(read_run(run.output, run.models), ("mixture", "mixture", "drums"))
    assert drums.details[-1] == (
        "Blending brings no reliable gain (−0.10 dB, −0.30 … 0.20). Use the single model."
    )


@pytest.mark.usefixtures("unrendered")
def test_the_verdict_names_ties_with_the_tracks_they_need(make_run):
    run = make_run()
    board = run.output / "tables" / "leaderboard" / "leaderboard.parquet"
    pairs = run.output / "tables" / "comparisons" / "comparisons.parquet"
    pl.read_parquet(board).with_columns(tie_group=pl.lit(1, pl.Int64)).write_parquet(board)
    pl.read_parquet(pairs).with_columns(told_apart=False, tracks_needed=99).write_parquet(pairs)
    found = verdict(read_run(run.output, run.models), VOCALS)
    for model in ("beta", "alpha"):
        assert f"{model} (it would take about 99 tracks to decide)" in found.details[0]
    assert (found.kind, set(found.models)) == ("tied", {"alpha", "beta", "htdemucs_6s"})
    assert found.why == "no clear winner"
    text = opened(run)[0].text["verdict"]  # which names no winner of a tie
    assert "vocals, drums and other: no clear winner." in text


def test_the_verdict_is_cautious(make_run):
    run = make_run(models=("alpha", "beta"), flagged=["beta"], infinite=True)
    found = verdict(read_run(run.output, run.models), VOCALS)
    told = " ".join(found.cautions)
    assert found.models[0] == "beta"
    assert (
        "beta was trained on this dataset, so its score is flattering; the best that was not"
        in told
    )
    assert "2 tracks left out" in told
    silent = make_run(silent=True)
    found = verdict(read_run(silent.output, silent.models), VOCALS)
    assert (found.kind, found.models, found.why) == ("unknown", (), "silent in every track")
    single = make_run(tracks=1)
    found = verdict(read_run(single.output, single.models), VOCALS)
    assert found.low is None and "Blending could not be tested" in found.details[-1]
    alone = make_run(models=("alpha",))
    found = verdict(read_run(alone.output, alone.models), VOCALS)
    assert (found.why, found.details) == ("the only model for this stem", ())


@pytest.mark.usefixtures("unrendered")
def test_a_stem_that_no_model_makes_has_no_answer(make_run):
    run = make_run(models=(), level2=False, analysis=False)
    reader, _ = opened(run)
    assert not [a for a in reader.all("table") if a.get("class") == "answers"]
    assert "No model of this run makes vocals, drums and other." in reader.text["verdict"]


@pytest.mark.parametrize(
    ("lift", "drop", "says"),
    [(9, 0, "no better than the unprocessed mixture"), (0, 20, "worse than silence")],
)
def test_a_model_that_is_worse_than_nothing_is_called_that(make_run, lift, drop, says):
    run = make_run(models=("alpha",))
    folder = run.output / "tables"
    path = folder / "scores" / "scores.parquet"
    lifted = pl.when(pl.col("model") == "mixture").then(pl.col("score") + lift).otherwise("score")
    pl.read_parquet(path).with_columns(score=lifted).write_parquet(path)
    path = folder / "leaderboard" / "leaderboard.parquet"
    pl.read_parquet(path).with_columns(pl.col("mean_score") - drop).write_parquet(path)
    found = verdict(read_run(run.output, run.models), VOCALS)
    assert (found.kind, found.why) == ("nothing", says)


@pytest.mark.parametrize(
    ("gain", "low", "high", "expected"),
    [
        (
            -0.02,
            -0.10,
            0.05,
            "makes no reliable difference: −0.02 dB (−0.10 … 0.05) on held-out tracks",
        ),
        (0.5, 0.2, 0.9, "pays: +0.50 dB (0.20 … 0.90) on held-out tracks"),
        (-0.5, -0.9, -0.2, "costs quality: −0.50 dB"),
        (None, None, None, "could not be tested"),
    ],
)
def test_routing_by_genre_is_said_plainly(gain, low, high, expected):
    assert expected in routing_sentence({"routing_gain": gain, "low": low, "high": high})


@pytest.mark.usefixtures("unrendered")
def test_the_papers_numbers_stand_in_their_own_columns(make_run):
    run = make_run()
    write_report(run.output, run.models)
    table = pl.read_csv(run.output / "report" / "paper_table1.csv")
    row = table.filter(pl.col("stem") == "vocals", pl.col("model") == "htdemucs_6s")
    assert row.select("SNR paper", "SDR paper").row(0) == (10.87, 10.65)
    assert row["SNR here"][0] != 10.87
    absent = table.filter(pl.col("model") == "scnet_large (not run)", pl.col("stem") == "bass")
    assert absent.select("SNR here", "SNR paper").row(0) == (None, 12.43)
    own = table.filter(pl.col("model") == "alpha")
    assert own["SNR paper"].null_count() == len(own) > 0
    drums = pl.read_csv(run.output / "report" / "paper_table2.csv")
    kick = drums.filter(pl.col("sub-stem") == "kick").row(0, named=True)
    assert (kick["paper SNR"], kick["paper SDR"]) == (12.87, 13.65)
    assert kick["from estimate SNR"] is not None
    voices = pl.read_csv(run.output / "report" / "paper_table3.csv")["sub-stem"].to_list()
    assert voices == ["lead_vocals (female)", "lead_vocals (male)", "backing_vocals"]


def test_rows_are_compact_and_link_to_what_exists(whole):
    run, page = whole.run, whole.page
    data = data_of(page)
    scores = tables.read(run.output / "tables", "scores")
    assert len(data["rows"]) == len(scores)
    linked = [row for row in data["rows"] if row[9] >= 0]
    assert {data["tracks"][row[0]][0] for row in linked} == {"song-01", "song-02"}
    for row in linked:
        link = f"{data['folders'][row[9]]}/{data['files'][row[10]]}"
        assert "#" not in link and (page.parent / unquote(link)).is_file()
        picture = page.parent / "spectrograms" / f"{row[12]}.png"
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size < 30_000
    told = {value for row in data["rows"] for value in row[3:6] if isinstance(value, str)}
    assert told == {"inf", "-inf"}
    assert any(row[5] is None for row in data["rows"])


@pytest.mark.usefixtures("unrendered")
def test_spectrograms_are_made_once_and_swept(make_run):
    run = make_run(audio=True)
    _, page = opened(run)
    pictures = {p: p.stat().st_mtime_ns for p in (page.parent / "spectrograms").iterdir()}
    (page.parent / "spectrograms" / "old.png").write_bytes(b"x")
    opened(run)
    assert pictures == {p: p.stat().st_mtime_ns for p in (page.parent / "spectrograms").iterdir()}


def test_equal_runs_have_equal_pages(plain):
    first = plain.page.read_bytes()
    assert opened(plain.run)[1].read_bytes() == first


@pytest.mark.usefixtures("unrendered")
def test_clips_of_the_songs(make_run, songs):
    run = make_run(tracks=2)
    root = songs(1)
    parts = {path.stem: Source(path) for path in (root / "song-0").iterdir()}
    references = {stem: Reference(stem, (source,)) for stem, source in parts.items()}
    track = Track("made", "song-01", "Song", tuple(parts), references)
    page = write_report(run.output, run.models, [track])
    heard = data_of(page)["heard"]
    assert set(heard["1"]) == {"mixture", "vocals", "drums", "other"}
    for link, picture in heard["1"].values():
        assert (page.parent / "spectrograms" / f"{picture}.png").is_file()
        assert (page.parent / unquote(link)).stat().st_size > 1000
        samples, _ = soundfile.read(page.parent / unquote(link))
        assert samples.shape == (int(1.5 * 44_100), 2)
    assert not list((page.parent / "audio").glob(".*"))
    # without the songs, earlier clips are still used
    assert data_of(write_report(run.output, run.models))["heard"] == heard


@pytest.mark.usefixtures("unrendered")
def test_many_tracks_stay_small(make_run):
    run = make_run(tracks=240, models=tuple("abcdef"), analysis=False, level2=False)
    _, page = opened(run)
    assert page.stat().st_size < 700_000


def test_the_paper_is_not_shown_where_none_of_its_models_ran(make_run):
    run = make_run(models=("alpha", "beta"), level2=False, tracks=2)
    reader, page = opened(run)
    assert "paper" not in reader.text["genre"].lower()
    assert not list(page.parent.glob("paper_*"))
    assert "paper %" not in (page.parent / "genres.csv").read_text(encoding="utf-8")


@pytest.mark.usefixtures("unrendered")
def test_recipes_are_shown_and_none_is_taken_for_the_papers(make_run):
    run = make_run(tracks=2)
    folder = run.output / "recipes"
    folder.mkdir()
    (folder / "paper.yaml").write_text(
        "{name: paper, stems: {vocals: {alpha: 0.25, beta: 0.75}, drums: {beta: 1}},"
        " children: {drums: {kick: {drumsep: 1.0}, rest: remainder}}}"
    )
    for name, text in (("broken", "{"), ("odd", "[1]"), ("odder", "{stems: 3, children: 4}")):
        (folder / f"{name}.yaml").write_text(text)
    reader, page = opened(run)
    rows = pl.read_csv(page.parent / "recipes.csv").rows()
    assert rows == [
        ("vocals", "0.25 alpha + 0.75 beta"),
        ("drums", "beta"),
        ("kick", "drumsep"),
        ("rest", "remainder"),
    ]
    assert "../recipes/paper.yaml" in {a["href"] for a in reader.all("a")}
    assert '<th scope="col">paper</th>' in page.read_text(encoding="utf-8")


def test_one_colour_per_model():
    palette = Palette([f"m{i}" for i in range(20)])
    looks = {(palette.colour(f"m{i}"), palette.mark(f"m{i}")) for i in range(20)}
    assert len(looks) == 20
    assert palette.variable("m1") == "var(--m1)" == themed(palette.colour("m1"))
    assert palette.variable("oracle") == "var(--oracle)" == themed(palette.colour("oracle"))
    assert palette.variable("recipe:x") == "var(--recipe)"


@pytest.mark.usefixtures("unrendered")
def test_a_large_run_lists_its_first_tracks_and_says_so(make_run, monkeypatch):
    run = make_run(tracks=12, level2=False)
    monkeypatch.setattr(tracks_data, "MOST_ROWS", 50)  # 15 rows a track, with floor and oracle
    reader, page = opened(run)
    data = data_of(page)
    assert [track[0] for track in data["tracks"]] == ["song-00", "song-01", "song-02"]
    assert len(data["rows"]) == 45
    assert "The first 3 of 12 tracks; all are in tables/scores." in reader.text["explore"]

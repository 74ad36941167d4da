"""`stemwise import-scores` from files to tables, report and exit code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from filelock import FileLock

from stemwise.cli import main
from stemwise.storage import tables

from ..importing.museval_files import museval_aggregate, track, write, write_with_museval

SONGS = 12
# tables that need measured audio
MEASURED = (
    *("regret", "front", "deployment", "duplicates", "less_overlap"),
    *("tiers", "quality", "predictions", "kinds"),
)


def methods(root: Path, gains: dict[str, float], songs: int = SONGS, seed: int = 0) -> Path:
    """Write methods whose songs differ by a planted gain and a little noise."""
    random = np.random.default_rng(seed)
    songs_of = random.normal(5, 3, songs)
    for method, gain in gains.items():
        for number in range(songs):
            frames = songs_of[number] + gain + random.normal(0, 0.05, 7)
            content = track({"vocals": frames.tolist(), "accompaniment": (frames + 6).tolist()})
            write(root / method / "test" / f"Artist {number} - Song {number}.json", content)
    return root


def run(output: Path, *overrides: str) -> int:
    return main(["import-scores", f"output={output}", *overrides])


def read(output: Path, name: str) -> pl.DataFrame:
    return tables.read(output / "tables", name)


def test_planted_winners_and_ties_are_found(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "twin": 1.0, "bad": 0.0, "IRM1": 9.0})
    output = tmp_path / "run"
    assert run(output, f"input={root}") == 0
    board = read(output, "leaderboard").filter(pl.col("stem") == "vocals").sort("rank")
    assert board["model"].to_list()[-1] == "bad" and set(board["model"]) == {"good", "twin", "bad"}
    assert board["tie_group"].to_list() == [1, 1, 2]
    assert not board["trained_here"].any() and set(board["tracks"]) == {SONGS}
    pair = read(output, "comparisons").filter(
        pl.col("stem") == "instrumental", pl.col("model_b") == "bad", pl.col("model_a") == "good"
    )
    assert pair["told_apart"][0] and abs(pair["difference"][0] - 1) < 0.1
    assert 0.9 < pair["low"][0] < pair["difference"][0] < pair["high"][0] < 1.1
    scores = read(output, "scores")
    assert {"good", "IRM1", "oracle"} <= set(scores["model"])  # the truth is shown, never chosen
    assert "IRM1" not in set(read(output, "selections")["model"])
    assert scores["score"].equals(scores["museval_sdr"])
    assert scores["paper_snr"].equals(scores["paper_sdr"])
    song = read(output, "tracks").filter(pl.col("track_id") == "artist-3-song-3").to_dicts()[0]
    assert (song["artist"], song["title"], song["split"]) == ("Artist 3", "Song 3", "test")
    for name in ("tracks", "scores", "selections", *tables.ANALYSIS):
        if name not in MEASURED:
            assert read(output, name).columns == tables.schema_of(name).names
    printed = capsys.readouterr().out
    assert "Leaderboard" in printed and "Every pair of models" in printed
    assert printed.count("No regret ledger") == 1 and "above mixture" not in printed
    assert (output / "report" / "comparisons.csv").is_file()
    page = (output / "report" / "index.html").read_text(encoding="utf-8")
    assert "Published scores only" in page and "no clear winner" in page
    assert 'id="ledger"' not in page and 'id="paper"' not in page and 'id="cost"' not in page
    assert "http://" not in page and "https://" not in page
    imported = json.loads((output / "config.json").read_text())["imported"]
    assert imported["protocol"]["frames"] == {"window_s": 1.0, "hop_s": 1.0}
    assert [len(source["sha256"]) for source in imported["sources"]] == [64] * 4


def test_the_report_repeats_the_numbers_that_museval_publishes(tmp_path: Path):
    write_with_museval(tmp_path / "sisec")
    assert run(tmp_path / "run", f"input={tmp_path / 'sisec'}") == 0
    with museval_aggregate() as aggregate:
        store = aggregate.MethodStore()
        for method in ("UMX", "TAU"):
            store.add_eval_dir(tmp_path / "sisec" / method)
        theirs = store.agg_frames_tracks_scores()
    ours = pl.read_csv(tmp_path / "run" / "report" / "published.csv")
    assert len(ours) == 4
    for row in ours.iter_rows(named=True):
        target = {"instrumental": "accompaniment"}.get(row["stem"], row["stem"])
        for metric in ("SDR", "ISR", "SIR", "SAR"):
            assert row[metric] == pytest.approx(theirs[row["model"], target, metric], abs=0.0051)
    # vocals of one song are undefined for one method: it counts for none
    board = read(tmp_path / "run", "leaderboard").filter(pl.col("stem") == "vocals")
    assert board["tracks"].to_list() == [2, 2] and board["dropped"].to_list() == [1, 1]


def test_methods_are_added_to_a_folder_and_replaced_by_track(tmp_path: Path):
    output = tmp_path / "run"
    assert run(output, f"input={methods(tmp_path / 'one', {'a': 0.0, 'b': 1.0})}") == 0
    assert run(output, f"input={methods(tmp_path / 'two', {'c': 2.0}) / 'c'}", "models=mine") == 0
    assert read(output, "leaderboard")["model"].unique().sort().to_list() == ["a", "b", "mine"]
    before = len(read(output, "scores"))
    again = methods(tmp_path / "three", {"a": 5.0}, songs=2)
    assert run(output, f"input={again}") == 0
    scores = read(output, "scores").filter(pl.col("stem") == "vocals", pl.col("model") == "a")
    assert len(read(output, "scores")) == before and len(scores) == SONGS
    won = read(output, "selections").filter(pl.col("stem") == "vocals", pl.col("model") == "a")
    assert won["track_id"].sort().to_list() == ["artist-0-song-0", "artist-1-song-1"]
    sources = json.loads((output / "config.json").read_text())["imported"]["sources"]
    assert [source["model"] for source in sources] == ["a", "a", "b", "mine"]


def test_another_order_of_imports_gives_the_same_tables(tmp_path: Path):
    roots = [methods(tmp_path / name, {name: gain}) for name, gain in (("a", 0.0), ("b", 0.5))]
    for output, order in (("ab", roots), ("ba", roots[::-1])):
        for root in order:
            assert run(tmp_path / output, f"input={root}") == 0
    for name in ("scores", "leaderboard", "comparisons", "selections"):
        assert read(tmp_path / "ab", name).equals(read(tmp_path / "ba", name))


def test_what_is_held_can_be_scored_again_by_another_column(tmp_path: Path):
    output = tmp_path / "run"
    run(output, f"input={methods(tmp_path / 'one', {'a': 0.0, 'b': 1.0})}")
    assert run(output, "score=museval_sir") == 0
    scores = read(output, "scores")
    assert scores["score"].equals(scores["museval_sir"])
    assert not scores["score"].equals(scores["museval_sdr"])


def test_models_of_audio_separator_count_as_trained_on_their_songs(tmp_path: Path, capsys):
    def model(gain: float) -> dict[str, object]:
        metrics = {"SDR": gain, "SIR": 1.0, "SAR": 1.0, "ISR": 1.0}
        songs = [
            {"track_name": f"A{n} - B", "scores": {"vocals": metrics, "seconds_per_minute_m3": 30}}
            for n in range(4)
        ]
        return {"model_name": "x", "track_scores": songs, "median_scores": {}}

    path = write(tmp_path / "models-scores.json", {"a.pth": model(1.0), "b.pth": model(2.0)})
    output = tmp_path / "run"
    assert run(output, "format=audio_separator", f"input={path}") == 0
    board = read(output, "leaderboard").sort("rank")
    assert board["model"].to_list() == ["b.pth", "a.pth"]
    assert board["trained_here"].all() and board["rank_clean"].is_null().all()
    assert board["seconds_per_minute"].to_list() == pytest.approx([30, 30])
    assert set(read(output, "tracks")["split"]) == {"train"}
    assert set(read(output, "tracks")["dataset"]) == {"musdb18hq"}
    assert "was trained on this dataset" in capsys.readouterr().out


def test_a_broken_file_is_listed_and_mended_by_importing_again(tmp_path: Path, capsys):
    root, output = methods(tmp_path / "one", {"a": 0.0, "b": 1.0}), tmp_path / "run"
    bad = root / "a" / "test" / "Artist 0 - Song 0.json"
    good = bad.read_text()
    bad.write_text(good[:100])
    assert run(output, f"input={root}") == 3
    printed = capsys.readouterr().out
    assert "a/test/Artist 0 - Song 0.json is not valid JSON" in printed
    assert "2 of 12" not in printed and "1 of 12 tracks lack" in printed
    failed = read(output, "scores").filter(pl.col("status") == "failed")
    assert set(failed["stem"]) == {"vocals", "instrumental"} and set(failed["model"]) == {"a"}
    bad.write_text(good)
    assert run(output, f"input={root}") == 0
    assert read(output, "tracks")["problems"].list.len().sum() == 0


def test_unknown_stems_fail_until_they_are_translated(tmp_path: Path, capsys):
    root, output = tmp_path / "one", tmp_path / "run"
    write(root / "a" / "A - B.json", track({"vocals": [1.0], "lead voice": [2.0]}))
    assert run(output, f"input={root}") == 3
    assert "'lead voice' is not a known stem" in capsys.readouterr().out
    assert run(output, f"input={root}", "stems={lead voice: lead_vocals}") == 0
    assert set(read(output, "scores")["stem"]) == {"vocals", "lead_vocals"}


def test_an_empty_folder_of_a_method_is_told_by_the_exit_code(tmp_path: Path, capsys):
    root = methods(tmp_path / "one", {"a": 0.0})
    (root / "nothing").mkdir()
    assert run(tmp_path / "run", f"input={root}") == 3
    printed = capsys.readouterr().out
    assert "nothing: the folder holds no track" in printed and "a is the only model" in printed


@pytest.mark.parametrize("songs", [1, 2])
def test_one_track_or_one_model_is_no_error(tmp_path: Path, songs: int, capsys):
    root = methods(tmp_path / "one", {"a": 0.0, "b": 1.0}, songs)
    assert run(tmp_path / "run", f"input={root}") == 0
    board = read(tmp_path / "run", "leaderboard")
    assert board["low"].is_null().all() == (songs == 1)
    assert ("say nothing about others" in capsys.readouterr().out) == (songs == 1)
    assert run(tmp_path / "alone", f"input={root}", "models=[a]") == 0
    assert read(tmp_path / "alone", "comparisons").is_empty()


def test_another_protocol_is_refused_and_nothing_is_changed(tmp_path: Path, capsys):
    root, output = methods(tmp_path / "one", {"a": 0.0}), tmp_path / "run"
    run(output, f"input={root}")
    before = read(output, "scores")
    write(tmp_path / "long" / "b" / "A - B.json", track({"vocals": [1.0, 2.0]}, window=2.0))
    assert run(output, f"input={tmp_path / 'long'}") == 2
    error = capsys.readouterr().err
    assert "frames of 1 s every 1 s" in error and "frames of 2 s" in error
    assert read(output, "scores").equals(before)
    finished = tmp_path / "finished"
    metric = {"protocol": "paper", "paper_snr": "snr", "paper_sdr": "bss_sdr"}
    write(finished / "config.json", {"metric": metric, "models": ["x"]})
    assert run(finished, f"input={root}") == 2
    assert "protocol 'paper' (snr and bss_sdr)" in capsys.readouterr().err
    (tmp_path / "unfinished" / "parts").mkdir(parents=True)
    assert run(tmp_path / "unfinished", f"input={root}") == 2
    assert "holds a run of stemwise" in capsys.readouterr().err


@pytest.mark.parametrize("job", ["report", "fit", "evaluate", "measure", "run-separate"])
def test_other_jobs_leave_imported_scores_alone(tmp_path: Path, job: str, capsys):
    output = tmp_path / "run"
    run(output, f"input={methods(tmp_path / 'one', {'a': 0.0})}")
    before = (output / "config.json").read_text()
    capsys.readouterr()
    assert main([job, f"output={output}"]) == 2
    error = capsys.readouterr().err
    assert "imported scores and no measurements" in error
    assert (output / "config.json").read_text() == before


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ((), "input= is not set"),
        (("input=absent",), "does not exist"),
        (("input=absent", "format=csv"), "format=csv is unknown"),
        (("input=absent", "score=snr"), "score=snr is not imported"),
        (("input=absent", "min_tracks=0"), "min_tracks starts at 1"),
        (("input=absent", "min_tracks=many"), "min_tracks=many is not usable"),
        (("input=absent", "stems=[a]"), "stems=['a'] is not usable"),
        (("input=absent", "stems=vocals"), "stems=vocals"),
        (("input=absent", "models=[]"), "models=[] is empty"),
        (("input=absent", "models={a: b}"), "is not usable"),
        (("input=absent", "format=audio_separator", "split=test"), "split=test is not in"),
        (("input=absent", "nonsense=1"), "nonsense"),
    ],
)
def test_bad_arguments_are_one_sentence(tmp_path: Path, overrides, says: str, capsys):
    assert run(tmp_path / "run", *overrides) == 2
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error
    assert not (tmp_path / "run" / "tables").exists()


def test_models_without_input_and_a_folder_in_use_are_refused(tmp_path: Path, capsys):
    root, output = methods(tmp_path / "one", {"a": 0.0}), tmp_path / "run"
    run(output, f"input={root}")
    assert run(output, "models=a") == 2
    with FileLock(output / ".lock"):
        assert run(output, f"input={root}") == 1
    assert "Another run is writing" in capsys.readouterr().err
    (output / "config.json").write_text('{"imported": {}}')
    assert run(output) == 1
    assert "another version" in capsys.readouterr().err


def test_the_unprocessed_mixture_is_the_floor_and_wins_nothing(tmp_path: Path, capsys):
    """SiSEC's MIX scores above a weak method, and must neither win songs nor be ranked."""
    root = methods(tmp_path / "sisec", {"good": 1.0, "weak": -9.0, "MIX": 3.0})
    output = tmp_path / "run"
    assert run(output, f"input={root}") == 0
    scores = read(output, "scores")
    assert set(scores["model"]) == {"good", "weak", "mixture", "oracle"}
    assert set(read(output, "selections")["model"]) == {"good"}
    assert set(read(output, "leaderboard")["model"]) == {"good", "weak"}
    assert "above mixture" in capsys.readouterr().out
    assert run(output) == 0  # reported again


def test_scores_of_mix_that_were_imported_before_become_the_floor(tmp_path: Path):
    root = methods(tmp_path / "sisec", {"good": 1.0, "MIX": 3.0})
    output = tmp_path / "run"
    assert run(output, f"input={root}", "floor=[]") == 0
    assert "MIX" in set(read(output, "leaderboard")["model"])
    assert run(output) == 0
    assert set(read(output, "leaderboard")["model"]) == {"good"}


def test_two_unprocessed_mixtures_are_refused(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "MIX": 3.0, "mixture": 3.0})
    assert run(tmp_path / "run", f"input={root}") == 2
    assert "MIX and mixture are both the unprocessed mixture" in capsys.readouterr().err
    assert run(tmp_path / "run", f"input={root}", "floor=[MIX]") == 2
    assert "leave one out with models=" in capsys.readouterr().err


def mixture_rows(output: Path) -> int:
    return len(read(output, "scores").filter(pl.col("model") == "mixture"))


def test_the_floor_of_a_folder_stays_what_it_was(tmp_path: Path, capsys):
    """A plain report after floor=[twin] once merged MIX into it: two systems as one mixture."""
    root = methods(tmp_path / "sisec", {"good": 1.0, "twin": 1.0, "MIX": 3.0}, songs=4)
    output = tmp_path / "run"
    assert run(output, f"input={root}", "floor=[twin]") == 0
    before = mixture_rows(output)
    assert before == 8
    for given in ((), ("floor=[twin]",), ("floor=[MIX]",), ("floor=[]",)):
        assert run(output, *given) == 0
        assert mixture_rows(output) == before
        assert "MIX" in set(read(output, "leaderboard")["model"])
    assert json.loads((output / "config.json").read_text())["imported"]["floor"] == "twin"
    capsys.readouterr()
    assert run(output, f"input={root}") == 2  # MIX would be a second floor
    assert "was called twin" in capsys.readouterr().err
    assert mixture_rows(output) == before


def test_a_default_import_and_another_floor_afterwards(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "twin": 1.0, "MIX": 3.0}, songs=4)
    output = tmp_path / "run"
    assert run(output, f"input={root}") == 0
    assert run(output, "floor=[twin]") == 0  # its floor is MIX already
    assert mixture_rows(output) == 8
    assert run(output, f"input={root}", "floor=[twin]") == 2
    assert "was called MIX" in capsys.readouterr().err


def test_two_floors_of_an_earlier_import_are_refused(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "MIX": 3.0}, songs=4)
    output = tmp_path / "run"
    assert run(output, f"input={root}", "floor=[]") == 0
    assert run(output, "floor=[MIX,good]") == 2
    assert "MIX and good" in capsys.readouterr().err


def test_a_floor_that_there_is_not_is_named(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "MIX": 3.0}, songs=2)
    assert run(tmp_path / "run", f"input={root}", "floor=[nobody]") == 2
    assert "floor=nobody is not a system here: there are MIX, good" in capsys.readouterr().err


@pytest.mark.parametrize("idle", ["split=train", "trained_on=[foo]", "models=[good]"])
def test_settings_of_reading_are_refused_where_nothing_is_read(tmp_path: Path, capsys, idle):
    root = methods(tmp_path / "sisec", {"good": 1.0}, songs=2)
    assert run(tmp_path / "run", f"input={root}") == 0
    assert run(tmp_path / "run", idle) == 2
    assert "has no effect without input=" in capsys.readouterr().err


def test_it_is_said_truly_why_nobody_is_ranked(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"a": 1.0, "b": 0.0}, songs=3)
    for given, said in (
        ("reference_lines=[a,b]", "every system is the mixture or another reference line"),
        ("min_tracks=99", "no model has scores on enough tracks"),
    ):
        assert run(tmp_path / given.partition("=")[0], f"input={root}", given) == 0
        assert said in " ".join(capsys.readouterr().out.split())


def test_one_system_alone_is_shown_and_compared_with_nobody(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"only": 1.0})
    assert run(tmp_path / "run", f"input={root}") == 0
    assert "only is the only model, nothing to compare" in capsys.readouterr().out.replace(
        "\n", " "
    )
    assert read(tmp_path / "run", "comparisons").is_empty()


def test_genres_and_artists_come_from_a_table(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0, "bad": 0.0})
    output, table = tmp_path / "run", tmp_path / "songs.csv"
    assert run(output, f"input={root}") == 0
    assert "genres of these songs are unknown" in capsys.readouterr().out.replace("\n", " ")
    lines = [
        f"ARTIST {n} - song {n},{'rock' if n % 2 else 'pop'},band {n // 2}"
        for n in range(SONGS - 1)
    ]
    table.write_text("\n".join(["Track Name,Genre,Artist", *lines, "Somebody Else - Song,jazz,x"]))
    assert run(output, f"genres={table}") == 0  # also afterwards
    printed = capsys.readouterr().out.replace("\n", " ")
    assert "1 of 12 songs have no genre: Song 11" in printed and "unknown (genres=" not in printed
    tracks = {row["track_id"]: row for row in read(output, "tracks").to_dicts()}
    song = tracks["artist-3-song-3"]
    assert (song["genre"], song["artist"]) == ("rock", "band 1")
    lost = tracks[f"artist-{SONGS - 1}-song-{SONGS - 1}"]
    assert (lost["genre"], lost["artist"]) == (None, f"Artist {SONGS - 1}")
    per_genre = read(output, "genre_scores").filter(pl.col("stem") == "vocals")
    assert set(per_genre["genre"]) == {"rock", "pop"}
    assert set(read(output, "scores")["genre"]) == {"rock", "pop", None}
    board = read(output, "leaderboard").filter(pl.col("stem") == "vocals")
    assert set(board["artists"]) == {7}  # bands now
    assert run(output) == 0 and set(read(output, "tracks")["genre"]) == {"rock", "pop", None}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("a,genre\nx,rock\n", "no column of songs"),
        ("track,b\nx,rock\n", "no column of genre or artist"),
        ("track,genre\nnobody,rock\n", "has none of the songs"),
        ("", "cannot be read"),
        (None, "cannot be read"),
        ("track,genre\nArtist 0 - Song 0,rock\nArtist 0 - Song 0,jazz\n", "twice, with different"),
        ("track;genre\nArtist 0 - Song 0;rock\n", "no column of"),
    ],
)
def test_tables_of_genres_that_are_none_are_named(tmp_path: Path, capsys, content, says):
    root = methods(tmp_path / "sisec", {"good": 1.0}, songs=2)
    table = tmp_path / "genres.csv"
    if content is not None:
        table.write_text(content)
    assert run(tmp_path / "run", f"input={root}", f"genres={table}") in (1, 2)
    error = " ".join(capsys.readouterr().err.split())
    assert says in error and "genres.csv" in error and "Traceback" not in error


@pytest.mark.parametrize(
    "content",
    [
        "title,genre\nSong 0,rock\nSong 1,pop\n",
        "title,artist,genre\nSong 0,Artist 0,rock\nSong 1,Artist 1,pop\n",
        "track,genre\nartist-0-song-0,rock\nARTIST 1 - Song 1,pop\n",
    ],
)
def test_songs_are_found_by_title_artist_or_id(tmp_path: Path, content: str):
    root = methods(tmp_path / "sisec", {"good": 1.0, "bad": 0.0}, songs=2)
    table = tmp_path / "genres.csv"
    table.write_text(content)
    assert run(tmp_path / "run", f"input={root}", f"genres={table}") == 0
    assert read(tmp_path / "run", "tracks").sort("track_id")["genre"].to_list() == ["rock", "pop"]


def test_a_second_table_says_only_what_is_still_unknown(tmp_path: Path, capsys):
    root = methods(tmp_path / "sisec", {"good": 1.0}, songs=2)
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("title,genre\nSong 0,rock\n")
    two.write_text("title,genre\nSong 1,pop\n")
    assert run(tmp_path / "run", f"input={root}", f"genres={one}") == 0
    assert "1 of 2 songs have no genre: Song 1" in " ".join(capsys.readouterr().out.split())
    assert run(tmp_path / "run", f"genres={two}") == 0
    assert "have no genre" not in capsys.readouterr().out


def systems(root: Path, levels: dict[str, float], songs: int, artists: int) -> Path:
    """Write `models-scores.json` of systems with planted levels; the last artists have a song more."""
    random = np.random.default_rng(7)
    hard = random.normal(0, 3, (songs, 4))
    entries = {}
    for name, level in levels.items():
        tracks = []
        for song in range(songs):
            own = {}
            for place, stem in enumerate(("vocals", "drums", "bass", "other")):
                value = level + hard[song, place] + random.normal(0, 0.8)
                own[stem] = {
                    metric: value + n for n, metric in enumerate(("SDR", "SIR", "SAR", "ISR"))
                }
            artist = song % artists
            tracks.append({"track_name": f"Artist {artist} - Song {song}", "scores": own})
        entries[name] = {"model_name": name, "track_scores": tracks, "median_scores": {}}
    return write(root / "models-scores.json", entries)


def test_twenty_six_systems_are_told_apart_and_fit_the_terminal_and_the_page(
    tmp_path: Path, capsys
):
    levels = dict.fromkeys(("first", "twin"), 6.4)
    levels |= {f"system-{n:02}": 5.0 - 0.2 * n for n in range(24)}
    path = systems(tmp_path, levels, songs=50, artists=46)
    output = tmp_path / "run"
    assert run(output, "format=audio_separator", f"input={path}") == 0
    board = read(output, "leaderboard").filter(pl.col("stem") == "vocals").sort("rank")
    assert set(board["model"][:2]) == {"first", "twin"}
    assert board["tie_group"][:3].to_list() == [1, 1, 2]
    assert set(board["artists"]) == {46}
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) < 90
    for stem in ("vocals", "drums", "bass", "other"):
        assert f"│ {stem} " in printed
    assert "more: tables/leaderboard" in printed and "(1300 rows): " in printed
    page = output / "report" / "index.html"
    html = page.read_text(encoding="utf-8")
    assert page.stat().st_size < 2_000_000
    assert "Every pair of models (1 300)" in html and "more models" in html
    assert (output / "report" / "figures" / "ties-vocals.png").is_file()
    assert len(pl.read_csv(output / "report" / "comparisons.csv")) == 1300
    # on the page no interval contradicts its test
    pairs = read(output, "comparisons")
    inside = pairs.select(
        (pl.col("low_adjusted") <= 0) & (pl.col("high_adjusted") >= 0)
    ).to_series()
    assert (inside != pairs["told_apart"]).all()


def test_a_system_that_is_perfect_everywhere_is_listed_first_and_asked_about(
    tmp_path: Path, capsys
):
    root = methods(tmp_path / "sisec", {"good": 1.0, "bad": 0.0, "key": math.inf})
    output = tmp_path / "run"
    assert run(output, f"input={root}") == 0
    board = read(output, "leaderboard").filter(pl.col("stem") == "vocals").sort("rank")
    assert board["model"].to_list() == ["key", "good", "bad"]
    assert board["mean_score"][0] == math.inf and board["low"][0] is None
    assert board["tracks"].to_list() == [SONGS] * 3 and board["dropped"].to_list() == [0] * 3
    told = "key equals the reference on every track: an answer key rather than a separator?"
    assert told in " ".join(capsys.readouterr().out.split())
    page = (output / "report" / "index.html").read_text(encoding="utf-8")
    assert (
        told in page and "Infinity" not in page.partition('id="data">')[2].partition("</script>")[0]
    )
    answer = page.partition('class="answers"')[2].partition("</table>")[0]
    assert "good" in answer and "key" not in answer  # the verdict goes on with those that separate


def tidy(path: Path, mean: float) -> Path:
    """Write a table of one model with SNRs of eight songs by four artists, and the mixture's."""
    random = np.random.default_rng(int(10 * mean))
    songs = [f"Song {number}" for number in range(8)]
    pl.DataFrame(
        {
            "model_id": ["mine"] * 8 + ["MIX"] * 8,
            "song": songs * 2,
            "by": [f"Artist {number // 2}" for number in range(8)] * 2,
            "target": ["vocals"] * 16,
            "snr_db": [*random.normal(mean, 0.02, 8), *random.normal(-3, 0.1, 8)],
        }
    ).write_csv(path)
    return path


MAPPED = "columns={model: model_id, track: song, stem: target, artist: by, snr: snr_db}"


def test_a_table_is_imported_reported_and_held_against_another(tmp_path: Path, capsys):
    given = ("format=table", MAPPED)
    for name, mean in (("old", 6.0), ("new", 6.0), ("worse", 5.0)):
        table = tidy(tmp_path / f"{name}.csv", mean)
        assert run(tmp_path / name, f"input={table}", *given) == 0
    board = read(tmp_path / "old", "leaderboard")
    assert (board["model"].to_list(), board["artists"].to_list()) == (["mine"], [4])
    assert set(read(tmp_path / "old", "scores")["model"]) == {"mine", "mixture", "oracle"}
    imported = json.loads((tmp_path / "old" / "config.json").read_text())["imported"]
    assert (imported["score"], imported["protocol"]["columns"]) == ("snr", ["snr"])
    assert (tmp_path / "old" / "report" / "index.html").is_file()
    check = ["check", str(tmp_path / "new"), f"against={tmp_path / 'old'}"]
    assert main(check) == 0
    assert main(["check", str(tmp_path / "worse"), f"against={tmp_path / 'old'}"]) == 4
    capsys.readouterr()
    assert run(tmp_path / "old", "score=si_sdr") == 2
    assert "score=si_sdr is not imported: use one of snr" in capsys.readouterr().err
    museval = methods(tmp_path / "sisec", {"a": 0.0}, songs=2)
    assert run(tmp_path / "old", f"input={museval}") == 2
    assert "another measure (as published in a table)" in capsys.readouterr().err
    assert run(tmp_path / "other", f"input={museval}", MAPPED) == 2
    assert "columns= is of format=table" in capsys.readouterr().err

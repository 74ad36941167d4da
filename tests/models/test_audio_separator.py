"""audio-separator in its own process: the protocol with a stand-in package, and the real one."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

from stemwise.core.errors import CheckpointError, ConfigError, MissingDependencyError, ModelError
from stemwise.evaluation.zoo import Zoo
from stemwise.jobs.configuration import models
from stemwise.jobs.zoo import pull
from stemwise.models import audio_separator_entry
from stemwise.models.audio_separator_process import PYTHON_VARIABLE, Worker
from stemwise.models.audio_separator_worker import HEADER, MAGIC
from stemwise.models.registry import build, prepare, resolve
from stemwise.separation.recipe import load_recipe
from stemwise.separation.separator import Separator

from .reference_inference import off_centre_noise

NAME = "model_bs_roformer_ep_317_sdr_12.9755.ckpt"
ENTRY = f"audio_separator:{NAME}"
YAML = "model_bs_roformer_ep_317_sdr_12.9755.yaml"
VIPERX = {"training": {"instruments": ["Vocals", "Instrumental"], "target_instrument": "Vocals"}}

# What audio-separator offers, as far as it is used, with its manners: it prints, and it exits.
STAND_IN = """
import os, sys, time, warnings
from pathlib import Path
import numpy as np

print("hello from the library")
os.write(1, b"bytes on the standard output")
warnings.filterwarnings("ignore")
sys.path.insert(0, "/nowhere")


class Model:
    primary_stem_name = "Vocals"

    def demix(self, mix):
        act = os.environ.get("FAKE_DEMIX", "")
        print("separating", mix.shape, flush=True)
        if act == "exit":
            sys.exit(1)
        if act == "raise":
            raise RuntimeError("out of memory\\nsecond line" + " key" * 9999)
        if act == "die":
            os.write(2, b"Segmentation fault, they say\\n")
            os._exit(11)
        if act == "sleep":
            Path(os.environ["FAKE_TRACE"]).write_text(str(os.getpid()))
            time.sleep(600)
        if act == "short":
            mix = mix[:, :-1]
        if act == "array":
            return 0.25 * mix
        return {"Vocals": 0.25 * mix, "Instrumental": 0.75 * mix}

    def final_process(self, path, source, stem):
        raise OSError("files are not to be written")

    def separate(self, path):
        import soundfile

        mix, rate = soundfile.read(path, dtype="float32")
        assert rate == 44_100 and abs(np.abs(mix).max() - 1) < 1e-6, np.abs(mix).max()
        mix = mix[: len(mix) - int(os.environ.get("FAKE_LOST", "0"))]
        self.final_process("a_(Instrumental)_b.wav", 0.75 * mix, "Instrumental")
        self.final_process("a_(Vocals)_b.wav", 0.25 * mix, "Vocals")

    def clear_file_specific_paths(self):
        self.cleared = True


class Separator:
    def __init__(
        self, model_file_dir, output_dir, normalization_threshold, log_level, demucs_params
    ):
        assert normalization_threshold == 1.0
        assert demucs_params["shifts"] == 0
        assert "AUDIO_SEPARATOR_MODEL_DIR" not in os.environ
        self.check_ffmpeg_installed()
        self.folder = Path(model_file_dir)

    def check_ffmpeg_installed(self):
        raise FileNotFoundError("ffmpeg")

    def download_model_files(self, name):
        if name.endswith(".pth"):
            for file in (name, "download_checks.json", "vr_model_data.json"):
                if not (self.folder / file).exists():
                    assert os.environ.get("FAKE_FETCH") != "offline", file
                    (self.folder / file).write_text("{}")
            return name, "VR", name, str(self.folder / name), None
        act = os.environ.get("FAKE_FETCH", "")
        if act == "offline":
            raise ConnectionError("Max retries exceeded")
        (self.folder / name).write_bytes(b"weights")
        if act == "cut":
            sys.exit(1)
        (self.folder / "YAML_NAME").write_text(os.environ["FAKE_YAML"])
        (self.folder / "download_checks.json").write_text("{}")

    def load_model(self, name):
        if os.environ.get("FAKE_LOAD") == "exit":
            sys.exit(1)
        _, kind, _, path, yaml = self.download_model_files(name)
        assert Path(path).is_file() and kind == ("MDXC" if name.endswith(".ckpt") else "VR")
        assert yaml is None or (self.folder / yaml).is_file()
        self.model_instance = Model()
"""


@pytest.fixture
def stand_in(tmp_path, home, monkeypatch) -> Path:
    """Put a package `audio_separator` where the child, and nobody else, finds it."""
    place = tmp_path / "site"
    package = place / "audio_separator"
    package.mkdir(parents=True)
    package.joinpath("__init__.py").touch()
    package.joinpath("separator.py").write_text(STAND_IN.replace("YAML_NAME", YAML))
    package.joinpath("models.json").write_text(
        json.dumps({"roformer_download_list": {"Roformer Model: Viperx": {NAME: YAML}}})
    )
    package.joinpath("models-scores.json").write_text(
        json.dumps({"UVR.pth": {"stems": ["vocals", "instrumental"]}, "odd.pth": {"stems": []}})
    )
    facts = place / "audio_separator-0.47.9.dist-info"
    facts.mkdir()
    facts.joinpath("METADATA").write_text("Name: audio-separator\nVersion: 0.47.9\n")
    monkeypatch.setenv("PYTHONPATH", str(place))
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    monkeypatch.setenv("FAKE_YAML", yaml.safe_dump(VIPERX))
    monkeypatch.setenv("AUDIO_SEPARATOR_MODEL_DIR", "/nowhere")
    return place


@pytest.fixture
def files(stand_in, home) -> Path:
    """Put a model's files where audio-separator's belong."""
    folder = home / "audio-separator"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(b"weights")
    (folder / YAML).write_text(yaml.safe_dump(VIPERX))
    return folder


def test_a_registry_name_becomes_a_model_that_separates_whole_tracks(files):
    spec = resolve(ENTRY)
    assert spec.name == "audio_separator_model_bs_roformer_ep_317_sdr_12_9755"
    assert (spec.stems, spec.licence, spec.trained_on) == ((), None, ())
    ready = prepare(spec)
    assert ready.paths == (files / NAME, files / YAML)
    assert ready.spec.settings == {"version": "0.47.9"}
    separator = Separator(build(ready), "cpu")
    assert separator.stems_for() == ("vocals", "instrumental")
    for length in (1, 1000, 50_001):  # one process answers many requests
        mixture = off_centre_noise(length)
        found = separator(mixture).numpy()
        np.testing.assert_array_equal(found, np.stack([0.25 * mixture, 0.75 * mixture]))


def test_it_is_named_like_any_model(files, tmp_path):
    (spec,), _ = models((ENTRY,))
    assert spec == resolve(ENTRY)
    recipe = load_recipe(ENTRY)
    assert (recipe.name, recipe.any_stem) == (spec.name, ENTRY)
    renamed = {"name": "karaoke", "base": ENTRY, "stems": ["lead_vocals", "rest"]}
    ready = prepare(resolve(renamed))
    assert (ready.spec.name, ready.spec.stems) == ("karaoke", ("lead_vocals", "rest"))
    assert build(ready).stems == ("lead_vocals", "rest")
    with pytest.raises(ConfigError, match="2 outputs"):
        prepare(resolve(renamed | {"stems": ["one"]}))


def test_the_identity_follows_weights_yaml_and_version(files, stand_in):
    base = prepare(resolve(ENTRY)).identity
    assert prepare(resolve({"name": "other", "base": ENTRY})).identity == base
    (files / YAML).write_text(yaml.safe_dump(VIPERX | {"inference": {"num_overlap": 8}}))
    with_yaml = prepare(resolve(ENTRY)).identity
    (files / NAME).write_bytes(b"other weights")
    with_weights = prepare(resolve(ENTRY)).identity
    facts = stand_in / "audio_separator-0.47.9.dist-info" / "METADATA"
    facts.write_text("Name: audio-separator\nVersion: 0.48.0\n")
    with_version = prepare(resolve(ENTRY)).identity
    assert len({base, with_yaml, with_weights, with_version}) == 4


@pytest.mark.parametrize(
    ("instruments", "target", "stems"),
    [
        (["vocals", "other"], "vocals", ("vocals", "instrumental")),
        (["Vocals", "Instrumental"], "Instrumental", ("instrumental", "vocals")),
        (["drums", "bass", "other", "vocals"], None, ("drums", "bass", "other", "vocals")),
        (["drums", "bass", "other", "vocals"], "bass", ("bass",)),
        (["Vocals"], "Vocals", ("vocals",)),
    ],
)
def test_stems_come_from_the_yaml_in_the_order_of_the_answer(files, instruments, target, stems):
    training = {"instruments": instruments, "target_instrument": target}
    (files / YAML).write_text(yaml.safe_dump({"training": training}))
    assert prepare(resolve(ENTRY)).spec.stems == stems


def test_a_model_of_one_stem_may_answer_with_an_array(files, monkeypatch):
    monkeypatch.setenv("FAKE_DEMIX", "array")
    training = {"instruments": ["Vocals"], "target_instrument": None}
    (files / YAML).write_text(yaml.safe_dump({"training": training}))
    mixture = off_centre_noise(500)
    found = Separator(build(prepare(resolve(ENTRY))), "cpu")(mixture).numpy()
    np.testing.assert_array_equal(found, 0.25 * mixture[None])


def test_absent_files_are_fetched_by_audio_separator(stand_in, home):
    ready = prepare(resolve(ENTRY))
    folder = home / "audio-separator"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [NAME, YAML, "download_checks.json"]
    )
    assert ready.spec.stems == ("vocals", "instrumental")


def test_models_that_read_files_are_given_one_and_write_none(stand_in, home, monkeypatch):
    """VR, MDX-Net and Demucs: fetched with audio-separator's tables, outputs in a fixed order."""
    ready = prepare(resolve("audio_separator:UVR.pth"))
    folder = home / "audio-separator"
    assert ready.paths == (folder / "UVR.pth",)
    assert ready.spec.stems == ("vocals", "instrumental")
    assert (folder / "vr_model_data.json").is_file()
    monkeypatch.setenv("FAKE_FETCH", "offline")  # from here on all is there
    monkeypatch.setenv("FAKE_LOST", "7")
    separator = Separator(build(prepare(resolve("audio_separator:UVR.pth"))), "cpu")
    for mixture in (off_centre_noise(4000), 7 * off_centre_noise(4000), np.zeros((2, 50), "f")):
        if not mixture.any():
            with pytest.raises(ModelError, match="AssertionError"):  # the stand-in's own check
                separator(mixture)
            continue
        expected = np.stack([0.25 * mixture, 0.75 * mixture])
        expected[..., -7:] = 0  # lost by the model
        np.testing.assert_allclose(separator(mixture).numpy(), expected, rtol=1e-5, atol=1e-6)
    load_recipe("audio_separator:htdemucs.yaml")


@pytest.mark.parametrize("name", ["odd.pth", "unlisted.pth"])
def test_a_model_of_unknown_stems_is_refused(stand_in, name):
    with pytest.raises(ConfigError, match=f"which stems {name} makes"):
        prepare(resolve(f"audio_separator:{name}"))


def test_pull_fetches_a_registry_name_too(stand_in, home):
    console = Console(record=True, width=400)
    assert pull([ENTRY], console) == 0
    folder = home / "audio-separator"
    assert f"{folder / NAME}, {folder / YAML}" in console.export_text()


@pytest.mark.parametrize("act", ["offline", "cut"])
def test_what_cannot_be_fetched_is_named_with_its_folder_and_leaves_nothing(
    stand_in, home, monkeypatch, act
):
    monkeypatch.setenv("FAKE_FETCH", act)
    with pytest.raises(CheckpointError) as caught:
        prepare(resolve(ENTRY))
    folder = home / "audio-separator"
    said = str(caught.value)
    assert all(word in said for word in (NAME, YAML, str(folder), "put what is missing there"))
    assert ("Max retries" in said) == (act == "offline")
    assert list(folder.iterdir()) == []


def test_a_yaml_that_is_there_is_kept_when_the_weights_are_fetched(stand_in, home, monkeypatch):
    folder = home / "audio-separator"
    folder.mkdir(parents=True)
    own = yaml.safe_dump({"training": {"instruments": ["kick", "snare"]}})
    (folder / YAML).write_text(own)
    monkeypatch.setenv("FAKE_YAML", own)
    assert prepare(resolve(ENTRY)).spec.stems == ("kick", "snare")
    assert not (folder / YAML).is_symlink()
    assert (folder / YAML).read_text() == own


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("exit", "SystemExit"),
        ("raise", "out of memory second line"),
        ("die", "exit code 11, after: .*Segmentation fault"),
        ("short", "instead of"),
    ],
)
def test_trouble_while_separating_is_an_error_of_the_model_only(files, monkeypatch, act, says):
    monkeypatch.setenv("FAKE_DEMIX", act)
    separator = Separator(build(prepare(resolve(ENTRY))), "cpu")
    with pytest.raises(ModelError, match=says) as caught:
        separator(off_centre_noise(2_000_000))  # more than a pipe holds
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_an_exit_while_loading_is_an_error_that_names_the_files(files, monkeypatch):
    monkeypatch.setenv("FAKE_LOAD", "exit")
    model = build(prepare(resolve(ENTRY)))
    with pytest.raises(CheckpointError, match=rf"{NAME} with {YAML} cannot be loaded .*SystemExit"):
        model.to(torch.device("cpu"))
    (failed,) = Zoo.load([prepare(resolve(ENTRY))], "cpu", None).models
    assert NAME in (failed.error or "")


def test_another_version_than_the_runs_is_refused(files, stand_in):
    model = build(prepare(resolve(ENTRY)))
    facts = stand_in / "audio_separator-0.47.9.dist-info" / "METADATA"
    facts.write_text("Name: audio-separator\nVersion: 0.48.0\n")
    with pytest.raises(ModelError, match=r"now 0\.48\.0, but was 0\.47\.9"):
        model.to(torch.device("cpu"))


def test_where_it_is_not_installed_both_ways_to_install_it_are_said(files, monkeypatch):
    if importlib.util.find_spec("audio_separator"):
        pytest.skip("audio-separator is installed beside stemwise")
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(
        MissingDependencyError, match=rf"stemwise\[audio-separator\].*{PYTHON_VARIABLE}"
    ):
        prepare(resolve(ENTRY))


def test_a_package_that_it_lacks_is_named(files, stand_in):
    module = stand_in / "audio_separator" / "separator.py"
    module.write_text("import no_such_runtime")
    with pytest.raises(MissingDependencyError, match="no_such_runtime"):
        build(prepare(resolve(ENTRY))).to(torch.device("cpu"))


@pytest.mark.parametrize(
    ("program", "error", "says"),
    [
        ("/no/such/python", MissingDependencyError, "cannot be started"),
        ("/bin/echo", ModelError, "it sent b'"),
        ("/bin/true", ModelError, "it ended, exit code 0"),
        ("/bin/false", ModelError, "it ended, exit code 1"),
    ],
)
def test_a_python_that_is_none_is_told(files, monkeypatch, program, error, says):
    monkeypatch.setenv(PYTHON_VARIABLE, program)
    with pytest.raises(error, match=says):
        prepare(resolve(ENTRY))


@pytest.mark.parametrize(
    "sent",
    [b"x", MAGIC, HEADER.pack(MAGIC, 10, 0) + b"{}", HEADER.pack(MAGIC, 2, 0) + b"}{", b"\0" * 99],
)
def test_broken_answers_end_in_an_error(files, tmp_path, monkeypatch, sent):
    program = tmp_path / "broken"
    program.write_text(
        f"#!{sys.executable}\nimport os\nos.write(1, {sent!r})\nos.close(1)\nos.read(0, 1)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(PYTHON_VARIABLE, str(program))
    with pytest.raises(ModelError, match="gave no answer"):
        prepare(resolve(ENTRY))


@pytest.mark.parametrize(
    "name", ["", "x", "x.th", "x.json", "../up.ckpt", "a/b.ckpt", ".ckpt", "-x.ckpt"]
)
def test_names_that_are_no_models_are_refused(name):
    with pytest.raises(ConfigError, match="file name"):
        resolve(f"audio_separator:{name}")


@pytest.mark.parametrize("text", ["{training: {}}", "{training: {instruments: [1]}}", "{}", "[]"])
def test_a_yaml_without_stems_is_refused(files, text):
    (files / YAML).write_text(text)
    with pytest.raises(ConfigError, match=YAML):
        prepare(resolve(ENTRY))


def _alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def _wait_until(condition, seconds: float = 60.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(condition())


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_the_process_ends_when_ours_is_killed_in_the_middle(files, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_DEMIX", "sleep")
    monkeypatch.setenv("FAKE_TRACE", str(tmp_path / "pid"))
    code = (
        "import numpy as np\n"
        "from stemwise.models.registry import build, prepare, resolve\n"
        "from stemwise.separation.separator import Separator\n"
        f"Separator(build(prepare(resolve({ENTRY!r}))), 'cpu')(np.zeros((2, 100), np.float32))\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", code])
    try:
        assert _wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        child = int((tmp_path / "pid").read_text())
        assert _alive(child)
    finally:
        ours.send_signal(signal.SIGKILL)
        ours.wait()
    assert _wait_until(lambda: not _alive(child))


def test_the_process_ends_with_its_model(files):
    worker = Worker("serve", str(files), NAME, YAML)
    worker.ask()
    process = worker._process
    del worker
    assert process.poll() == 0  # it has seen the end of its input


@pytest.mark.parametrize("kept", [True, False])
def test_its_memory_settings_can_be_left_out(tmp_path, monkeypatch, kept):
    program, told = tmp_path / "program", tmp_path / "environment"
    program.write_text(f"#!/bin/sh\nenv > {told}\n")
    program.chmod(0o755)
    monkeypatch.setenv(PYTHON_VARIABLE, str(program))
    monkeypatch.delenv("MALLOC_TOP_PAD_", raising=False)
    worker = Worker("describe", environment={"OMP_NUM_THREADS": "1"}, kept=kept)
    worker.close()
    assert ("MALLOC_TOP_PAD_=" in told.read_text()) == kept
    assert "OMP_NUM_THREADS=1\n" in told.read_text()


# the real package


@pytest.fixture
def real_python() -> str:
    """Return the Python that has audio-separator; skip where none has."""
    if importlib.util.find_spec("audio_separator"):
        return sys.executable
    named = os.environ.get(PYTHON_VARIABLE)
    if not named:
        pytest.skip(f"audio-separator is not installed, and {PYTHON_VARIABLE} is not set")
    return named


def test_the_real_one_runs_demucs_as_demucs_does(real_python, home):
    """A bag of one tiny HTDemucs: names, order, level; and without random shifts."""
    from demucs.htdemucs import HTDemucs

    from stemwise.models.demucs import DemucsModel

    sources = ["drums", "bass", "other", "vocals"]
    kwargs = {"sources": sources, "channels": 8, "nfft": 512, "depth": 3, "t_layers": 1}
    kwargs |= {"t_heads": 2, "segment": 0.5, "bottom_channels": 16}
    torch.manual_seed(0)
    state = {key: value.half() for key, value in HTDemucs(**kwargs).state_dict().items()}
    package = {"klass": HTDemucs, "args": (), "kwargs": kwargs, "state": state}
    folder = audio_separator_entry.folder()
    folder.mkdir(parents=True)
    torch.save(package | {"training_args": {}}, folder / "abcd1234.th")
    (folder / "htdemucs.yaml").write_text("models: ['abcd1234']\n")
    files = {"abcd1234.th": "https://host.example/abcd1234.th"}
    files["htdemucs.yaml"] = "https://host.example/htdemucs.yaml"
    lists = {key: {} for key in EMPTY_LISTS} | {"demucs_download_list": {"Demucs v4: tiny": files}}
    (folder / "download_checks.json").write_text(json.dumps(lists))
    ready = prepare(resolve("audio_separator:htdemucs.yaml"))
    assert ready.paths == (folder / "htdemucs.yaml", folder / "abcd1234.th")
    separator = Separator(build(ready), "cpu")
    mixture = off_centre_noise(60_000)
    found = dict(zip(separator.stems_for(), separator(mixture), strict=True))
    own = Separator(DemucsModel(folder / "abcd1234.th"), "cpu")
    for stem, expected in zip(own.stems_for(), own(mixture), strict=True):
        error = (found[stem] - expected).abs().max()
        assert error < 1e-4 * expected.abs().max(), stem


VR_SCRIPT = """
import hashlib, json, sys
import torch
from audio_separator.separator.uvr_lib_v5.vr_network import nets
weights, parameters = sys.argv[1:]
torch.manual_seed(0)
torch.save(nets.determine_model_capacity(1024 * 2, 123821).state_dict(), weights)
tail = open(weights, "rb").read()[-10_240_000:]
model = {"vr_model_param": "1band_sr44100_hl512", "primary_stem": "Noise"}
json.dump({hashlib.md5(tail).hexdigest(): model}, open(parameters, "w"))
"""


@pytest.mark.slow
def test_the_real_one_runs_a_vr_network_of_true_size(real_python, home):
    """Its two outputs add up to the mixture, at any level, every time the same."""
    folder = audio_separator_entry.folder()
    folder.mkdir(parents=True)
    name = "UVR-DeNoise.pth"
    files = [str(folder / name), str(folder / "vr_model_data.json")]
    subprocess.run([real_python, "-c", VR_SCRIPT, *files], check=True)
    (folder / "mdx_model_data.json").write_text("{}")
    lists = {key: {} for key in EMPTY_LISTS} | {"vr_download_list": {"VR: denoise": name}}
    (folder / "download_checks.json").write_text(json.dumps(lists))
    separator = Separator(build(prepare(resolve(f"audio_separator:{name}"))), "cpu")
    assert separator.stems_for() == ("noise", "no_noise")
    mixture = off_centre_noise(100_000) - 0.05
    found = separator(mixture)
    rest = (found.sum(0) - torch.from_numpy(mixture))[:, 4096:-4096]
    assert rest.square().mean() < 0.01 * np.square(mixture).mean()
    torch.testing.assert_close(separator(4 * mixture), 4 * found, rtol=1e-5, atol=1e-6)


EMPTY_LISTS = (
    "vr_download_list",
    "mdx_download_list",
    "mdx_download_vip_list",
    "demucs_download_list",
    "mdx23c_download_list",
    "mdx23c_download_vip_list",
    "roformer_download_list",
)


@pytest.mark.filterwarnings("ignore:A window was not provided")
@pytest.mark.parametrize("kind", ["mel_band_roformer", "bs_roformer", "mdx23c"])
def test_the_real_one_loads_a_file_of_its_registry_offline(real_python, home, kind):
    """A small network under a registry name; estimates add up, and one chunk is the network's own."""
    pytest.importorskip("pymss_core")
    from .test_community_models import CONFIGS, reference

    name = {
        "mel_band_roformer": "mel_band_roformer_karaoke_aufr33_viperx_sdr_10.1956.ckpt",
        "bs_roformer": NAME,
        "mdx23c": "MDX23C-8KFFT-InstVoc_HQ.ckpt",
    }[kind]
    folder = audio_separator_entry.folder()
    folder.mkdir(parents=True)
    network = reference(kind)
    torch.save(network.state_dict(), folder / name)
    config = CONFIGS[kind]
    frames = config["audio"]["chunk_size"] // config["audio"].get("hop_length", 147) + 1
    audio = config["audio"] | {"hop_length": config["audio"].get("hop_length", 147)}
    text = yaml.dump(
        config
        | {"audio": audio | {"dim_t": frames}}
        | {"inference": {"num_overlap": 1, "dim_t": frames, "batch_size": 1}}
    )
    for key in ("freqs_per_bands", "multi_stft_resolutions_window_sizes"):
        text = text.replace(f"{key}:", f"{key}: !!python/tuple")
    path = folder / f"{Path(name).stem}.yaml"
    registered = {"mel_band_roformer": f"{Path(name).stem}_config.yaml"}.get(kind, path.name)
    path.with_name(registered).write_text(text)
    separator = Separator(build(prepare(resolve(f"audio_separator:{name}"))), "cpu")
    mixture = off_centre_noise(config["audio"]["chunk_size"])
    found = separator(mixture)
    assert separator.stems_for() == ("vocals", "instrumental")
    with torch.inference_mode():
        expected = network(torch.from_numpy(mixture)[None]).reshape(-1, 2, mixture.shape[1])
    tolerance = 1e-4 * float(expected.abs().max())
    torch.testing.assert_close(found[: len(expected)], expected, rtol=1e-3, atol=tolerance)
    if len(expected) == 1:
        torch.testing.assert_close(found.sum(0), torch.from_numpy(mixture), rtol=0, atol=1e-6)


def test_the_real_one_exits_over_a_checkpoint_of_another_network(real_python, home):
    pytest.importorskip("pymss_core")
    from .test_community_models import CONFIGS, reference

    folder = audio_separator_entry.folder()
    folder.mkdir(parents=True)
    torch.save(reference("scnet").state_dict(), folder / NAME)
    (folder / YAML).write_text(yaml.safe_dump(CONFIGS["mdx23c"]))
    model = build(prepare(resolve(ENTRY)))
    with pytest.raises(CheckpointError, match=NAME):
        model.to(torch.device("cpu"))

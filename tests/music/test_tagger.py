"""The shipped tagger is the published one: the same numbers from the same audio."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from bci_affect.errors import BciAffectError
from bci_affect.music import MusicEncoder, frontend, load_encoder
from bci_affect.music.encoders import Cancelled
from bci_affect.music.strip import StripNet
from bci_affect.music.tagger import TaggerEncoder
from bci_affect.music.tags import TAGS
from bci_affect.music.vgg import Vgg
from bci_affect.resources import shipped

# What the original TensorFlow model said of the reference signal on its first and last patch: kept
# here so that parity is also tested where ../shared/data is absent.
LOUDEST = 2.9466991


@pytest.fixture(scope="module")
def tagger() -> TaggerEncoder:
    return TaggerEncoder()


@pytest.fixture(scope="module")
def reference_audio() -> NDArray[np.float32]:
    """The signal that meta.json describes."""
    rng = np.random.default_rng(1234)
    n = 20 * 16_000
    t = np.arange(n) / 16_000
    s = sum(a * np.sin(2 * np.pi * f * t) for a, f in ((0.2, 220), (0.15, 277.18), (0.12, 329.63)))
    s = s * (0.6 + 0.4 * np.sin(2 * np.pi * 0.25 * t))
    s = s + 0.25 * np.exp(-((t * 2) % 1) * 18) * rng.standard_normal(n)
    s = s + 0.01 * rng.standard_normal(n)
    return np.float32(0.8 * s)


def test_agrees_with_the_original_from_audio_to_output(
    tagger: TaggerEncoder, reference_audio: NDArray[np.float32], shared_data: Path
) -> None:
    with np.load(shared_data / "music_tagger" / "reference.npz") as reference:
        mel = frontend.log_mel(reference_audio)
        _, rows, tags = tagger.embed_and_tag(reference_audio)
        np.testing.assert_allclose(mel, reference["logmel"], atol=5e-4)
        np.testing.assert_allclose(rows, reference["pool5"], atol=1e-4)
        np.testing.assert_allclose(tags, reference["tags"], atol=1e-4)
        _, exact_rows, exact_tags = tagger.from_log_mel(reference["logmel"])
        np.testing.assert_allclose(exact_rows, reference["pool5"], atol=2e-5)
        np.testing.assert_allclose(exact_tags, reference["tags"], atol=2e-6)


def test_rows_are_the_published_ones_without_reference_data(
    tagger: TaggerEncoder, reference_audio: NDArray[np.float32]
) -> None:
    _, rows = tagger.embed(reference_audio)
    assert rows.shape == (18, 128)
    assert rows.max() == pytest.approx(LOUDEST, abs=1e-4)


def test_the_quick_form_gives_the_plain_networks_numbers() -> None:
    plain = Vgg().eval()
    plain.load_state_dict(load_file(shipped("models/MSD_vgg.safetensors")))
    quick = StripNet(plain)
    mel = torch.from_numpy(np.random.default_rng(5).uniform(0, 4, (187 + 3 * 124, 96)))
    mel = mel.to(torch.float32)
    patches = torch.stack([mel[p * 124 : p * 124 + 187] for p in range(4)])[:, None]
    with torch.inference_mode():
        rows, tags = plain(patches)
        for n in (1, 2, 4):
            some_rows, some_tags = quick(mel[: 187 + (n - 1) * 124])
            torch.testing.assert_close(some_rows, rows[:n], atol=2e-5, rtol=1e-5)
            torch.testing.assert_close(some_tags, tags[:n], atol=2e-6, rtol=1e-5)


def test_a_row_says_where_it_looked(tagger: TaggerEncoder) -> None:
    """A click moves the row whose stated centre it is at more than any other row."""
    rng = np.random.default_rng(0)
    quiet = (1e-3 * rng.standard_normal(12 * 16_000)).astype(np.float32)
    times, before = tagger.embed(quiet)
    np.testing.assert_allclose(np.diff(times).mean(), tagger.row_period_s, atol=0.01)
    for wanted in (3, 6):
        loud = quiet.copy()
        at = int(times[wanted] * 16_000)
        loud[at - 800 : at + 800] += 0.3 * rng.standard_normal(1600).astype(np.float32)
        _, after = tagger.embed(loud)
        assert np.argmax(np.abs(after - before).sum(axis=1)) == wanted


def test_work_is_given_up_when_it_is_not_wanted(tagger: TaggerEncoder) -> None:
    with pytest.raises(Cancelled):
        tagger.from_log_mel(np.zeros((10_000, 96), np.float32), stopped=lambda: True)


@pytest.mark.parametrize("n_samples", [0, 1, 4_000, 16_000, 47_000, 48_000])
def test_short_audio_gives_finite_rows(tagger: TaggerEncoder, n_samples: int) -> None:
    times, rows = tagger.embed(np.full(n_samples, 0.1, dtype=np.float32))
    assert len(times) == len(rows) >= 1
    assert np.isfinite(rows).all()
    assert (times[1:] <= n_samples / 16_000).all()


def test_loud_audio_does_not_overflow(tagger: TaggerEncoder) -> None:
    """The original's float16 step made infinities of this."""
    tone = np.sin(np.arange(5 * 16_000) * 0.3).astype(np.float32)
    mel = frontend.log_mel(1000 * tone)
    assert np.isfinite(mel).all()
    assert mel.max() > np.log10(65504.0)


def test_mel_filters_are_slaneys() -> None:
    import librosa

    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96)
    np.testing.assert_allclose(frontend.mel_filters().T, theirs, atol=1e-7)


@pytest.mark.parametrize("name", ["tagger", "logmel"])
def test_encoders_keep_the_protocol(name: str) -> None:
    encoder = load_encoder(name)
    assert isinstance(encoder, MusicEncoder)
    audio = np.random.default_rng(1).standard_normal(10 * encoder.rate_hz).astype(np.float32)
    times, rows = encoder.embed(0.1 * audio)
    assert rows.dtype == np.float32
    assert rows.shape == (len(times), encoder.dim)
    assert np.diff(times).mean() == pytest.approx(encoder.row_period_s, rel=0.05)
    assert times[0] >= 0
    assert times[-1] <= 10


def test_a_file_that_is_no_tagger_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"not weights")
    with pytest.raises(BciAffectError, match="not a file of the MSD_vgg tagger"):
        TaggerEncoder(wrong)
    with pytest.raises(BciAffectError, match="No encoder 'vggish'"):
        load_encoder("vggish")


def test_music_is_imported_without_torch() -> None:
    code = (
        "import sys, bci_affect.music; print('torch' in sys.modules, 'sounddevice' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == ["False", "False"]
    assert len(TAGS) == 50

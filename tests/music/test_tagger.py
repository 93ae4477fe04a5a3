"""Agreement of the tagger with the published MusiCNN VGG model; the encoder protocol."""

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
from bci_affect.music.fast_vgg import FastVgg
from bci_affect.music.tagger import TaggerEncoder
from bci_affect.music.tags import TAGS
from bci_affect.music.vgg import Vgg
from bci_affect.resources import shipped

# Output of the original TensorFlow model for the reference signal, so that agreement is also tested
# where ../shared/data is absent.
MAX_EMBEDDING = 2.9466991


@pytest.fixture(scope="module")
def tagger() -> TaggerEncoder:
    return TaggerEncoder()


@pytest.fixture(scope="module")
def reference_audio() -> NDArray[np.float32]:
    """Reference signal described in meta.json."""
    rng = np.random.default_rng(1234)
    n = 20 * 16_000
    t = np.arange(n) / 16_000
    s = sum(a * np.sin(2 * np.pi * f * t) for a, f in ((0.2, 220), (0.15, 277.18), (0.12, 329.63)))
    s = s * (0.6 + 0.4 * np.sin(2 * np.pi * 0.25 * t))
    s = s + 0.25 * np.exp(-((t * 2) % 1) * 18) * rng.standard_normal(n)
    s = s + 0.01 * rng.standard_normal(n)
    return np.float32(0.8 * s)


def test_agrees_with_the_original_model(
    tagger: TaggerEncoder, reference_audio: NDArray[np.float32], shared_data: Path
) -> None:
    with np.load(shared_data / "music_tagger" / "reference.npz") as reference:
        mel = frontend.log_mel(reference_audio)
        _, embeddings, tags = tagger.embed_and_tag(reference_audio)
        np.testing.assert_allclose(mel, reference["logmel"], atol=5e-4)
        np.testing.assert_allclose(embeddings, reference["pool5"], atol=1e-4)
        np.testing.assert_allclose(tags, reference["tags"], atol=1e-4)
        _, embeddings, tags = tagger.from_log_mel(reference["logmel"])
        np.testing.assert_allclose(embeddings, reference["pool5"], atol=2e-5)
        np.testing.assert_allclose(tags, reference["tags"], atol=2e-6)


def test_largest_embedding_value_equals_that_of_the_original_model(
    tagger: TaggerEncoder, reference_audio: NDArray[np.float32]
) -> None:
    _, embeddings = tagger.embed(reference_audio)
    assert embeddings.shape == (18, 128)
    assert embeddings.max() == pytest.approx(MAX_EMBEDDING, abs=1e-4)


def test_fast_vgg_equals_vgg() -> None:
    vgg = Vgg().eval()
    vgg.load_state_dict(load_file(shipped("models/MSD_vgg.safetensors")))
    fast = FastVgg(vgg)
    mel = torch.from_numpy(np.random.default_rng(5).uniform(0, 4, (187 + 3 * 124, 96)))
    mel = mel.to(torch.float32)
    patches = torch.stack([mel[p * 124 : p * 124 + 187] for p in range(4)])[:, None]
    with torch.inference_mode():
        embeddings, tags = vgg(patches)
        for n in (1, 2, 4):
            fast_embeddings, fast_tags = fast(mel[: 187 + (n - 1) * 124])
            torch.testing.assert_close(fast_embeddings, embeddings[:n], atol=2e-5, rtol=1e-5)
            torch.testing.assert_close(fast_tags, tags[:n], atol=2e-6, rtol=1e-5)


def test_times_are_the_centres_of_the_embedded_windows(tagger: TaggerEncoder) -> None:
    """A click changes the embedding with the nearest time most."""
    rng = np.random.default_rng(0)
    quiet = (1e-3 * rng.standard_normal(12 * 16_000)).astype(np.float32)
    times, before = tagger.embed(quiet)
    np.testing.assert_allclose(np.diff(times).mean(), tagger.embedding_period_s, atol=0.01)
    for i in (3, 6):
        click = quiet.copy()
        at = int(times[i] * 16_000)
        click[at - 800 : at + 800] += 0.3 * rng.standard_normal(1600).astype(np.float32)
        _, after = tagger.embed(click)
        assert np.argmax(np.abs(after - before).sum(axis=1)) == i


def test_tagging_can_be_cancelled(tagger: TaggerEncoder) -> None:
    with pytest.raises(Cancelled):
        tagger.from_log_mel(np.zeros((10_000, 96), np.float32), cancelled=lambda: True)


@pytest.mark.parametrize("n_samples", [0, 1, 4_000, 16_000, 47_000, 48_000])
def test_short_audio_gives_finite_embeddings(tagger: TaggerEncoder, n_samples: int) -> None:
    times, embeddings = tagger.embed(np.full(n_samples, 0.1, dtype=np.float32))
    assert len(times) == len(embeddings) >= 1
    assert np.isfinite(embeddings).all()
    assert (times[1:] <= n_samples / 16_000).all()


def test_loud_audio_does_not_overflow(tagger: TaggerEncoder) -> None:
    """In the float16 step of the original model, this input overflows."""
    tone = np.sin(np.arange(5 * 16_000) * 0.3).astype(np.float32)
    mel = frontend.log_mel(1000 * tone)
    assert np.isfinite(mel).all()
    assert mel.max() > np.log10(65504.0)


def test_mel_filters_equal_those_of_librosa() -> None:
    import librosa

    expected = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96)
    np.testing.assert_allclose(frontend.mel_filters().T, expected, atol=1e-7)


@pytest.mark.parametrize("name", ["tagger", "logmel"])
def test_encoders_implement_the_protocol(name: str) -> None:
    encoder = load_encoder(name)
    assert isinstance(encoder, MusicEncoder)
    audio = np.random.default_rng(1).standard_normal(10 * encoder.rate_hz).astype(np.float32)
    times, embeddings = encoder.embed(0.1 * audio)
    assert embeddings.dtype == np.float32
    assert embeddings.shape == (len(times), encoder.dim)
    assert np.diff(times).mean() == pytest.approx(encoder.embedding_period_s, rel=0.05)
    assert times[0] >= 0
    assert times[-1] <= 10


def test_invalid_weights_and_unknown_encoders_are_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.safetensors"
    wrong.write_bytes(b"not weights")
    with pytest.raises(BciAffectError, match="not a file of the MSD_vgg tagger"):
        TaggerEncoder(wrong)
    with pytest.raises(BciAffectError, match="No encoder 'vggish'"):
        load_encoder("vggish")


def test_importing_music_does_not_import_torch() -> None:
    code = (
        "import sys, bci_affect.music; print('torch' in sys.modules, 'sounddevice' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == ["False", "False"]
    assert len(TAGS) == 50

"""Generated music: the same from the same seed, spread over the plane, and really music files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tinytag import TinyTag

from bci_affect.errors import BciAffectError
from bci_affect.music.audio import analysis_audio, decode
from bci_affect.music.loudness import integrated_lufs
from bci_affect.simulation import music as simulate
from bci_affect.simulation.music import PIECES, Piece

SHORT = Piece("x", "X", "Y", -0.4, 0.6, 7, seconds=8.0)


def test_the_same_piece_renders_the_same_samples() -> None:
    first, second = simulate.render(SHORT), simulate.render(SHORT)
    np.testing.assert_array_equal(first, second)
    other = simulate.render(Piece("x", "X", "Y", -0.4, 0.6, 8, seconds=8.0))
    assert not np.array_equal(first, other)


def test_pieces_fill_all_quarters_of_the_plane() -> None:
    quarters = [(p.valence > 0, p.arousal > 0) for p in PIECES]
    assert min(quarters.count(q) for q in set(quarters)) >= 2
    assert len(set(quarters)) == 4
    assert len({p.name for p in PIECES}) == len(PIECES) >= 12
    assert all(30 <= p.seconds <= 60 for p in PIECES)


@pytest.mark.parametrize("piece", simulate.random_pieces(5, seed=9, seconds=8.0))
def test_audio_is_clean(piece: Piece) -> None:
    audio = simulate.render(piece)
    assert audio.shape == (8 * 44_100, 2)
    assert audio.dtype == np.float32
    assert np.abs(audio).max() <= 10 ** (-1 / 20)
    assert integrated_lufs(audio, 44_100) > -35
    assert np.abs(audio[-10:]).max() < 0.01  # ends in silence, no click
    assert abs(float(audio.mean())) < 0.01
    assert not np.array_equal(audio[:, 0], audio[:, 1])  # stereo


def test_arousal_is_in_the_sound_not_only_in_the_level() -> None:
    """After level normalisation, intended arousal still orders brightness and onsets."""
    pieces = simulate.random_pieces(10, seed=2, seconds=8.0)
    centroids = []
    for piece in pieces:
        mono = analysis_audio(simulate.render(piece), 44_100, 16_000)
        spectrum = np.abs(np.fft.rfft(mono))
        centroids.append(np.average(np.arange(len(spectrum)), weights=spectrum))
    arousal = [p.arousal for p in pieces]
    assert (
        np.corrcoef(np.argsort(np.argsort(centroids)), np.argsort(np.argsort(arousal)))[0, 1] > 0.6
    )


@pytest.mark.parametrize("file_format", simulate.FORMATS)
def test_every_format_is_written_with_its_tags(tmp_path: Path, file_format: str) -> None:
    (path,) = simulate.write(tmp_path / "новая папка", [SHORT], file_format=file_format)
    frames, rate = decode(path)
    assert len(frames) / rate == pytest.approx(8.0, abs=0.1)
    if file_format != "wav":  # libsndfile's wav tags are of a kind that few readers know
        assert TinyTag.get(path).artist == "Y"
    assert simulate.intended(path.parent) == {path.name: (-0.4, 0.6)}


def test_an_interrupted_call_goes_on(tmp_path: Path) -> None:
    pieces = simulate.random_pieces(2, seconds=4.0)
    (first,) = simulate.write(tmp_path, pieces[:1])
    stamp = first.stat().st_mtime_ns
    simulate.write(tmp_path, pieces)
    assert first.stat().st_mtime_ns == stamp
    assert len(simulate.intended(tmp_path)) == 2
    assert soundfile.info(first).frames == 4 * 44_100


def test_mistakes_are_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BciAffectError, match="not one of"):
        simulate.write(tmp_path, [SHORT], file_format="midi")
    (tmp_path / "file").write_text("")
    with pytest.raises(BciAffectError, match="Cannot write music"):
        simulate.write(tmp_path / "file", [SHORT])
    with pytest.raises(BciAffectError, match=r"no readable pieces\.json"):
        simulate.intended(tmp_path)

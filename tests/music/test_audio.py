"""Decoding of audio files, errors of unreadable files, embedding of a file, and ONNX encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bci_affect.errors import BciAffectError
from bci_affect.music import load_encoder
from bci_affect.music.audio import DecodeError, analysis_audio, decode, open_audio
from bci_affect.music.embed import embed_file, save_embeddings
from bci_affect.music.encoders import OnnxEncoder
from bci_affect.simulation import music as simulate
from bci_affect.simulation.music import Piece

PIECE = Piece("x", "X", "Y", 0.3, 0.2, 5, seconds=6.0)


def write_m4a(path: Path, audio: np.ndarray) -> None:
    av = pytest.importorskip("av", reason="needs the m4a extra")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo")
        planar = np.ascontiguousarray(audio.T)
        for first in range(0, planar.shape[1], 1024):
            block = np.ascontiguousarray(planar[:, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 44_100, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("file_format", [*simulate.FORMATS, "m4a"])
def test_all_formats_decode_to_the_same_music(tmp_path: Path, file_format: str) -> None:
    audio = simulate.render(PIECE)
    path = tmp_path / f"x.{file_format}"
    if file_format == "m4a":
        write_m4a(path, audio)
    else:
        (path,) = simulate.write(tmp_path, [PIECE], file_format=file_format)
    frames, rate = decode(path)
    assert len(frames) / rate == pytest.approx(6.0, abs=0.1)
    encoder = load_encoder("logmel")
    _, want = encoder.embed(analysis_audio(audio, 44_100, 16_000))
    _, got = encoder.embed(analysis_audio(frames, rate, 16_000))
    cosine = (want[:5] * got[:5]).sum(1) / np.linalg.norm(want[:5], axis=1)
    assert (cosine / np.linalg.norm(got[:5], axis=1)).min() > 0.97


@pytest.mark.parametrize("file_format", ["flac", "mp3", "ogg", "m4a"])
def test_reading_continues_after_a_seek(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / f"x.{file_format}"
    if file_format == "m4a":
        write_m4a(path, simulate.render(PIECE))
    else:
        (path,) = simulate.write(tmp_path, [PIECE], file_format=file_format)
    whole, rate = decode(path)
    reader = open_audio(path)
    reader.seek(2.5)
    part = reader.read(rate)
    reader.close()
    at = int(2.5 * rate)
    fit = [
        np.corrcoef(part[:20_000, 0], whole[at + shift :][:20_000, 0])[0, 1]
        for shift in range(-2400, 2401, 1 if file_format == "flac" else 8)
    ]
    assert max(fit) > 0.9


def test_the_duration_of_a_truncated_mp3_is_that_of_its_frames(tmp_path: Path) -> None:
    (path,) = simulate.write(tmp_path, [PIECE], file_format="mp3")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames, rate = decode(path)
    assert len(frames) / rate == pytest.approx(3.0, abs=0.5)


def test_nan_samples_become_silence(tmp_path: Path) -> None:
    audio = simulate.render(PIECE)
    audio[100:200] = np.nan
    soundfile.write(tmp_path / "x.wav", audio, 44_100, subtype="FLOAT")
    frames, _ = decode(tmp_path / "x.wav")
    assert np.isfinite(frames).all()
    assert (frames[100:200] == 0).all()


@pytest.mark.parametrize("name", ["missing.wav", "noise.mp3", "noise.m4a", "noise.flac"])
def test_unreadable_files_raise_a_one_line_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("noise"):
        path.write_bytes(np.random.default_rng(0).bytes(2000))
    with pytest.raises(DecodeError) as caught:
        decode(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(BciAffectError, match="Cannot read"):
        embed_file(path)


def test_loudness_is_normalised_unless_as_is(tmp_path: Path) -> None:
    audio = simulate.render(PIECE)
    for name, gain in (("loud", 1.0), ("soft", 0.1)):
        soundfile.write(tmp_path / f"{name}.wav", gain * audio, 44_100, subtype="FLOAT")
    (_, loud), (_, soft) = (embed_file(tmp_path / f"{n}.wav", "logmel") for n in ("loud", "soft"))
    np.testing.assert_allclose(loud, soft, atol=2e-3)
    _, kept = embed_file(tmp_path / "soft.wav", "logmel", as_is=True)
    assert np.abs(kept - loud).max() > 0.1


def test_embeddings_are_saved_or_an_error_is_raised(tmp_path: Path) -> None:
    times, embeddings = np.arange(3.0), np.ones((3, 4), np.float32)
    save_embeddings(tmp_path / "a.npz", times, embeddings)
    with np.load(tmp_path / "a.npz") as saved:
        np.testing.assert_array_equal(saved["times"], times)
    with pytest.raises(BciAffectError, match=r"must end in \.npy or \.npz"):
        save_embeddings(tmp_path / "a.csv", times, embeddings)
    with pytest.raises(BciAffectError, match="Cannot write"):
        save_embeddings(tmp_path / "nowhere" / "a.npy", times, embeddings)


def test_an_onnx_model_is_an_encoder(tmp_path: Path) -> None:
    """The model returns mean and maximum of frames of 1600 samples."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to make a model")
    pytest.importorskip("onnxruntime", reason="needs the onnx extra")
    h = onnx.helper
    nodes = [
        h.make_node("Reshape", ["audio", "shape"], ["frames"]),
        h.make_node("ReduceMean", ["frames"], ["mean"], axes=[2], keepdims=1),
        h.make_node("ReduceMax", ["frames"], ["top"], axes=[2], keepdims=1),
        h.make_node("Concat", ["mean", "top"], ["rows"], axis=2),
    ]
    graph = h.make_graph(
        nodes,
        "g",
        [h.make_tensor_value_info("audio", onnx.TensorProto.FLOAT, [1, "n"])],
        [h.make_tensor_value_info("rows", onnx.TensorProto.FLOAT, [1, "m", 2])],
        [h.make_tensor("shape", onnx.TensorProto.INT64, [3], [1, -1, 1600])],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], ir_version=8)
    h.set_model_props(model, {"licence": "CC0", "rate_hz": "16000"})
    path = tmp_path / "mine.onnx"
    onnx.save(model, str(path))
    encoder = load_encoder(str(path))
    assert (encoder.id, encoder.dim, encoder.licence) == ("onnx-mine", 2, "CC0")
    assert encoder.embedding_period_s == pytest.approx(0.1)
    audio = np.arange(8000, dtype=np.float32)
    times, embeddings = encoder.embed(audio)
    np.testing.assert_allclose(times, [0.05, 0.15, 0.25, 0.35, 0.45])
    np.testing.assert_allclose(embeddings[:, 1], audio.reshape(5, 1600).max(axis=1))
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(BciAffectError, match="is not an ONNX model"):
        OnnxEncoder(tmp_path / "bad.onnx")

"""Now-playing panel: track, position, reason of the choice, and controls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from bci_affect.events import TrackStart
from bci_affect.gui.icons import icon
from bci_affect.gui.panels.base import Drawing, Panel, colour, font, label, set_text
from bci_affect.gui.services import MusicView
from bci_affect.gui.texts import clock, tr
from bci_affect.gui.theme import Theme
from bci_affect.gui.viewmodel import ViewModel
from bci_affect.music import Suggestion, Track
from bci_affect.session import Policy

POLICIES: tuple[tuple[Policy, str, str], ...] = (
    ("follow", "Follow", "Music that fits the running estimate"),
    ("steer", "Steer", "Music that leads from the present towards the target"),
    ("manual", "Manual", "Only what you choose"),
    ("music-only", "Music only", "The next fitting track without regard to the EEG"),
)
"""Policies with a button. A sham session reports "follow", so it has none."""


class NowPlayingPanel(Panel):
    """Cover, title, waveform with seeking, why this track, volume, and policy."""

    key = "nowplaying"
    divisor = 5
    commands_session = True

    target_asked = QtCore.Signal()

    def __init__(self, vm: ViewModel, music: MusicView | None = None) -> None:
        super().__init__(vm)
        self._cover = _Cover(music)
        self._wave = _Wave(vm, music)
        self._title = label("", "title")
        self._artist = label("", "muted")
        self._artist.setToolTip(tr("The gain brings every track to the same loudness"))
        self._why = label("", "caption")
        for text in (self._title, self._artist, self._why):
            text.setSizePolicy(
                QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Fixed
            )
        self._device = label("", "muted")
        self._play = _button("", tr("Play music, or pause it (Space)"), self.play_or_pause)
        self._play.setObjectName("primary")
        self._play.setFixedWidth(44)
        self._previous = _button("", tr("Previous track (Shift+N)"), self.previous)
        self._next = _button("", tr("Next track (N)"), self.skip)
        self._like = _button(tr("Like"), tr("Like this track, or take it back (L)"), self.like)
        self._like.setCheckable(True)
        self._ban = _button(tr("Ban"), tr("Never play this track again (B)"), self.ban)
        self._volume = Slider(QtCore.Qt.Orientation.Horizontal)
        self._volume.setRange(0, 100)
        self._volume.setFixedWidth(96)
        self._volume.setToolTip(tr("Volume"))
        self._volume.valueChanged.connect(self._set_volume)
        self._policy = QtWidgets.QButtonGroup(self)
        self._shows_playing = False
        self._lay_out()

    def title(self) -> str:
        return tr("Now playing")

    def _lay_out(self) -> None:
        texts = QtWidgets.QVBoxLayout()
        texts.setSpacing(0)
        for widget in (self._title, self._artist):
            texts.addWidget(widget)
        texts.addWidget(self._wave, 1)
        texts.addWidget(self._why)
        buttons = QtWidgets.QHBoxLayout()
        buttons.setSpacing(4)
        for widget in (self._previous, self._play, self._next, self._like, self._ban):
            buttons.addWidget(widget)
        buttons.addStretch(1)
        buttons.addWidget(label(tr("Volume"), "muted"))
        buttons.addWidget(self._volume)
        policies = QtWidgets.QHBoxLayout()
        policies.setSpacing(4)
        for key, word, tip in POLICIES:
            button = _button(tr(word), tr(tip), partial(self._set_policy, key))
            button.setCheckable(True)
            button.setProperty("policy", key)
            self._policy.addButton(button)
            policies.addWidget(button)
        right = QtWidgets.QVBoxLayout()
        right.setSpacing(5)
        right.addStretch(1)
        right.addLayout(buttons)
        right.addLayout(policies)
        right.addWidget(self._device)
        right.addStretch(1)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(8, 6, 10, 6)
        row.setSpacing(10)
        row.addWidget(self._cover)
        row.addLayout(texts, 1)
        row.addLayout(right)

    # --- commands, also called by shortcuts ----------------------------------

    def play_or_pause(self) -> None:
        player = self.vm.player
        playing = player is not None and player.playing
        self.vm.music_command(lambda music: music.pause() if playing else music.play())

    def skip(self) -> None:
        self.vm.music_command(lambda music: music.skip())

    def previous(self) -> None:
        """Play the track before the present one again, if there was one."""
        played = [one.music for one in self.vm.music.played if isinstance(one.music, TrackStart)]
        present = self.vm.track
        earlier = [
            one.track_id
            for one in played
            if one.track_id is not None and (present is None or one.track_id != present.id)
        ]
        if earlier:
            track_id = earlier[-1]
            self.vm.music_command(lambda music: music.choose(track_id))

    def _set_volume(self, percent: int) -> None:
        self.vm.music_command(lambda music: music.set_volume(percent / 100))

    def _set_policy(self, policy: Policy) -> None:
        self.vm.music_command(lambda music: music.set_policy(policy))
        if policy == "steer" and self.vm.target is None:
            self.target_asked.emit()

    def like(self) -> None:
        track = self.vm.track
        if track is not None:
            self.vm.music_command(lambda music: music.like(track.id, not track.liked))

    def ban(self) -> None:
        track = self.vm.track
        if track is not None:
            self.vm.music_command(lambda music: music.ban(track.id))

    # --- drawing -------------------------------------------------------------

    def refresh(self) -> None:
        music, track, player = self.vm.snapshot.music, self.vm.track, self.vm.player
        self._cover.take(track)
        self._wave.take(track)
        idle = tr("Nothing plays") if player is not None else tr("No music in this session")
        hint = tr("Play, or add music to the library") if player is not None else ""
        set_text(self._title, track.title if track else idle)
        set_text(self._artist, _credits(track) if track else hint)
        reason = why_words(music.why if music is not None else None)
        words = tr("Chosen from your library") if self.vm.hide_reasons else reason
        set_text(self._why, words if track else "")
        playing = player is not None and player.playing
        if playing is not self._shows_playing:
            self._shows_playing = playing
            self._icons()
        self._like.setChecked(track is not None and track.liked)
        for button in (self._next, self._like, self._ban):
            button.setEnabled(track is not None)
        for control in (self._play, self._volume, *self._policy.buttons()):
            control.setEnabled(player is not None)
        if player is not None and not self._volume.isSliderDown():
            blocked = self._volume.blockSignals(True)
            self._volume.setValue(round(player.volume * 100))
            self._volume.blockSignals(blocked)
        for button in self._policy.buttons():
            button.setChecked(music is not None and button.property("policy") == music.policy)
        set_text(self._device, self._device_words())

    def _device_words(self) -> str:
        player = self.vm.player
        if player is None:
            return ""
        if player.message:
            return player.message
        return player.device or tr("No audio device: time runs without sound")

    def apply_theme(self, theme: Theme) -> None:
        self._cover.theme = self._wave.theme = self._volume.theme = theme
        super().apply_theme(theme)
        self._icons()

    def _icons(self) -> None:
        t = self.theme
        back = t.back if t.dark else "#FFFFFF"
        self._play.setIcon(icon("pause" if self._shows_playing else "play", back))
        self._next.setIcon(icon("next", t.text))
        self._previous.setIcon(icon("previous", t.text))
        self._like.setIcon(icon("heart", t.muted, back))
        self._ban.setIcon(icon("ban", t.muted, back))


def _credits(track: Track) -> str:
    whose = " - ".join(part for part in (track.artist, track.album) if part)
    gain = tr("gain {gain:+.1f} dB", gain=track.gain_db) if math.isfinite(track.gain_db) else ""
    return " · ".join(part for part in (whose, gain) if part)


def why_words(why: Suggestion | None) -> str:
    """Return the reason of a choice in words, with named figures."""
    if why is None:
        return tr("Chosen by hand")
    parts = [tr("Why: {rule}", rule=why.rule or tr("best match"))]
    if math.isfinite(why.score):  # a manual choice was not compared
        parts.append(tr("similarity {score:.2f} of 1", score=why.score))
        parts.append(tr("best match from {at}", at=clock(why.segment_s)))
    tags = why.shared_tags or tuple(name for name, _ in why.track.tags[:3])
    if tags:
        parts.append(tr("tags {tags}", tags=", ".join(tags[:4])))
    return " · ".join(parts)


def _button(text: str, tip: str, action: Callable[[], None]) -> QtWidgets.QPushButton:
    button = QtWidgets.QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.clicked.connect(lambda *_: action())
    return button


class Slider(QtWidgets.QSlider):
    """A slider in the theme's colours."""

    theme: Theme | None = None

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        t = self.theme
        if t is None:
            return
        p = QtGui.QPainter(self)
        p.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        share = (self.value() - self.minimum()) / max(1, self.maximum() - self.minimum())
        x, y = 7 + share * (self.width() - 14), self.height() / 2
        for end, tone in ((self.width() - 7.0, t.line), (x, t.accent)):
            p.setBrush(colour(tone))
            p.drawRoundedRect(QtCore.QRectF(7, y - 2, end - 7, 4), 2, 2)
        p.setBrush(colour(t.accent if self.hasFocus() else t.text))
        p.drawEllipse(QtCore.QPointF(x, y), 6, 6)
        p.end()


MAX_COVER_BYTES = 16 << 20
MAX_COVER_PIXELS = 40_000_000
"""Largest cover picture that is decoded: a small file can announce gigabytes of pixels."""
COVER_SIDE = 512


def load_cover(data: bytes) -> QtGui.QPixmap | None:
    """Return a cover picture, at most `COVER_SIDE` pixels wide and high; None for no picture."""
    if len(data) > MAX_COVER_BYTES:
        return None
    buffer = QtCore.QBuffer()
    buffer.setData(QtCore.QByteArray(data))
    buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    reader = QtGui.QImageReader(buffer)
    size = reader.size()
    if not size.isValid() or size.width() * size.height() > MAX_COVER_PIXELS:
        return None
    if max(size.width(), size.height()) > COVER_SIDE:
        side = QtCore.QSize(COVER_SIDE, COVER_SIDE)
        reader.setScaledSize(size.scaled(side, QtCore.Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    return None if image.isNull() else QtGui.QPixmap.fromImage(image)


class _Cover(Drawing):
    """Cover picture, or a pattern derived from the track's name."""

    def __init__(self, music: MusicView | None) -> None:
        super().__init__()
        self._music = music
        self._track: Track | None = None
        self._picture: QtGui.QPixmap | None = None
        self.setFixedWidth(92)

    def take(self, track: Track | None) -> None:
        if (track and track.id) == (self._track and self._track.id):
            return
        self._track, self._picture = track, None
        data = self._music.cover(track.id) if self._music is not None and track else None
        self._picture = load_cover(data) if data else None
        self.update()

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        side = min(self.width(), self.height())
        box = QtCore.QRectF(0, (self.height() - side) / 2, side, side)
        clip = QtGui.QPainterPath()
        clip.addRoundedRect(box, 6, 6)
        p.setClipPath(clip)
        if self._picture is not None:
            p.drawPixmap(box, self._picture, QtCore.QRectF(self._picture.rect()))
        else:
            p.fillRect(box, colour(t.raised))
            if self._track is not None:
                self._pattern(p, box, self._track, t)

    @staticmethod
    def _pattern(p: QtGui.QPainter, box: QtCore.QRectF, track: Track, t: Theme) -> None:
        seed = hashlib.blake2b(f"{track.artist}/{track.title}".encode(), digest_size=8).digest()
        tones = (t.eeg, t.music, t.fused, t.target, t.report)
        p.setPen(QtCore.Qt.PenStyle.NoPen)
        for k in range(4):
            a, b = seed[2 * k], seed[2 * k + 1]
            p.setBrush(colour(tones[a % 5], 0.55))
            at = QtCore.QPointF(
                box.left() + box.width() * (a / 255), box.top() + box.height() * (b / 255)
            )
            r = box.width() * (0.22 + 0.3 * ((a ^ b) / 255))
            p.drawEllipse(at, r, r)


class _Wave(Drawing):
    """Waveform (or a plain bar) of the track; a click or the arrow keys seek."""

    smooth = False

    def __init__(self, vm: ViewModel, music: MusicView | None) -> None:
        super().__init__()
        self.vm = vm
        self._music = music
        self._id: int | None = None
        self._peaks: NDArray[np.float32] | None = None
        self._pictures: tuple[object, tuple[QtGui.QPixmap, QtGui.QPixmap]] | None = None
        self.setMinimumHeight(26)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.setToolTip(tr("Click to seek; arrow keys move by 10 s"))

    def take(self, track: Track | None) -> None:
        if (track.id if track else None) != self._id or self._peaks is None:
            self._id = track.id if track else None
            known = self._music is not None and track is not None
            self._peaks = self._music.waveform(track.id) if known else None  # type: ignore[union-attr]
        self.update()

    def _bar(self) -> QtCore.QRectF:
        return QtCore.QRectF(40, 2, max(10, self.width() - 86), self.height() - 4)

    def draw(self, p: QtGui.QPainter, t: Theme) -> None:
        player = self.vm.player
        if player is None:
            return
        bar = self._bar()
        p.setFont(font(self, 11))
        flag = QtCore.Qt.AlignmentFlag
        full = player.duration_s
        done = min(1.0, player.position_s / full) if full > 0 else 0.0
        p.setPen(colour(t.muted))
        ends = ((0.0, clock(player.position_s)), (bar.right() + 6, clock(full)))
        for x, text in ends:
            p.drawText(QtCore.QRectF(x, 0, 40, self.height()), flag.AlignVCenter, text)
        middle = bar.center().y()
        if self._peaks is None or not len(self._peaks):
            p.fillRect(QtCore.QRectF(bar.left(), middle - 2, bar.width(), 4), colour(t.line))
            p.fillRect(
                QtCore.QRectF(bar.left(), middle - 2, bar.width() * done, 4), colour(t.music)
            )
        else:
            picture = self._picture(bar, t)
            seam = bar.width() * done
            for x0, x1, part in ((0.0, seam, 0), (seam, bar.width(), 1)):
                if x1 > x0:
                    p.save()
                    p.setClipRect(QtCore.QRectF(bar.left() + x0, 0, x1 - x0, self.height()))
                    p.drawPixmap(bar.topLeft(), picture[part])
                    p.restore()
        music = self.vm.snapshot.music
        why = music.why if music is not None else None
        if why is not None and not self.vm.hide_reasons and full > 0 and 0 <= why.segment_s < full:
            x = bar.left() + why.segment_s / full * bar.width()
            p.fillRect(QtCore.QRectF(x, bar.top(), 2, bar.height()), colour(t.fused, 0.9))
        p.fillRect(
            QtCore.QRectF(bar.left() + done * bar.width() - 1, bar.top(), 2, bar.height()),
            colour(t.text),
        )
        if self.hasFocus():
            p.setPen(QtGui.QPen(colour(t.accent), 1))
            p.drawRect(bar)

    def _picture(self, bar: QtCore.QRectF, t: Theme) -> tuple[QtGui.QPixmap, QtGui.QPixmap]:
        """Return the waveform as played and as still to come; redrawn only on change."""
        ratio = self.devicePixelRatioF()
        key = (self._id, bar.width(), bar.height(), t.name, ratio)
        if self._pictures is not None and self._pictures[0] == key:
            return self._pictures[1]
        levels = self._peaks if self._peaks is not None else np.zeros(1, np.float32)
        n = max(1, int(bar.width() // 3))
        at = (np.arange(n) * len(levels) / n).astype(int)
        made = []
        for tone in (t.music, t.line):
            picture = QtGui.QPixmap(int(bar.width() * ratio), int(bar.height() * ratio))
            picture.setDevicePixelRatio(ratio)
            picture.fill(QtCore.Qt.GlobalColor.transparent)
            p = QtGui.QPainter(picture)
            for k, level in enumerate(levels[at].tolist()):
                height = max(1.5, level * bar.height())
                box = QtCore.QRectF(3 * k, (bar.height() - height) / 2, 2, height)
                p.fillRect(box, colour(tone))
            p.end()
            made.append(picture)
        self._pictures = (key, (made[0], made[1]))
        return self._pictures[1]

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        player, bar = self.vm.player, self._bar()
        if player is not None and player.duration_s > 0:
            share = min(1.0, max(0.0, (event.position().x() - bar.left()) / bar.width()))
            to_s = share * player.duration_s
            self.vm.music_command(lambda music: music.seek(to_s))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        keys = QtCore.Qt.Key
        step = {keys.Key_Left: -10.0, keys.Key_Right: 10.0}.get(keys(event.key()))
        player = self.vm.player
        if step is None or player is None:
            super().keyPressEvent(event)
            return
        to_s = min(player.duration_s, max(0.0, player.position_s + step))
        self.vm.music_command(lambda music: music.seek(to_s))

"""Names from outside stay inside their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jamd.contract.errors import MessageError
from jamd.contract.folders import inside


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with traps: links that lead out, in a circle, and within."""
    base = tmp_path_factory.mktemp("place")
    folder = base / "clips"
    (folder / "sub").mkdir(parents=True)
    (base / "secret.wav").write_bytes(b"secret")
    (base / "clips2").mkdir()
    (folder / "out").symlink_to(base)
    (folder / "out.wav").symlink_to(base / "secret.wav")
    (folder / "up.wav").symlink_to("../secret.wav")
    (folder / "round").symlink_to("round")
    (folder / "self").symlink_to(".")
    (folder / "in.wav").symlink_to("sub/real.wav")
    return folder


PIECES = ["..", ".", "/", "//", "out", "self", "sub", "round", "a", "\\", "~", "\0", " ", ".wav", "C:", "é", "%2e"]
PARTS = ["..", "out", "self", "sub", "a.wav", "secret.wav", "clips2", "..."]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("/".join),
    st.text(alphabet="a/.é🎷", min_size=200, max_size=600),
)


@given(name=TEXTS, suffixes=st.sampled_from([(), (".wav",), (".WAV", ".flac")]))
@settings(max_examples=600, deadline=None)
def test_whatever_comes_lies_inside_or_is_refused(folder: Path, name: str, suffixes: tuple[str, ...]) -> None:
    try:
        path = inside(folder, name, suffixes)
    except MessageError as error:
        assert error.code == "file"
        assert "\n" not in str(error)
        str(error).encode()
        return
    base = folder.resolve()
    assert path.resolve() == path  # nothing left to follow
    assert base in path.parents
    path.exists()  # the system takes the name
    if suffixes:
        assert name.lower().endswith(tuple(suffix.lower() for suffix in suffixes))


@pytest.mark.parametrize(
    "name", ["a.wav", "sub/b.flac", "new/deep/c.wav", "Ein Lied für Anna.wav", "take 1.5", "a..b", ".hidden", "self/a.wav", "~"]
)
def test_good_names(folder: Path, name: str) -> None:
    assert inside(folder, name) == (folder / name).resolve()


def test_a_link_within_is_followed(folder: Path) -> None:
    assert inside(folder, "in.wav", (".wav",)) == folder.resolve() / "sub" / "real.wav"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is empty"),
        ("/etc/passwd", "absolute"),
        ("..", "leads out"),
        ("../clips2/a.wav", "leads out"),
        ("sub/../../secret.wav", "leads out"),
        ("a\\..\\b", "reserved"),
        ("C:a", "reserved"),
        ("what?", "reserved"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x85b", "control"),
        ("a\u2028b", "control"),
        ("a\u202egpj.wav", "control"),
        ("a\udcffb", "control"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        (".", "empty part"),
        (" a", "space"),
        ("a /b", "space"),
        ("a.", "dot"),
        ("é" * 128, "too long"),
        ("/".join(["a" * 200] * 30), "too long"),
        ("out", "leads out"),
        ("out/secret.wav", "leads out"),
        ("out.wav", "leads out"),
        ("up.wav", "leads out"),
        ("self", "leads out"),
        ("round", "cannot be followed"),
        ("round/a.wav", "cannot be followed"),
    ],
)
def test_bad_names(folder: Path, name: str, why: str) -> None:
    with pytest.raises(MessageError, match=why) as error:
        inside(folder, name)
    assert error.value.code == "file"


def test_endings(folder: Path) -> None:
    assert inside(folder, "a.WAV", (".wav", ".flac")).name == "a.WAV"
    with pytest.raises(MessageError, match=r"'a.mp3' does not end in .wav or .flac"):
        inside(folder, "a.mp3", (".wav", ".flac"))

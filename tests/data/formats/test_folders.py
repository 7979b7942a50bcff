"""Folders of pictures by class, and of files with an array each."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written import make_idx, write_pictures

from mnistffn.data import builtin_digits, load_dataset
from mnistffn.errors import DataError

DIGITS = builtin_digits()
N = 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "digits", DIGITS.images[:N], DIGITS.labels[:N])


def test_what_systems_leave_is_ignored_and_what_is_no_picture_is_told(folder: Path) -> None:
    before = load_dataset(folder)
    assert before.layout.warnings == ()
    assert before.layout.evidence == "pictures lie as they are seen"
    for name in (".DS_Store", "Thumbs.db", "7/.DS_Store", "7/Thumbs.db", "7/desktop.ini"):
        (folder / name).write_bytes(b"\0\1")
    assert load_dataset(folder).layout.warnings == ()
    (folder / "README.txt").write_text("text")
    (folder / "7" / "notes.txt").write_text("text")
    (folder / "sheet.png").write_bytes(next(folder.rglob("*.png")).read_bytes())
    found = load_dataset(folder)
    [told] = found.layout.warnings
    for name in ("README.txt", "7/notes.txt", "sheet.png"):
        assert name in told
    np.testing.assert_array_equal(found.images, before.images)


def test_a_change_of_one_picture_or_name_changes_the_hash(folder: Path) -> None:
    hashes = [load_dataset(folder).sha256]
    picture = next((folder / "3").iterdir())
    picture.rename(picture.with_name("other.png"))
    hashes.append(load_dataset(folder).sha256)
    Image.fromarray(DIGITS.images[0]).save(picture.with_name("other.png"))
    hashes.append(load_dataset(folder).sha256)
    assert len(set(hashes)) == 3


def test_parts_and_words_are_told_by_the_folders(tmp_path: Path) -> None:
    names = np.array([f"digit {label}" for label in DIGITS.labels])
    write_pictures(tmp_path / "png" / "training", DIGITS.images[:300], names[:300])
    write_pictures(tmp_path / "png" / "testing", DIGITS.images[300:N], names[300:N])
    found = load_dataset(tmp_path)
    assert dict(found.parts) == {"train": (0, 300), "test": (300, N)}
    assert sorted(found.labels.tolist()) == sorted(names[:N].tolist())


def test_pictures_lie_as_they_are_seen_whatever_they_look_like(tmp_path: Path) -> None:
    turned = np.ascontiguousarray(DIGITS.images[:N].mT)
    write_pictures(tmp_path / "turned", turned, DIGITS.labels[:N])
    found = load_dataset(tmp_path / "turned")
    assert found.layout.orientation == "row-major"
    np.testing.assert_array_equal(np.sort(found.images.sum(axis=0)), np.sort(turned.sum(axis=0)))
    assert any("look column-major" in warning for warning in found.layout.warnings)
    given = load_dataset(tmp_path / "turned", orientation="column-major")
    np.testing.assert_array_equal(given.images, found.images.mT)


@pytest.mark.parametrize("how", ["RGB", "P", "RGBA", "16 bits", "dark", "1 bit"])
def test_pictures_of_any_kind_are_read_in_grey(tmp_path: Path, how: str) -> None:
    images = DIGITS.images[:N] if how != "1 bit" else (DIGITS.images[:N] > 127) * np.uint8(255)
    order = np.argsort(DIGITS.labels[:N], kind="stable")
    for place, (image, label) in enumerate(zip(images, DIGITS.labels, strict=False)):
        path = tmp_path / str(label) / f"{place:04}.png"
        path.parent.mkdir(exist_ok=True)
        stored = Image.fromarray(255 - image if how == "dark" else image)
        if how == "16 bits":
            stored = Image.fromarray(image.astype(np.uint16) * 257)
        elif how not in ("dark", "1 bit"):
            stored = stored.convert(how)
        elif how == "1 bit":
            stored = stored.convert("1")
        stored.save(path)
    found = load_dataset(tmp_path)
    np.testing.assert_array_equal(found.images, images[order])


def make_bomb(side: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(10**7))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_what_is_wrong_with_a_picture_is_told_in_a_line(folder: Path) -> None:
    picture = sorted((folder / "3").iterdir())[2]
    whole = picture.read_bytes()
    for content, message in {
        whole[:60]: "3/.*png is damaged",
        b"text": "3/.*png is no picture",
        b"": "3/.*png is empty",
        make_bomb(60_000): "3/.*png has .* pixels",
    }.items():
        picture.write_bytes(content)
        with pytest.raises(DataError, match=message) as caught:
            load_dataset(folder)
        assert "\n" not in str(caught.value)
    Image.fromarray(np.zeros((9, 7), np.uint8)).save(picture)
    with pytest.raises(DataError, match="is 9 by 7 pixels, those before it 8 by 8: bring them to one"):
        load_dataset(folder)


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds neither pictures nor arrays; found nothing"):
        load_dataset(tmp_path)
    Image.fromarray(DIGITS.images[0]).save(tmp_path / "one.png")
    with pytest.raises(DataError, match="holds pictures, but not by class"):
        load_dataset(tmp_path)
    for name in ("a", "b"):
        write_pictures(tmp_path / name, DIGITS.images[:20], DIGITS.labels[:20])
    with pytest.raises(DataError, match=r"holds classes in several folders \(a, b\)"):
        load_dataset(tmp_path)


def test_links_that_lead_back_are_not_followed(folder: Path) -> None:
    (folder / "3" / "back").symlink_to(folder)
    assert len(load_dataset(folder).labels) == N


def test_a_folder_of_idx_files_has_their_parts(tmp_path: Path) -> None:
    for part, rows in {"train": slice(1200), "t10k": slice(1200, None)}.items():
        for name, values in (
            ("images-idx3", DIGITS.images[rows]),
            ("labels-idx1", DIGITS.labels[rows]),
        ):
            (tmp_path / f"{part}-{name}-ubyte").write_bytes(make_idx(values))
            (tmp_path / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(make_idx(values)))
    found = load_dataset(tmp_path)
    assert dict(found.parts) == {"train": (0, 1200), "test": (1200, 1797)}
    np.testing.assert_array_equal(found.images, DIGITS.images)
    np.testing.assert_array_equal(found.labels, DIGITS.labels)

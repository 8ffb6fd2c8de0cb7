"""Reading images: formats, splits, refusals, and the quantisation convention."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairs import InputError
from pairs.io.images import read_images
from pairs.io.pixels import to_range, to_uint8


def _idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 6, 5), dtype=np.uint8)


@pytest.fixture
def idx_folder(tmp_path: Path, pixels: np.ndarray) -> Path:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(_idx(pixels))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.arange(7, dtype=np.uint8)))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(_idx(pixels[:3])))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(_idx(np.arange(3, dtype=np.uint8))))
    return tmp_path


@pytest.mark.parametrize("sample_range", [(-1.0, 1.0), (0.0, 1.0), (-0.5, 2.0), (0.0, 255.0)])
def test_bytes_survive_the_way_to_a_sample_range_and_back(sample_range):
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_uint8(to_range(every, sample_range), sample_range), every)


def test_quantisation_clips_and_rounds_halves_to_even():
    # 0.5/255 and 1.5/255 lie on the halves: even neighbours are 0 and 2
    assert to_uint8(np.array([-9.0, 0.5 / 255, 1.5 / 255, 9.0]), (0.0, 1.0)).tolist() == [0, 0, 2, 255]
    with pytest.raises(InputError, match="NaN"):
        to_uint8([np.nan], (0.0, 1.0))


def test_idx_splits_are_told_by_name_and_gzip_is_transparent(idx_folder, pixels):
    train, test = read_images(idx_folder, "train"), read_images(idx_folder, "test", expect=(6, 5, 1))
    assert np.array_equal(train.x[..., 0], pixels) and np.array_equal(test.x[..., 0], pixels[:3])
    assert train.labels is not None and train.labels.tolist() == list(range(7))
    assert (train.split, test.split, train.shape) == ("train", "test", (6, 5, 1))
    assert read_images(idx_folder, "train", limit=2).x.shape == (2, 6, 5, 1)
    alone = read_images(idx_folder / "t10k-images-idx3-ubyte.gz", "train")  # a file named itself is taken
    assert len(alone) == 3 and alone.labels is not None
    assert train.sha256 != test.sha256 and train.sha256 == read_images(idx_folder, "train").sha256


def test_a_choice_between_splits_is_not_made_silently(idx_folder):
    with pytest.raises(InputError, match="test, train"):
        read_images(idx_folder)
    with pytest.raises(InputError, match="'validation' is not"):
        read_images(idx_folder, "validation")


@pytest.mark.parametrize(
    "content, problem",
    [
        (b"", "does not begin"),
        (b"\1\2\3\4" * 9, "does not begin"),
        (b"\0\0\x0d\x03" + struct.pack(">3I", 1, 1, 1) + b"\0" * 4, "type 0x0d"),
        (_idx(np.zeros((2, 3, 3), np.uint8))[:-1], "17 values, not the 18 values of its header"),
        (_idx(np.zeros((2, 3, 3), np.uint8)) + b"\0", "more than the 18 values of its header"),
        # the time of day in a name would make two test processes collect different tests
        (gzip.compress(_idx(np.zeros((2, 3, 3), np.uint8)), mtime=0)[:-9], "cannot be read"),
        (_idx(np.zeros((4,), np.uint8)), "shape"),
        (_idx(np.zeros((0, 3, 3), np.uint8)), "shape"),
    ],
)
def test_damaged_idx_files_are_refused(tmp_path, content, problem):
    (tmp_path / "x-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        read_images(tmp_path)
    assert "\n" not in str(caught.value)


def test_labels_must_count_the_images(tmp_path, pixels):
    (tmp_path / "images-idx3-ubyte").write_bytes(_idx(pixels))
    (tmp_path / "labels-idx1-ubyte").write_bytes(_idx(np.zeros(6, np.uint8)))
    with pytest.raises(InputError, match="7 images and"):
        read_images(tmp_path)


@pytest.mark.parametrize("key", ["x", "images", "arr_0", "after"])
def test_npz_arrays_are_found_by_their_usual_names(tmp_path, pixels, key):
    np.savez(tmp_path / "a.npz", **{key: pixels, "labels": np.arange(7)})
    images = read_images(tmp_path)
    assert np.array_equal(images.x[..., 0], pixels)
    assert images.labels is not None and images.labels.tolist() == list(range(7))
    assert read_images(tmp_path / "a.npz", array=key).name == "a"


@pytest.mark.parametrize(
    "arrays, problem",
    [
        ({"x": np.zeros((2, 3, 3), np.float32)}, "float32"),
        ({"x": np.full((2, 3, 3), 256)}, "int64"),
        ({"x": np.zeros((2, 3, 4, 4), np.uint8)}, "shape"),
        ({"other": np.zeros((2, 3, 3), np.uint8)}, "holds other"),
        ({"x": np.array([{}, None], dtype=object)}, "pickled"),
    ],
)
def test_npz_that_is_not_bytes_of_images_is_refused(tmp_path, arrays, problem):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=problem):
        read_images(tmp_path)


def test_a_truncated_npz_is_refused(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", x=pixels)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        read_images(tmp_path)


def test_subfolders_of_pictures_are_labels_and_splits_are_folders(tmp_path, pixels):
    for split in ("train", "test"):
        for name in ("cat", "dog") if split == "train" else ("dog",):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(2):
                Image.fromarray(pixels[i]).save(tmp_path / split / name / f"{i}.png")
    train, test = read_images(tmp_path, "train"), read_images(tmp_path, "test")
    assert train.labels is not None and train.labels.tolist() == [0, 0, 1, 1]
    # classes are those of all splits: a class absent from one does not renumber the others
    assert test.classes == ("cat", "dog") and test.labels is not None and test.labels.tolist() == [1, 1]
    assert np.array_equal(train.x[:2, ..., 0], pixels[:2])


def test_colour_pictures_are_refused_for_a_grey_pair_and_sizes_must_agree(tmp_path):
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "a.jpg")
    assert read_images(tmp_path).shape == (4, 4, 3)
    with pytest.raises(InputError, match="give grey images, these are colour"):
        read_images(tmp_path, expect=(4, 4, 1))
    with pytest.raises(InputError, match="resize them to 8x8"):
        read_images(tmp_path, expect=(8, 8, 3))
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(InputError, match="images differ: a.jpg is"):
        read_images(tmp_path)


@pytest.mark.parametrize("mode", ["RGBA", "CMYK", "I;16"])
def test_pictures_that_would_have_to_be_altered_are_refused(tmp_path, mode):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    Image.new(mode, (4, 4)).save(tmp_path / name)
    with pytest.raises(InputError, match="colour mode"):
        read_images(tmp_path)


def test_palettes_are_resolved_and_opaque_alpha_is_dropped(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 2, (4, 4, 3), dtype=np.uint8) * 255
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "a.png")
    assert np.array_equal(read_images(tmp_path / "a.png").x[0], rgb)
    Image.fromarray(rgb).quantize(8).save(tmp_path / "b.png")
    assert np.array_equal(read_images(tmp_path / "b.png").x[0], rgb)


def test_a_truncated_picture_and_empty_or_missing_folders_are_refused(tmp_path, pixels):
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:-30])
    with pytest.raises(InputError, match="not a readable picture"):
        read_images(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="is empty"):
        read_images(tmp_path / "empty")
    with pytest.raises(InputError, match="does not exist"):
        read_images(tmp_path / "nowhere")
    (tmp_path / "empty" / "notes.txt").write_text("no images")
    with pytest.raises(InputError, match="holds no IDX"):
        read_images(tmp_path / "empty")


def test_real_sets_have_their_known_sizes(data_root):
    mnist, fashion = read_images(data_root / "mnist", "test"), read_images(data_root / "fashion-mnist", "train")
    assert mnist.x.shape == (10000, 28, 28, 1) and fashion.x.shape == (60000, 28, 28, 1)
    assert mnist.labels is not None and mnist.labels[:5].tolist() == [7, 2, 1, 0, 4]  # as published


def _folder_of_pictures(folder: Path, pixels: np.ndarray, suffix: str = "png") -> Path:
    folder.mkdir(exist_ok=True)
    for i, x in enumerate(pixels):
        Image.fromarray(x).save(folder / f"{i}.{suffix}")
    return folder


def test_a_stray_archive_beside_pictures_is_not_taken_silently(tmp_path, pixels):
    _folder_of_pictures(tmp_path, pixels)
    np.savez(tmp_path / "fid_stats.npz", x=pixels[:2])
    with pytest.raises(InputError, match=r"1 NPZ and 7 PNG/JPEG.*fid_stats.npz.*give the path of one file"):
        read_images(tmp_path)
    assert len(read_images(tmp_path / "fid_stats.npz")) == 2  # the remedy works
    assert len(read_images(tmp_path, array="x")) == 2  # a named array says which kind is meant


def test_pictures_of_other_kinds_are_named_as_left_out(tmp_path, pixels):
    _folder_of_pictures(tmp_path, pixels)
    _folder_of_pictures(tmp_path, pixels[:2], "bmp")
    with pytest.warns(UserWarning, match=r"2 files are of another kind and left out: 0.bmp, 1.bmp"):
        images = read_images(tmp_path)
    assert len(images) == 7 and images.left_out == ("0.bmp", "1.bmp")


def test_a_rotation_noted_by_the_camera_is_carried_out(tmp_path):
    upright = np.zeros((8, 16), np.uint8)
    upright[:, :8] = 255
    note = Image.Exif()
    note[0x112] = 6  # turn by a quarter to show it
    Image.fromarray(np.rot90(upright)).save(tmp_path / "a.jpg", exif=note, quality=100)
    read = read_images(tmp_path).x[0, ..., 0]
    assert read.shape == (8, 16) and np.abs(read.astype(int) - upright).max() <= 2  # JPEG rounds


def test_images_of_zeros_and_ones_are_refused_and_black_ones_are_not(tmp_path):
    binary = np.random.default_rng(0).integers(0, 2, (5, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=binary)
    with pytest.raises(InputError, match="0 and 1 alone.*multiply by 255"):
        read_images(tmp_path / "a.npz")
    with pytest.raises(InputError, match="0 and 1 alone"):
        read_images(_folder_of_pictures(tmp_path / "pictures", binary))
    np.savez(tmp_path / "b.npz", x=0 * binary)
    assert read_images(tmp_path / "b.npz").x.max() == 0


def test_a_limit_draws_by_the_seed_and_not_the_head(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", x=np.repeat(np.arange(200, dtype=np.uint8), 16).reshape(200, 4, 4), y=np.arange(200))
    one, again, other = (read_images(tmp_path / "a.npz", limit=50, seed=s) for s in (0, 0, 1))
    assert np.array_equal(one.x, again.x) and not np.array_equal(one.x, other.x)
    assert one.labels is not None and np.array_equal(one.x[:, 0, 0, 0], one.labels)
    assert len(set(one.labels.tolist())) == 50 and one.labels.max() > 100  # the head would end at 49
    drawn = read_images(_folder_of_pictures(tmp_path / "pictures", pixels), limit=3, seed=2)
    assert len(drawn) == 3 and all(any(np.array_equal(x, p) for p in pixels) for x in drawn.x[..., 0])


@pytest.mark.parametrize(
    "content", [b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch ran) (w) file\n%%EOF", b"GIF89a" + bytes(40)]
)
def test_only_png_and_jpeg_are_decoded_whatever_a_file_is_called(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="is no PNG and no JPEG"):
        read_images(tmp_path)


def test_pictures_and_idx_files_that_grow_beyond_bounds_are_refused_before_memory_is_taken(tmp_path):
    Image.new("1", (8000, 8000)).save(tmp_path / "a.png")  # 8 kB of file
    with pytest.raises(InputError, match="8000x8000 pixels"):
        read_images(tmp_path)
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", 3_000_000, 28, 28)
    (tmp_path / "b-idx3-ubyte").write_bytes(gzip.compress(header + bytes(10_000_000)))
    with pytest.raises(InputError, match="unpack to 2352000000 bytes"):
        read_images(tmp_path / "b-idx3-ubyte")
    for shape in ((0, 2**32 - 1, 2**32 - 1, 2**32 - 1), (1,) * 100):
        (tmp_path / "c-idx3-ubyte").write_bytes(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape))
        with pytest.raises(InputError, match="shape|axes"):
            read_images(tmp_path / "c-idx3-ubyte")


def test_pipes_are_left_alone_as_images_and_as_labels(tmp_path, pixels):
    (tmp_path / "images-idx3-ubyte").write_bytes(_idx(pixels))
    os.mkfifo(tmp_path / "labels-idx1-ubyte")
    assert read_images(tmp_path / "images-idx3-ubyte").labels is None  # and does not wait for a writer
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(InputError, match="not a regular file"):
        read_images(tmp_path / "a.png")


def test_names_that_would_act_on_a_terminal_are_shown_as_escapes(tmp_path):
    (tmp_path / "\x1b[2Jowned.png").write_bytes(b"no picture")
    with pytest.raises(InputError) as caught:
        read_images(tmp_path)
    assert str(caught.value).isprintable() and "x1b[2Jowned" in str(caught.value)


def test_a_folder_that_is_no_data_set_is_not_walked(tmp_path) -> None:
    deep = tmp_path / "train" / "cat" / "more"
    deep.mkdir(parents=True)
    with pytest.raises(InputError, match="holds no IDX, NPZ|is empty"):
        read_images(tmp_path)
    (deep / "again").mkdir()
    with pytest.raises(InputError, match="holds folders deeper than any data set has"):
        read_images(tmp_path)

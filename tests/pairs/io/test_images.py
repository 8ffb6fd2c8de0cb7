"""Reading images: formats, splits, refusals, and the quantisation convention."""

from __future__ import annotations

import gzip
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from image_files import folder_of_pictures
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


def test_real_sets_have_their_known_sizes(data_root):
    mnist, fashion = read_images(data_root / "mnist", "test"), read_images(data_root / "fashion-mnist", "train")
    assert mnist.x.shape == (10000, 28, 28, 1) and fashion.x.shape == (60000, 28, 28, 1)
    assert mnist.labels is not None and mnist.labels[:5].tolist() == [7, 2, 1, 0, 4]  # as published


def test_images_of_zeros_and_ones_are_refused_and_black_ones_are_not(tmp_path):
    binary = np.random.default_rng(0).integers(0, 2, (5, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=binary)
    with pytest.raises(InputError, match="0 and 1 alone.*multiply by 255"):
        read_images(tmp_path / "a.npz")
    with pytest.raises(InputError, match="0 and 1 alone"):
        read_images(folder_of_pictures(tmp_path / "pictures", binary))
    np.savez(tmp_path / "b.npz", x=0 * binary)
    assert read_images(tmp_path / "b.npz").x.max() == 0


def test_a_limit_draws_by_the_seed_and_not_the_head(tmp_path, pixels):
    np.savez(tmp_path / "a.npz", x=np.repeat(np.arange(200, dtype=np.uint8), 16).reshape(200, 4, 4), y=np.arange(200))
    one, again, other = (read_images(tmp_path / "a.npz", limit=50, seed=s) for s in (0, 0, 1))
    assert np.array_equal(one.x, again.x) and not np.array_equal(one.x, other.x)
    assert one.labels is not None and np.array_equal(one.x[:, 0, 0, 0], one.labels)
    assert len(set(one.labels.tolist())) == 50 and one.labels.max() > 100  # the head would end at 49
    drawn = read_images(folder_of_pictures(tmp_path / "pictures", pixels), limit=3, seed=2)
    assert len(drawn) == 3 and all(any(np.array_equal(x, p) for p in pixels) for x in drawn.x[..., 0])


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


def test_a_folder_of_shards_is_its_shards_without_the_picture_beside_them_and_none_may_be_missing(tmp_path):
    parts = [np.full((2, 4, 4, 1), 10 * i + 5, np.uint8) for i in range(3)]
    for i, part in enumerate(parts):
        np.savez(tmp_path / f"shard-0000{i}.npz", before=0 * part, after=part)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "grid.png")
    (tmp_path / "index.json").write_text(json.dumps({"shards": [{"file": f"shard-0000{i}.npz"} for i in range(3)]}))
    np.testing.assert_array_equal(read_images(tmp_path).x, np.concatenate(parts))
    (tmp_path / "shard-00001.npz").unlink()
    with pytest.raises(InputError, match="lacks shard-00001.npz"):
        read_images(tmp_path)

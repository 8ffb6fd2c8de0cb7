"""Reading PNG and JPEG: folders of pictures, colour modes, rotation, files that are something else."""

from __future__ import annotations

import numpy as np
import pytest
from image_files import folder_of_pictures
from PIL import Image

from pairs import InputError
from pairs.io.images import read_images


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, 6, 5), dtype=np.uint8)


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


def test_a_stray_archive_beside_pictures_is_not_taken_silently(tmp_path, pixels):
    folder_of_pictures(tmp_path, pixels)
    np.savez(tmp_path / "fid_stats.npz", x=pixels[:2])
    with pytest.raises(InputError, match=r"1 NPZ and 7 PNG/JPEG.*fid_stats.npz.*give the path of one file"):
        read_images(tmp_path)
    assert len(read_images(tmp_path / "fid_stats.npz")) == 2  # the remedy works
    assert len(read_images(tmp_path, array="x")) == 2  # a named array says which kind is meant


def test_pictures_of_other_kinds_are_named_as_left_out(tmp_path, pixels):
    folder_of_pictures(tmp_path, pixels)
    folder_of_pictures(tmp_path, pixels[:2], "bmp")
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


@pytest.mark.parametrize(
    "content", [b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%touch ran) (w) file\n%%EOF", b"GIF89a" + bytes(40)]
)
def test_only_png_and_jpeg_are_decoded_whatever_a_file_is_called(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="is no PNG and no JPEG"):
        read_images(tmp_path)


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

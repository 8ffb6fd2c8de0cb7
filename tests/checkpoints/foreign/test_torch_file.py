"""PyTorch files are read bit for bit without PyTorch, and can make nothing else happen."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from checkpoints.foreign.tensors import read_foreign, read_tensors
from checkpoints.foreign.torch_file import read_torch
from pairs import InputError

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_every_tensor_of_both_formats_equals_what_pytorch_wrote(name: str) -> None:
    expected = np.load(GOLDEN / "expected.npz")
    tensors = read_tensors(GOLDEN / name)
    assert set(tensors) == set(expected.files)
    for key in expected.files:
        np.testing.assert_array_equal(tensors[key].astype(expected[key].dtype), expected[key], err_msg=key)
    assert tensors["kinds.bfloat16"].dtype.name == "bfloat16" and tensors["kinds.half"].dtype == np.float16


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_other_values_are_plain(name: str) -> None:
    values = read_foreign(GOLDEN / name).values
    assert values["step"] == 7 and values["best"] == 0.25 and values["name"] == "awkward"
    assert values["device"] == "cuda:1" and values["dtype"] == "torch.float16"
    assert [values["size.0"], values["size.1"]] == [4, 6] and values["list.1.1"] is None


def test_key_selects_a_part_and_a_wrong_key_lists_the_parts() -> None:
    assert set(read_tensors(GOLDEN / "zip.pth", "state_dict")) >= {"fc.weight", "bn.running_var"}
    with pytest.raises(InputError, match="it has kinds, list, optimizer"):
        read_tensors(GOLDEN / "zip.pth", "model")


def test_programs_are_refused_and_the_way_out_is_named() -> None:
    with pytest.raises(InputError, match="TorchScript.*state_dict"):
        read_torch(GOLDEN / "script.pt")


class _Evil:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def _zip(
    path: Path, data: bytes, *, storages: dict[str, bytes] | None = None, compress: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(path, "w", compress) as archive:
        archive.writestr("x/data.pkl", data)
        for key, content in (storages or {}).items():
            archive.writestr(f"x/data/{key}", content)
    return path


def _tensor_pickle(count: int, offset: int, shape: tuple, strides: tuple, storage: bytes = b"FloatStorage") -> bytes:
    number = lambda n: b"\x8a\x09" + n.to_bytes(9, "little", signed=True)
    numbers = lambda ns: b"(" + b"".join(number(n) for n in ns) + b"t"
    pid = (
        b"(X\x07\x00\x00\x00storagectorch\n"
        + storage
        + b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu"
        + number(count)
        + b"tQ"
    )
    arguments = b"(" + pid + number(offset) + numbers(shape) + numbers(strides) + b"\x89N" + b"t"
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R."


def test_the_hand_made_tensor_is_read(tmp_path: Path) -> None:
    data = np.arange(6, dtype="<f4").tobytes()
    path = _zip(tmp_path / "a.pth", _tensor_pickle(6, 1, (2, 2), (3, 1)), storages={"0": data})
    np.testing.assert_array_equal(read_torch(path).tensors["value"], [[1, 2], [4, 5]])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (3, (2, 2), (3, 1)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (-2,), (1,)),
        (6, (1,), (1,)),
        (0, (2**62, 4), (2**62, 1)),
        (0, (2**40,), (0,)),
        (0, (2, 2), (1,)),
        (2**70, (1,), (1,)),
    ],
)
def test_no_view_reads_outside_its_storage(tmp_path: Path, offset: int, shape: tuple, strides: tuple) -> None:
    path = _zip(tmp_path / "a.pth", _tensor_pickle(6, offset, shape, strides), storages={"0": bytes(24)})
    with pytest.raises(InputError, match="tensor"):
        read_torch(path)


def test_declared_and_actual_storage_sizes_must_agree(tmp_path: Path) -> None:
    for count in (5, 7, 2**61, -1):
        path = _zip(tmp_path / "a.pth", _tensor_pickle(count, 0, (1,), (1,)), storages={"0": bytes(24)})
        with pytest.raises(InputError, match="storage"):
            read_torch(path)
    with pytest.raises(InputError, match="storage '0' is missing"):
        read_torch(_zip(tmp_path / "b.pth", _tensor_pickle(6, 0, (1,), (1,))))


def test_payloads_are_refused_by_name_and_never_run(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    attacks = [
        _Evil(exec, f"open({str(flag)!r}, 'w')"),
        _Evil(__import__("os").system, f"touch {flag}"),
        _Evil(getattr, "a", "upper"),
        _Evil(__import__("builtins").print, "x"),
    ]
    for protocol in range(2, 5):
        for attack in attacks:
            data = pickle.dumps({"a": attack}, protocol=protocol)
            with pytest.raises(InputError, match=r"builtins|posix|__builtin__"):
                read_torch(_zip(tmp_path / "evil.pth", data))
    assert not flag.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}b.",  # sets attributes of a function
        b"\x80\x02ccollections\nOrderedDict\n)\x81N\x85R.",  # calls an instance
        b"\x80\x02ctorch._utils.os\nsystem\n.",
        b"\x80\x04\x8c\x0btorch._utils\x8c\x09os.system\x93.",
        b"\x80\x02cctypes\nCDLL\n.",
        b"\x80\x02itorch\nload\n.",
        b"\x80\x02(ctorch\nSize\nNo.",
        b"\x80\x02}(]Ks.",
        b"\x80\x02r\xff\xff\xff\xff.",  # memo at 2**32 - 1 of an empty stack
        b"\x80\x02Nr\xff\xff\xff\xff0.",
        b"\x80\x02\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",  # bytes of length 2**63 - 1
        b"\x80\x02X\x05\x00\x00\x00storageQ.",
        b"\x80\x02" + b"]" * 100 + b"a" * 99,
        b"",
        b".",
        b"\x80\x02NN.",
    ],
)
def test_strange_pickles_are_one_line_errors(tmp_path: Path, code: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_foreign(_zip(tmp_path / "a.pth", code))
    assert "\n" not in str(caught.value)


def test_shared_containers_do_not_multiply(tmp_path: Path) -> None:
    # forty doublings of an empty list: 2**40 visits if references were followed blindly
    data = b"\x80\x02]q\x00" + b"".join(b"0](h%ch%ceq%c" % (i, i, i + 1) for i in range(40)) + b"."
    with pytest.raises(InputError, match="too much beside its tensors|nested too deeply"):
        read_foreign(_zip(tmp_path / "a.pth", data))
    with pytest.raises(InputError, match="contains itself"):
        read_foreign(_zip(tmp_path / "b.pth", b"\x80\x02]q\x00h\x00a."))


def test_zip_bombs_are_refused_before_unpacking(tmp_path: Path) -> None:
    path = _zip(tmp_path / "a.pth", b"\x80\x02N.", storages={"0": bytes(10_000_000)}, compress=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="more bytes than the file has"):
        read_torch(path)
    stored = _zip(tmp_path / "b.pth", b"\x80\x02N.", storages={"0": b"1234"})
    blob = bytearray(stored.read_bytes())
    where = blob.rindex(b"PK\x01\x02")
    blob[where + 20 : where + 28] = struct.pack("<II", 2**31, 2**31)  # sizes in the central directory
    stored.write_bytes(blob)
    with pytest.raises(InputError, match="more bytes than the file has"):
        read_torch(stored)


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_truncation_anywhere_is_an_error(tmp_path: Path, name: str) -> None:
    whole = (GOLDEN / name).read_bytes()
    for size in [0, 1, 2, 15, 16, 100, *range(200, len(whole), 397), len(whole) - 1]:
        (tmp_path / "a.pth").write_bytes(whole[:size])
        with pytest.raises(InputError):
            read_torch(tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_random_damage_gives_a_value_or_one_line_never_another_exception(tmp_path: Path, name: str) -> None:
    whole, draw = (GOLDEN / name).read_bytes(), random.Random(0)
    refused = 0
    for _ in range(150):
        blob = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            blob[draw.randrange(len(blob))] = draw.randrange(256)
        (tmp_path / "a.pth").write_bytes(blob)
        try:
            read_foreign(tmp_path / "a.pth")
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html>", "text"),
        (b"version https://git-lfs", "text"),
        (b"\x89HDF\r\n\x1a\r0000", "HDF5"),
        (pickle.dumps([1]), "holds no tensors"),
        (b"\x00\xff" * 10, "not a PyTorch file"),
    ],
)
def test_other_files_are_told_apart(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_foreign(tmp_path / "a.pth")


def test_agrees_with_pytorch_on_fresh_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten())
    for new in (True, False):
        torch.save({"model": net.state_dict()}, tmp_path / "a.pth", _use_new_zipfile_serialization=new)
        ours = read_tensors(tmp_path / "a.pth", "model")
        assert list(ours) == list(net.state_dict())
        for name, tensor in net.state_dict().items():
            np.testing.assert_array_equal(ours[name], tensor.numpy())
    buffer = io.BytesIO()
    torch.save(torch.arange(5).to(torch.uint16), buffer)
    (tmp_path / "b.pth").write_bytes(buffer.getvalue())
    np.testing.assert_array_equal(read_torch(tmp_path / "b.pth").tensors["value"], np.arange(5, dtype=np.uint16))

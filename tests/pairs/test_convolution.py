"""Convolutions: both forms are one function with one set of derivatives, and PyTorch's conventions hold."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from pairs.convolution import Conv, ConvTranspose, conv, conv_in_blocks, conv_transpose

# (kernel, stride, padding, output_padding); strides above the kernel leave gaps, padding above kernel - 1 crops
SIZES = [(1, 1, 0, 0), (3, 1, 1, 0), (3, 2, 1, 1), (4, 2, 1, 0), (2, 3, 1, 2), (5, 2, 2, 1), (3, 2, 0, 0), (2, 1, 2, 0)]
# float32 sums of at most a few hundred products of order one
TOLERANCE = dict(rtol=2e-4, atol=2e-4)


def _arrays(kernel: int, side: int = 5) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(kernel)
    x = rng.standard_normal((2, side, side + 2, 2)).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(rng.standard_normal((kernel, kernel, 2, 3)).astype(np.float32))


def _everything(f, x, w):
    """Value, both gradients, a directional derivative and a Hessian-vector product of a nonlinear function of f."""
    objective = lambda x, w: jnp.sum(jnp.tanh(f(x, w)))
    first = jax.grad(objective, argnums=(0, 1))
    return {
        "value": f(x, w),
        "gradient": first(x, w),
        "jvp": jax.jvp(f, (x, w), (jnp.cos(x), jnp.sin(w)))[1],
        "second": jax.jvp(first, (x, w), (jnp.cos(x), jnp.sin(w)))[1],
    }


def _same(a, b) -> None:
    for (path, left), right in zip(jax.tree_util.tree_leaves_with_path(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, err_msg=jax.tree_util.keystr(path), **TOLERANCE)


@pytest.mark.parametrize("kernel,stride,padding,extra", [SIZES[2], SIZES[4], SIZES[7]])
def test_both_forms_have_equal_values_and_first_and_second_derivatives(kernel, stride, padding, extra) -> None:
    x, w = _arrays(kernel)
    for operation in (
        partial(conv, stride=stride, padding=padding),
        partial(conv_transpose, stride=stride, padding=padding, output_padding=extra),
    ):
        run = jax.jit(lambda x, w, operation=operation: [_everything(partial(operation, form=f), x, w) for f in FORMS])
        _same(*run(x, w))


FORMS = ("library", "matmul")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel,stride,padding,extra", SIZES)
def test_conv_is_the_sum_of_its_definition_and_transpose_its_adjoint(form, kernel, stride, padding, extra) -> None:
    x, w = _arrays(kernel)
    y = jax.jit(partial(conv, stride=stride, padding=padding, form=form))(x, w)
    reference = lax.conv_general_dilated(
        x, w, (stride, stride), ((padding, padding),) * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(y, reference, **TOLERANCE)
    padded = np.pad(np.asarray(x), ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    a, b = y.shape[1] - 1, y.shape[2] - 1
    patch = padded[1, a * stride : a * stride + kernel, b * stride : b * stride + kernel]
    np.testing.assert_allclose(y[1, a, b], np.einsum("ijc,ijco->o", patch, w), **TOLERANCE)
    # <conv x, u> = <x, conv_transpose u>: the kernel keeps its taps and swaps its channels
    u = jnp.sin(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape)
    rows = x.shape[1] - ((y.shape[1] - 1) * stride + kernel - 2 * padding)
    cols = x.shape[2] - ((y.shape[2] - 1) * stride + kernel - 2 * padding)
    back = jax.jit(partial(conv_transpose, stride=stride, padding=padding, output_padding=max(rows, cols), form=form))(
        u, jnp.swapaxes(w, 2, 3)
    )
    back = back[:, : x.shape[1], : x.shape[2]]
    np.testing.assert_allclose(jnp.sum(y * u), jnp.sum(x * back), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sides,stride,padding", [((4, 4), 2, 1), ((2, 4), 2, 0), ((6, 3), 3, 2), ((5, 4), 2, 1)])
def test_a_convolution_in_blocks_has_values_and_derivatives_of_the_library_also_where_the_stride_divides_no_side(
    sides, stride, padding
) -> None:
    key = jax.random.key(1)
    x, w = jax.random.normal(key, (2, 9, 12, 3)), jax.random.normal(key, (*sides, 3, 5)) / 4
    library = partial(conv, stride=stride, padding=padding, form="library")
    blocks = partial(conv_in_blocks, stride=stride, padding=padding, form="matmul")
    _same(*jax.jit(lambda x, w: [_everything(operation, x, w) for operation in (library, blocks)])(x, w))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel,stride,padding,extra", SIZES)
def test_both_operations_are_those_of_pytorch(form, kernel, stride, padding, extra) -> None:
    torch = pytest.importorskip("torch")
    x, w = _arrays(kernel)
    nchw = torch.from_numpy(np.array(x).transpose(0, 3, 1, 2))
    forward = torch.from_numpy(np.array(w).transpose(3, 2, 0, 1))
    backward = torch.from_numpy(np.array(w).transpose(2, 3, 0, 1))
    theirs = torch.nn.functional.conv2d(nchw, forward, stride=stride, padding=padding).numpy()
    ours = jax.jit(partial(conv, stride=stride, padding=padding, form=form))(x, w)
    np.testing.assert_allclose(ours, theirs.transpose(0, 2, 3, 1), **TOLERANCE)
    theirs = torch.nn.functional.conv_transpose2d(nchw, backward, None, stride, padding, extra).numpy()
    ours = jax.jit(partial(conv_transpose, stride=stride, padding=padding, output_padding=extra, form=form))(x, w)
    np.testing.assert_allclose(ours, theirs.transpose(0, 2, 3, 1), **TOLERANCE)


@pytest.mark.slow
def test_the_flax_layers_add_a_bias_to_the_operations() -> None:
    x = jnp.ones((1, 4, 4, 2))
    for layer, operation in ((Conv, conv), (ConvTranspose, conv_transpose)):
        module = layer(2, 3, 4, 2, 1, rngs=nnx.Rngs(0))
        plain = jax.jit(operation, static_argnums=(2, 3))(x, module.kernel[...], 2, 1)
        module.bias[...] = jnp.asarray([1.0, 2.0, 3.0])
        added = np.asarray(nnx.jit(lambda m, v: m(v))(module, x)) - np.asarray(plain)
        np.testing.assert_allclose(added, np.broadcast_to(np.arange(1.0, 4.0), added.shape), atol=1e-5)

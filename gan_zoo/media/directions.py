"""Directions of noise or style along which a generator's images change most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gan_zoo import images
from gan_zoo.errors import UserError
from gan_zoo.files import free_path
from gan_zoo.phases import phase
from gan_zoo.runs.run import Run

if TYPE_CHECKING:  # TensorFlow is loaded when a sheet is drawn
    import keras

    from gan_zoo.game.step import Game


class Sheet(NamedTuple):
    """A sheet that was written.

    Attributes:
        path: Of the file.
        space: ``style`` or ``noise``: in what the directions are.
        shares: How much of the squared size of the first weights each direction has.
        step: Of the checkpoint.
    """

    path: Path
    space: str
    shares: tuple[float, ...]
    step: int


def find_directions(net: keras.Model, number: int) -> tuple[np.ndarray, tuple[float, ...]]:
    """Return the main directions of a generator's first weights, and their shares.

    SeFa (Shen & Zhou 2021, arXiv:2007.06600, section 2.2): the eigenvectors of A A^T with the
    largest eigenvalues, where A [D, units] are the weights that noise or style meets first. In a
    style-based G these are the dense layers of all modulated convolutions side by side; in any
    other G, its first layer. Differs from the authors' code, which first scales each column of A to
    the length 1.

    Args:
        net: G.
        number: How many, at most D.

    Returns:
        Unit vectors [number, D], and the share of each eigenvalue in their sum.

    Raises:
        ValueError: G does not begin with a dense layer, or has fewer directions.
    """
    weights = _first_weights(net)
    if number > len(weights):
        raise ValueError(f"there are {len(weights)} directions; ask for that many or fewer.")
    values, vectors = np.linalg.eigh(weights @ weights.T)  # the smallest first
    shares = tuple(float(value / values.sum()) for value in values[::-1][:number])
    return vectors.T[::-1][:number], shares


def _first_weights(net: keras.Model) -> np.ndarray:
    from gan_zoo.layers import class_axis, layers_in_order
    from gan_zoo.layers.style import ModulatedConv2D, styles_of

    if styles_of(net):
        layers = [layer for layer in layers_in_order(net) if isinstance(layer, ModulatedConv2D)]
        return np.concatenate([layer.affine.numpy().astype(np.float64) for layer in layers], 1)
    shape = net.inputs[0].shape[1:]
    with_kernel = [
        layer
        for layer in layers_in_order(net)
        if hasattr(layer, "kernel") and class_axis(layer) is None
    ]
    kernel = np.asarray(with_kernel[0].kernel, np.float64) if with_kernel else np.zeros((0, 0))
    if len(shape) != 1 or kernel.ndim != 2 or len(kernel) != shape[0]:
        raise ValueError(
            "this generator does not begin with 1-D noise and a dense layer, which directions are"
            " found in; take one that does, such as dcgan or stylegan2."
        )
    return kernel


def directions_of_run(
    folder: Path,
    out: Path | None = None,
    *,
    number: int = 6,
    steps: int = 7,
    span: float = 3.0,
    seed: int = 1,
    size: int = 1024,
    label: str = "",
    step: int | None = None,
    best: bool = False,
    ema: bool = True,
) -> Sheet:
    """Write a sheet: a row for each direction, from -span to span standard deviations along it.

    Args:
        folder: Of the run.
        out: A .png; a free name, ``directions.png``, in the folder by default.
        number: Of directions.
        steps: Images in a row; the middle one is the sample of the seed.
        span: How far to go on both sides, in standard deviations of the noise or the styles along
            that direction.
        seed: Of the sample that changes: the first one that ``gan_zoo sample`` draws of it.
        size: Pixels of the longer side at least, by repeating pixels; 0 keeps the size.
        label: The class of all images, its name or number; the first by default.
        step: Of the checkpoint; the newest by default.
        best: Whether to take the best checkpoint.
        ema: Whether to draw from the moving average, if there is one.

    Raises:
        UserError: There is no run, no such checkpoint or class, or G has no such directions.
    """
    run = Run(folder)
    game, at = run.restore(step, best=best)
    net = game.ema if game.ema is not None and ema else game.gen
    try:
        vectors, shares = find_directions(net, number)
    except ValueError as e:
        raise UserError(f"{folder}: {e}") from e
    along = np.linspace(-span, span, steps)
    with phase("draw samples"):
        made, space = _move(game, net, vectors, along, seed, label, ema)
    sheet = images.grid(made, columns=steps)
    path = out or free_path(folder / "directions.png")
    images.save_png(path, images.enlarge(sheet, size))
    return Sheet(path, space, shares, at)


def _move(
    game: Game,
    net: keras.Model,
    vectors: np.ndarray,
    along: np.ndarray,
    seed: int,
    label: str,
    ema: bool,
) -> tuple[np.ndarray, str]:
    """Return the images ``[directions * steps, H, W, C]``, and in what the directions are."""
    from gan_zoo.game import sampling
    from gan_zoo.game.labels import labels_of_one_class
    from gan_zoo.layers import networks_of_styles
    from gan_zoo.layers.style import moved

    z = sampling.sample_noise(game, 1, seed)

    def draw(noises: np.ndarray) -> np.ndarray:
        labels, _ = labels_of_one_class(game, label, len(noises))
        return sampling.generate(game, noises, labels, ema=ema, batch=len(noises))

    networks = networks_of_styles(net)
    if networks is None:
        spread = sampling.sample_noise(game, 1024, seed).std()
        changes = (vectors[:, None] * along[:, None] * spread).reshape(-1, vectors.shape[1])
        return draw((z + changes).astype(z.dtype)), "noise"
    styles = np.asarray(networks[0](sampling.sample_noise(game, 1024, seed), training=False))
    rows = []
    for vector in vectors:
        spread = (styles @ vector).std()
        for distance in along:
            with moved(net, distance * spread * vector):
                rows.append(draw(z))
    return np.concatenate(rows), "style"

"""Random affine maps and smooth elastic distortions of a batch of images.

After Simard, Steinkraus and Platt (2003), whose displacement fields are white noise smoothed by a
Gaussian, and Ciresan and others (2010), who added rotation and scaling. A field that is smooth has few
degrees of freedom: here it is a sum of Gaussian bumps on a coarse lattice, and the affine map a sum of
three planes, so that the displacements of a whole batch are one product of matrices.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from mnistffn.training.parameters import PARAMETERS, check_ranges

LATTICE = 1.5  # spacing of the bumps in their widths: the field's variance ripples by 2.5% between them


@dataclass(frozen=True)
class Strengths:
    """How far images are distorted; they are never mirrored. 0 turns a distortion off.

    Attributes
    ----------
    rotation : float in [0, 180]
        Largest angle in degrees, to both sides; drawn uniformly, as are the next three.
    scaling : float in [0, 1)
        Largest change of width and height, each by itself, as a part of them.
    shear : float in [0, 1]
        Largest sideways shift of the top against the middle, as a part of their distance.
    shift : float in [0, 1]
        Largest shift in each direction, as a part of the image's side.
    elastic : float in [0, 1]
        Standard deviation of the elastic displacement in each direction, as a part of the image's side.
    elastic_width : float in [0.02, 1]
        Standard deviation of the Gaussian that smooths it, as a part of the image's side.
    """

    rotation: float = PARAMETERS["rotation"].default
    scaling: float = PARAMETERS["scaling"].default
    shear: float = PARAMETERS["shear"].default
    shift: float = PARAMETERS["shift"].default
    elastic: float = PARAMETERS["elastic"].default
    elastic_width: float = PARAMETERS["elastic_width"].default

    def __post_init__(self) -> None:
        check_ranges(vars(self))


class Distortion:
    """Distorts every image of a batch by a random map of its own, on the device of the batch.

    Parameters
    ----------
    image_shape : (int, int)
        Height and width.
    strengths : Strengths

    Examples
    --------
    >>> distort = Distortion((28, 28), Strengths(rotation=0, scaling=0, shear=0, shift=0, elastic=0))
    >>> images = torch.rand(2, 784)
    >>> torch.allclose(distort(images), images, atol=1e-5)
    True
    """

    def __init__(self, image_shape: tuple[int, int], strengths: Strengths) -> None:
        self.image_shape = image_shape
        self.strengths = strengths
        height, width = image_shape
        rows, columns = torch.arange(height) - (height - 1) / 2, torch.arange(width) - (width - 1) / 2
        y, x = (plane.flatten() for plane in torch.meshgrid(rows, columns, indexing="ij"))
        bumps = (
            _bumps(height, strengths.elastic_width * height)[:, None, :, None]
            * _bumps(width, strengths.elastic_width * width)[None, :, None, :]
        )
        bumps = bumps.reshape(-1, height * width)
        # Lengths in half sides, as grid_sample counts them: the image reaches from -1 to 1.
        planes = torch.stack([2 * x / width, 2 * y / height, torch.ones_like(x)])
        self.basis = torch.cat([planes, 2 * strengths.elastic * bumps]) if strengths.elastic else planes
        self.aspect = width / height

    def __call__(self, images: Tensor) -> Tensor:
        """Return distorted images.

        Parameters
        ----------
        images : Tensor of shape (n, pixels), float32

        Returns
        -------
        Tensor of shape (n, pixels), float32
            What a map moves in from outside is 0.
        """
        n = len(images)
        self.basis = self.basis.to(images.device)
        coefficients = torch.randn(n, 2, len(self.basis), device=images.device)
        coefficients[:, :, :2] = self._draw_maps(n, images.device)
        coefficients[:, :, 2] = _uniform((n, 2), 2 * self.strengths.shift, images.device)
        points = (coefficients.view(2 * n, -1) @ self.basis).view(n, 2, *self.image_shape)
        squares = images.view(n, 1, *self.image_shape)
        distorted = grid_sample(squares, points.permute(0, 2, 3, 1), align_corners=False)
        return distorted.view(n, -1)

    def _draw_maps(self, n: int, device: torch.device) -> Tensor:
        """Return the matrices (n, 2, 2) that take a point of the new image to one of the old."""
        s = self.strengths
        angle = _uniform((n,), s.rotation * torch.pi / 180, device)
        shear = _uniform((n,), s.shear, device)
        scale = 1 / (1 + _uniform((n, 2), s.scaling, device))
        cosine, sine = angle.cos(), angle.sin()
        # Rotation times shear times scaling; angles are those of lengths in pixels, hence the aspect.
        first = torch.stack([cosine, (cosine * shear - sine) / self.aspect], dim=1)
        second = torch.stack([sine * self.aspect, sine * shear + cosine], dim=1)
        return torch.stack([first, second], dim=1) * scale[:, None, :]


def _bumps(length: int, width: float) -> Tensor:
    """Return Gaussian bumps over ``length`` pixels, on a lattice that reaches beyond both ends.

    Scaled so that independent standard normal weights give a sum of variance 1, on the average.
    """
    n_bumps = 1 + round((length + 2 * width) / (LATTICE * width))
    reach = (n_bumps - 1) * LATTICE * width / 2
    centres = torch.linspace(-reach, reach, n_bumps)
    pixels = torch.arange(length) - (length - 1) / 2
    bumps = torch.exp(-(((pixels - centres[:, None]) / width) ** 2) / 2)
    return bumps / (bumps**2).sum(dim=0).mean().sqrt()


def _uniform(shape: tuple[int, ...], bound: float, device: torch.device) -> Tensor:
    return torch.empty(shape, device=device).uniform_(-bound, bound)

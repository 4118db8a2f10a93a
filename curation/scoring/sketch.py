"""A random projection of gradients with signs (Rademacher), made block by block and never whole."""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

# Multipliers of a 64-bit mixer (MurmurHash3's), as signed numbers.
_FIRST, _SECOND = 0xFF51AFD7ED558CCD - 2**64, 0xC4CEB9FE1A85EC53 - 2**64


@dataclass(frozen=True)
class Sketch:
    """R x for the concatenated gradient x of all layers, with R (width, n) of entries +-1 / sqrt(width).

    R = H [S_1 D_1, S_2 D_2, ...] / sqrt(width): x is cut into blocks of `width` numbers; D_b gives each number a random
    sign, S_b turns the block by a random shift, and the Hadamard matrix H mixes the sum of the blocks. So each of the
    `width` results is a sum of all of x with independent random signs, as in the projection of LESS (2402.04333); the
    results share their signs, which makes a number of x cost one addition in place of `width`. Inner products are kept
    in the mean, with no larger an error than by signs that are all independent: a variance of at most
    (|x|^2 |y|^2 + (x.y)^2) / width.

    Signs and shifts are hashed from seed, layer and place, so they do not depend on batches or on the device.

    Attributes:
        width: Numbers that are left of a gradient; a power of 2.
        seed: Of signs and shifts.
    """

    width: int
    seed: int

    def folded(self, name: str, x: Tensor) -> Tensor:
        """What a layer adds to the sum of blocks, before H: (b, n) gradients -> (b, width)."""
        count = x.shape[1]
        signs = 1 - 2 * (_mixed(torch.arange(count, device=x.device) + self._key(name, "signs")) & 1)
        shifts = _mixed(torch.arange(-(-count // self.width)) + self._key(name, "shifts")) & (self.width - 1)
        turned = gathered if x.is_cuda else sliced
        return turned(x, signs.to(x.dtype), shifts, self.width)

    def mixed(self, sums: Tensor) -> Tensor:
        """H and the scale, once all layers are in the sums: (b, width) -> (b, width)."""
        half = 1
        while half < self.width:
            pairs = sums.view(len(sums), self.width // (2 * half), 2, half)
            first, second = pairs[:, :, 0], pairs[:, :, 1]
            sums = torch.stack([first + second, first - second], 2).view(len(sums), self.width)
            half *= 2
        return sums / math.sqrt(self.width)

    def _key(self, name: str, use: str) -> int:
        digest = hashlib.sha256(f"{self.seed}/{name}/{use}".encode()).digest()
        return int.from_bytes(digest[:7], "big")


def sliced(x: Tensor, signs: Tensor, shifts: Tensor, width: int) -> Tensor:
    """(b, n) with (n,) signs, cut into blocks, each turned by its shift, added up: (b, width). Fast on a CPU.

    Args:
        x: The numbers.
        signs: +-1.
        shifts: (blocks,) how far each block is turned to the right.
        width: Of a block; the last one may be shorter.
    """
    sums = x.new_zeros(len(x), width)
    for start, shift in zip(range(0, x.shape[1], width), shifts.tolist(), strict=True):
        block, sign = x[:, start : start + width], signs[start : start + width]
        before = min(width - shift, len(sign))
        sums[:, shift : shift + before].addcmul_(block[:, :before], sign[:before])
        sums[:, : len(sign) - before].addcmul_(block[:, before:], sign[before:])
    return sums


def gathered(x: Tensor, signs: Tensor, shifts: Tensor, width: int) -> Tensor:
    """The same in a few operations on all blocks at once, which a GPU likes."""
    blocks = len(shifts)
    padded = torch.nn.functional.pad(x * signs, (0, blocks * width - x.shape[1]))
    places = (torch.arange(width, device=x.device) - shifts.to(x.device)[:, None]) & (width - 1)
    places += width * torch.arange(blocks, device=x.device)[:, None]
    return padded.index_select(1, places.flatten()).view(len(x), blocks, width).sum(1)


def _mixed(x: Tensor) -> Tensor:
    """Hash each 64-bit number; products wrap around."""
    for factor in (_FIRST, _SECOND):
        x = (x ^ ((x >> 33) & 0x7FFFFFFF)) * factor
    return (x ^ ((x >> 33) & 0x7FFFFFFF)) >> 16

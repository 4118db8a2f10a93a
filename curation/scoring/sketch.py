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

    R = H [P_1 D_1, P_2 D_2, ...] / sqrt(width): x is cut into blocks of `width` numbers; D_b gives each number a random
    sign, P_b puts them in a random order, and the Hadamard matrix H mixes the sum of the blocks. So each of the
    `width` results is a sum of all of x with independent random signs, as in the projection of LESS (2402.04333); the
    results share their signs, which makes a number of x cost one addition in place of `width`. Inner products are kept
    in the mean, with the same error as by independent signs: a variance of about (|x|^2 |y|^2 + (x.y)^2) / width.

    Signs and orders are hashed from seed, layer and place, so they do not depend on batches or on the device.

    Attributes:
        width: Numbers that are left of a gradient; a power of 2.
        seed: Of signs and orders.
    """

    width: int
    seed: int

    def folded(self, name: str, x: Tensor) -> Tensor:
        """What a layer adds to the sum of blocks, before H: (b, n) gradients -> (b, width)."""
        rows, count = x.shape
        blocks = math.ceil(count / self.width)
        places = torch.arange(blocks * self.width, device=x.device)
        signs = 1 - 2 * (_mixed(places + self._key(name, "signs")) & 1)
        padded = x.new_zeros(rows, blocks * self.width)
        torch.mul(x, signs[:count].to(x.dtype), out=padded[:, :count])
        return padded[:, self._order(name, blocks, x.device)].view(rows, blocks, self.width).sum(1)

    def mixed(self, sums: Tensor) -> Tensor:
        """H and the scale, once all layers are in the sums: (b, width) -> (b, width)."""
        half = 1
        while half < self.width:
            pairs = sums.view(len(sums), -1, 2, half)
            first, second = pairs[:, :, 0], pairs[:, :, 1]
            sums = torch.stack([first + second, first - second], 2).view(len(sums), self.width)
            half *= 2
        return sums / math.sqrt(self.width)

    def _order(self, name: str, blocks: int, device: torch.device) -> Tensor:
        """(blocks width,) from where each block's numbers are taken: j = q_b (i + s_b) mod width, with q_b odd."""
        drawn = _mixed(torch.arange(2 * blocks, device=device) + self._key(name, "order"))
        steps, shifts = drawn[:blocks, None] | 1, drawn[blocks:, None]
        within = (steps * (torch.arange(self.width, device=device) + shifts)) & (self.width - 1)
        return (within + self.width * torch.arange(blocks, device=device)[:, None]).flatten()

    def _key(self, name: str, use: str) -> int:
        digest = hashlib.sha256(f"{self.seed}/{name}/{use}".encode()).digest()
        return int.from_bytes(digest[:7], "big")


def _mixed(x: Tensor) -> Tensor:
    """Hash each 64-bit number; products wrap around."""
    for factor in (_FIRST, _SECOND):
        x = (x ^ ((x >> 33) & 0x7FFFFFFF)) * factor
    return (x ^ ((x >> 33) & 0x7FFFFFFF)) >> 16

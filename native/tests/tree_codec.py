"""H2O's compressed trees, read and written back with other choices than H2O's: what its files hold rarely."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace

NUMBER, INLINE_SET, SET = 0, 8, 12
NA_VS_REST = 1


@dataclass(frozen=True)
class Leaf:
    value: bytes


@dataclass(frozen=True)
class Split:
    kind: int
    column: int
    direction: int  # of missing values
    condition: bytes  # threshold or set, as in the file
    left: "Leaf | Split"
    right: "Leaf | Split"


Tree = Leaf | Split


def parse_tree(data: bytes) -> Tree:
    if data[1:3] == b"\xff\xff":
        return Leaf(data[3:7])
    tree, end = _parse(data, 0)
    assert end == len(data)
    return tree


def _parse(data: bytes, at: int) -> tuple[Split, int]:
    kind, (column, direction), start = data[at] & 12, struct.unpack_from("<HB", data, at + 1), at + 4
    at = start
    if direction != NA_VS_REST:
        at += 4 if kind != SET else 6 + (struct.unpack_from("<i", data, at + 2)[0] + 7) // 8
    condition, children = data[start:at], []
    width = (data[start - 4] & 3) + 1
    for is_leaf in (data[start - 4] & 0x30, data[start - 4] & 0xC0):
        if is_leaf:
            children.append(Leaf(data[at : at + 4]))
            at += 4
        else:
            child, at = _parse(data, at if children else at + width)
            children.append(child)
    return Split(kind, column, direction, condition, *children), at


def write_tree(tree: Tree, *, width: int = 1, in_bits: bool = True) -> bytes:
    """Return the bytes; sizes take at least `width` of them; before 1.20 sets counted in bytes, not bits."""
    if isinstance(tree, Leaf):
        return b"\0\xff\xff" + tree.value
    kind = tree.kind
    left, right = (_write_child(child, width, in_bits) for child in (tree.left, tree.right))
    condition = tree.condition
    if kind == SET and condition and not in_bits:
        first, bits = struct.unpack("<Hi", condition[:6])
        condition = struct.pack("<HH", first, (bits + 7) // 8) + condition[6:]
    size, type_ = b"", kind
    if isinstance(tree.left, Leaf):
        type_ |= 0x30
    else:
        used = max(width, (len(left).bit_length() + 7) // 8)
        type_ |= used - 1
        size = len(left).to_bytes(used, "little")
    if isinstance(tree.right, Leaf):
        type_ |= 0xC0
    return struct.pack("<BHB", type_, tree.column, tree.direction) + condition + size + left + right


def _write_child(tree: Tree, width: int, in_bits: bool) -> bytes:
    return tree.value if isinstance(tree, Leaf) else write_tree(tree, width=width, in_bits=in_bits)


def change_splits(tree: Tree, change: Callable[[Split], Split]) -> Tree:
    if isinstance(tree, Leaf):
        return tree
    children = [change_splits(child, change) for child in (tree.left, tree.right)]
    return change(replace(tree, left=children[0], right=children[1]))


def turn_missing(split: Split, direction: int) -> Split:
    """Return the split with missing values sent elsewhere; NA_VS_REST only where the split is by number."""
    if split.direction == NA_VS_REST:
        # What it was compared with is not in the file any more.
        return replace(split, direction=direction, condition=struct.pack("<f", 0.25 * split.column))
    if direction != NA_VS_REST:
        return replace(split, direction=direction)
    return split if split.kind != NUMBER else replace(split, direction=direction, condition=b"")

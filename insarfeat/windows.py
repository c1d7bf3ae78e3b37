"""Value types for places on a raster: windows, halos, steps, tiles.

Rows count from the top and columns from the left, whatever the direction of the coordinates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from insarfeat.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Shape:
    """Height and width of a raster in pixels."""

    height: int
    width: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width


@dataclass(frozen=True, slots=True)
class Halo:
    """Pixels that an output pixel needs beyond its own place, side by side.

    >>> Halo.square(1) + Halo(top=2, bottom=0, left=0, right=5)
    Halo(top=3, bottom=1, left=1, right=6)
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    def __post_init__(self) -> None:
        if min(self.top, self.bottom, self.left, self.right) < 0:
            raise InvalidArgument(f"halo must not be negative on any side; got {self}")

    @classmethod
    def square(cls, reach: int) -> Halo:
        """The same reach to all sides."""
        return cls(reach, reach, reach, reach)

    @classmethod
    def window(cls, height: int, width: int) -> Halo:
        """Reach of a window centred on the pixel; both sizes are odd.

        >>> Halo.window(5, 3)
        Halo(top=2, bottom=2, left=1, right=1)
        """
        return cls(height // 2, height // 2, width // 2, width // 2)

    def __add__(self, other: Halo) -> Halo:
        return Halo(
            self.top + other.top,
            self.bottom + other.bottom,
            self.left + other.left,
            self.right + other.right,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """Input rows and columns per output row and column, as of a multilook."""

    rows: int = 1
    columns: int = 1

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1:
            raise InvalidArgument(f"step must be at least 1 in both directions; got {self}")


NO_HALO = Halo()
NO_STEP = Step()


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of pixels: its first row and column, its height and width.

    >>> window = Window(top=4, left=0, height=2, width=3)
    >>> window.slices
    (slice(4, 6, None), slice(0, 3, None))
    >>> window.expanded(Halo.square(2), within=Shape(7, 9))
    Window(top=2, left=0, height=5, width=5)
    """

    top: int
    left: int
    height: int
    width: int

    @classmethod
    def whole(cls, shape: Shape) -> Window:
        """The window that covers a raster."""
        return cls(0, 0, shape.height, shape.width)

    @property
    def bottom(self) -> int:
        """Row after the last."""
        return self.top + self.height

    @property
    def right(self) -> int:
        """Column after the last."""
        return self.left + self.width

    @property
    def shape(self) -> Shape:
        """Height and width."""
        return Shape(self.height, self.width)

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height * self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window into an array of the whole raster."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def expanded(self, halo: Halo, *, within: Shape) -> Window:
        """The window with a halo around it, cut at the raster's edges."""
        top = max(self.top - halo.top, 0)
        left = max(self.left - halo.left, 0)
        bottom = min(self.bottom + halo.bottom, within.height)
        right = min(self.right + halo.right, within.width)
        return Window(top, left, max(bottom - top, 0), max(right - left, 0))

    def cut_to(self, shape: Shape) -> Window:
        """The part of the window that lies on a raster.

        >>> Window(top=-2, left=3, height=5, width=5).cut_to(Shape(9, 6))
        Window(top=0, left=3, height=3, width=3)
        """
        return self.expanded(NO_HALO, within=shape)

    def scaled(self, step: Step) -> Window:
        """The input pixels under these output pixels of an operator with a step."""
        return Window(
            self.top * step.rows,
            self.left * step.columns,
            self.height * step.rows,
            self.width * step.columns,
        )

    def union(self, other: Window) -> Window:
        """The smallest window that holds both."""
        top, left = min(self.top, other.top), min(self.left, other.left)
        bottom, right = max(self.bottom, other.bottom), max(self.right, other.right)
        return Window(top, left, bottom - top, right - left)

    def intersection(self, other: Window) -> Window:
        """The pixels that both windows hold; empty where they hold none.

        >>> Window(0, 0, 4, 4).intersection(Window(2, 3, 9, 9)), Window(0, 0, 1, 1).intersection(Window(5, 0, 1, 1))
        (Window(top=2, left=3, height=2, width=1), Window(top=5, left=0, height=0, width=1))
        """
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom, right = min(self.bottom, other.bottom), min(self.right, other.right)
        return Window(top, left, max(bottom - top, 0), max(right - left, 0))

    def grown(self, reach: int) -> Window:
        """The window with ``reach`` pixels more on every side, wherever they lie."""
        return Window(self.top - reach, self.left - reach, self.height + 2 * reach, self.width + 2 * reach)

    def seen_from(self, outer: Window) -> Window:
        """The same pixels, counted from the first pixel of another window.

        >>> Window(4, 4, 2, 2).seen_from(Window(3, 1, 8, 8))
        Window(top=1, left=3, height=2, width=2)
        """
        return Window(self.top - outer.top, self.left - outer.left, self.height, self.width)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: its number, the pixels it is answerable for, and the pixels it reads for them."""

    number: int
    core: Window
    outer: Window

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where the core lies in an array of the outer window."""
        return self.core.seen_from(self.outer).slices


class TileGrid:
    """All tiles of a raster, in reading order; nothing is stored but the sizes.

    Parameters
    ----------
    shape
        Height and width of the raster.
    tile
        Side of the square tiles, or (height, width). Tiles at the far edges are cut.
    halo
        Pixels that a tile reads beyond its core: a number for all sides, or a :class:`Halo`.

    Examples
    --------
    >>> grid = TileGrid((5, 4), tile=3, halo=1)
    >>> len(grid), grid[1].core
    (4, Window(top=0, left=3, height=3, width=1))
    >>> grid[1].outer
    Window(top=0, left=2, height=4, width=2)
    >>> sum(tile.core.pixels for tile in grid)
    20
    """

    def __init__(
        self, shape: Shape | tuple[int, int], tile: int | tuple[int, int], halo: int | Halo = NO_HALO
    ) -> None:
        self.shape = shape if isinstance(shape, Shape) else Shape(*shape)
        self.tile = Shape(tile, tile) if isinstance(tile, int) else Shape(*tile)
        self.halo = Halo.square(halo) if isinstance(halo, int) else halo
        if min(self.shape.height, self.shape.width) < 0:
            raise InvalidArgument(f"shape must not be negative; got {shape}")
        if min(self.tile.height, self.tile.width) < 1:
            raise InvalidArgument(f"tile must be at least 1 pixel on each side; got {tile}")
        self.rows = -(-self.shape.height // self.tile.height)
        self.columns = -(-self.shape.width // self.tile.width)

    def __repr__(self) -> str:
        return (
            f"TileGrid({self.shape.height} x {self.shape.width}, tile {self.tile.height} x {self.tile.width}, "
            f"{len(self)} tiles)"
        )

    def __len__(self) -> int:
        return self.rows * self.columns

    def __getitem__(self, number: int) -> Tile:
        if not -len(self) <= number < len(self):
            raise IndexError(f"tile {number} of {len(self)}")
        number %= len(self)
        row, column = divmod(number, self.columns)
        top, left = row * self.tile.height, column * self.tile.width
        core = Window(
            top,
            left,
            min(self.tile.height, self.shape.height - top),
            min(self.tile.width, self.shape.width - left),
        )
        return Tile(number, core, core.expanded(self.halo, within=self.shape))

    def __iter__(self) -> Iterator[Tile]:
        return (self[number] for number in range(len(self)))
